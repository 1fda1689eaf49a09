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

static void hashes_names (void) {
  unsigned char out[DIGEST_SHA1_SIZE];
  char hex[2 * DIGEST_SHA1_SIZE];
  CHECK(digest_sha1("abc", 3, out));
  digest_hex(out, sizeof out, hex);
  CHECK(memcmp(hex, "a9993e364706816aba3e25717850c26c9cd0d89d", sizeof hex) == 0);
}

/* A key of no use, made for this test. That its signatures are right is proven by spec/credentials/login_spec.lua. */
static const char p256[] = "-----BEGIN EC PRIVATE KEY-----\n"
                           "MHcCAQEEIE21UQ0FGq4cWAWtr7UD8H9bQMOkSkvYtTuWiZQcl5dNoAoGCCqGSM49\n"
                           "AwEHoUQDQgAEyb4WbApiSF39/D2jT0Z860m1fJRX8PYEEQ3nSFFaAVMx2IQQ57hL\n"
                           "ZKphM9qrGYUezCcMGS0BF4NQd/JsODmVaw==\n"
                           "-----END EC PRIVATE KEY-----\n";
static const char p384[] = "-----BEGIN EC PRIVATE KEY-----\n"
                           "MIGkAgEBBDDqSxeD1CNqEssX0K4IMaSFADSIgzNUImvDFv1S9hdwW3B0SHPcDqaZ\n"
                           "XuqNsfJToOigBwYFK4EEACKhZANiAASIFqO9Xpy7DvPjQVswE9gd8HJepdjQx07A\n"
                           "YrDNhnSzoKLeAl8OlD0PrvCWe5MIRo7/7Dp2CZbZHVTV/+xAffcqFSQ0kc4o6wsG\n"
                           "OE9i5jvTLI9EcrF73RX8/j39Fg7bwNw=\n"
                           "-----END EC PRIVATE KEY-----\n";

static void signs_es256_with_its_curve_alone (void) {
  Es256 a, b;
  CHECK(es256_sign(p256, sizeof p256 - 1, "x", 1, &a) == NULL);
  CHECK(es256_sign(p256, sizeof p256 - 1, "x", 1, &b) == NULL);
  CHECK(memcmp(a.x, b.x, sizeof a.x) == 0 && memcmp(a.y, b.y, sizeof a.y) == 0);
  CHECK(strcmp(es256_sign(p384, sizeof p384 - 1, "x", 1, &a), "not a key on the curve P-256") == 0);
  CHECK(strcmp(es256_sign("junk", 4, "x", 1, &a), "not a private key in PEM") == 0);
  CHECK(strcmp(es256_sign("", 0, "x", 1, &a), "not a private key in PEM") == 0);
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
  hashes_names();
  signs_es256_with_its_curve_alone();
  is_closed_twice_and_refuses_then(&d);
  digest_wipe(secret, sizeof secret);
  CHECK(memcmp(secret, "\0\0\0\0\0\0", sizeof secret) == 0);
  return check_done();
}
