#include "engine/digest.h"

#include <string.h>

#include "../support/check.h"

static int hex_is (const unsigned char hash[DIGEST_SIZE], const char *expected) {
  char hex[2 * DIGEST_SIZE];
  digest_hex(hash, DIGEST_SIZE, hex);
  return memcmp(hex, expected, sizeof hex) == 0;
}

/* FIPS 180-4's examples, one after the other with one context. */
static void hashes (Digest *d) {
  unsigned char out[DIGEST_SIZE];
  for (int i = 0; i < 2; i++) {
    CHECK(digest_sha256(d, "", 0, out));
    CHECK(hex_is(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK(digest_sha256(d, "abc", 3, out));
    CHECK(hex_is(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(digest_sha256(d, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out));
    CHECK(hex_is(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
  }
}

/* RFC 4231, cases 1, 2, 6 and 7. */
static void signs_with_keys_of_any_length (Digest *d) {
  unsigned char out[DIGEST_SIZE], key[131];
  Hmac h;
  CHECK(hmac_open(&h, d));
  memset(key, 0x0B, 20);
  CHECK(hmac_key(&h, key, 20) && hmac_sign(&h, "Hi There", 8, out));
  CHECK(hex_is(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  CHECK(hmac_key(&h, "Jefe", 4) && hmac_sign(&h, "what do ya want for nothing?", 28, out));
  CHECK(hex_is(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  memset(key, 0xAA, sizeof key);
  CHECK(hmac_key(&h, key, sizeof key));
  for (int i = 0; i < 3; i++) { /* the key is kept from one message to the next */
    CHECK(hmac_sign(&h, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out));
    CHECK(hex_is(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
  }
  hmac_close(&h);
}

static void is_closed_twice_and_refuses_then (Digest *d) {
  unsigned char out[DIGEST_SIZE];
  Hmac h;
  digest_close(d);
  digest_close(d);
  CHECK(!digest_sha256(d, "", 0, out));
  CHECK(!hmac_open(&h, d));
  hmac_close(&h);
}

int main (void) {
  Digest d;
  char secret[] = "secret";
  CHECK(digest_mismatch() == NULL);
  digest_open(&d);
  hashes(&d);
  signs_with_keys_of_any_length(&d);
  is_closed_twice_and_refuses_then(&d);
  digest_wipe(secret, sizeof secret);
  CHECK(memcmp(secret, "\0\0\0\0\0\0", sizeof secret) == 0);
  return check_done();
}
