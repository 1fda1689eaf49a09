#include "random.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "digest.h"

int random_bytes (void *out, size_t len) {
  char *p = out;
  while (len) { /* getentropy gives 256 at most */
    size_t n = len < 256 ? len : 256;
    if (getentropy(p, n) != 0) return 0;
    p += n;
    len -= n;
  }
  return 1;
}

int random_uuid (char out[UUID_TEXT]) {
  unsigned char bytes[16];
  char hex[32], *p = hex;
  if (!random_bytes(bytes, sizeof bytes)) return 0;
  bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
  bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
  digest_hex(bytes, sizeof bytes, hex);
  for (int i = 0; i < UUID_TEXT; i++)
    out[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : *p++;
  return 1;
}
