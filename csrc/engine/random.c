#include "random.h"

#include <sys/mman.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "digest.h"

enum { UUID_BYTES = 16 };

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

static void write_uuid (unsigned char bytes[UUID_BYTES], char out[UUID_TEXT]) {
  char hex[2 * UUID_BYTES], *p = hex;
  bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40);
  bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
  digest_hex(bytes, UUID_BYTES, hex);
  for (int i = 0; i < UUID_TEXT; i++)
    out[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : *p++;
}

int random_uuid (char out[UUID_TEXT]) {
  unsigned char bytes[UUID_BYTES];
  if (!random_bytes(bytes, sizeof bytes)) return 0;
  write_uuid(bytes, out);
  return 1;
}

/* {==== A store ==== */

/* The only thing in its pages: what a fork empties is all of a page. Zero, as then, means that nothing is left. */
struct RandomStore {
  size_t left;
  unsigned char bytes[16][UUID_BYTES];
};

RandomStore *random_store_open (void) {
#if defined(MADV_WIPEONFORK)
  void *store = mmap(NULL, sizeof(RandomStore), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (store == MAP_FAILED) return NULL;
  if (madvise(store, sizeof(RandomStore), MADV_WIPEONFORK) == 0) return store;
  munmap(store, sizeof(RandomStore)); /* an older kernel */
#endif
  return NULL;
}

void random_store_close (RandomStore *store) {
  if (store) munmap(store, sizeof *store);
}

int random_store_uuid (RandomStore *store, char out[UUID_TEXT]) {
  if (!store) return random_uuid(out);
  if (store->left == 0) {
    if (!random_bytes(store->bytes, sizeof store->bytes)) return 0;
    store->left = sizeof store->bytes / UUID_BYTES;
  }
  write_uuid(store->bytes[--store->left], out);
  return 1;
}

/* }==== */
