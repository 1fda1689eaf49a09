#include "seal.h"

#include "base64.h"

#define TAG 16
#define HEAD (1 + TAG)

enum { VERSION_UNSIGNED = 1, VERSION_SIGNED = 2 };

/* What unsigned texts are tagged with: no secret, a name. */
static const SealKey public_key = {"dynamodb-lua unsigned seal 1", 28};

/* Appends the context, its length before it so that no byte can move from one part to the other. */
static int put_context (Buffer *b, const char *context, size_t len) {
  uint64_t length = len;
  char bytes[8];
  for (int i = 0; i < 8; i++)
    bytes[i] = (char)(length >> (56 - 8 * i));
  return buffer_append(b, bytes, sizeof bytes) && buffer_append(b, context, len);
}

/* The tag of `message` under one key. */
static int tag_of (Hmac *h, const SealKey *key, const Buffer *message, unsigned char tag[DIGEST_SIZE]) {
  return hmac_key(h, key->bytes, key->len) && hmac_sign(h, message->data, message->len, tag);
}

/* Base64 of `message` with the URL's alphabet. */
static int put_text (Buffer *out, const Buffer *message) {
  size_t start = out->len;
  if (!base64_encode(out, message->data, message->len)) return 0;
  while (out->len > start && out->data[out->len - 1] == '=')
    out->len--;
  for (size_t i = start; i < out->len; i++) {
    if (out->data[i] == '+') out->data[i] = '-';
    if (out->data[i] == '/') out->data[i] = '_';
  }
  return 1;
}

int seal (Digest *d, Buffer *out, const char *context, size_t context_len, const char *bytes, size_t len,
          const SealKey *key) {
  Buffer tagged = {0}, message = {0};
  Hmac h = {0};
  unsigned char tag[DIGEST_SIZE];
  int ok = hmac_open(&h, d) && put_context(&tagged, context, context_len) && buffer_append(&tagged, bytes, len) &&
           tag_of(&h, key ? key : &public_key, &tagged, tag) &&
           buffer_byte(&message, key ? VERSION_SIGNED : VERSION_UNSIGNED) && buffer_append(&message, tag, TAG) &&
           buffer_append(&message, bytes, len) && put_text(out, &message);
  hmac_close(&h);
  buffer_free(&tagged);
  buffer_free(&message);
  return ok;
}

/* Is `text` what sealing these bytes gives? Base64 has spare bits, in which a text could be changed. */
static SealVerdict check_form (const Buffer *message, const char *text, size_t len) {
  Buffer again = {0};
  SealVerdict verdict = SEAL_FAILED;
  if (put_text(&again, message))
    verdict = again.len == len && memcmp(again.data, text, len) == 0 ? SEAL_OPENED : SEAL_MALFORMED;
  buffer_free(&again);
  return verdict;
}

/* The decoded text, or SEAL_MALFORMED. */
static SealVerdict get_message (Buffer *message, const char *text, size_t len) {
  Buffer plain = {0};
  SealVerdict verdict = SEAL_FAILED;
  if (buffer_append(&plain, text, len) && buffer_append(&plain, "===", (4 - len % 4) % 4) &&
      buffer_reserve(message, base64_room(plain.len) + 1)) {
    for (size_t i = 0; i < len; i++) {
      if (text[i] == '-') plain.data[i] = '+';
      if (text[i] == '_') plain.data[i] = '/';
    }
    long decoded = base64_decode(plain.data, plain.len, message->data);
    message->len = decoded > 0 ? (size_t)decoded : 0;
    verdict = decoded >= HEAD ? check_form(message, text, len) : SEAL_MALFORMED;
  }
  buffer_free(&plain);
  return verdict;
}

/* Is the tag that of any of the keys? All are tried, whatever the first one says. */
static SealVerdict check_tag (Digest *d, const Buffer *tagged, const char *tag, const SealKey *keys, int count) {
  Hmac h = {0};
  int found = 0, ok = hmac_open(&h, d);
  for (int i = 0; ok && i < count; i++) {
    unsigned char own[DIGEST_SIZE];
    ok = tag_of(&h, &keys[i], tagged, own);
    found |= ok && digest_equal(own, tag, TAG);
  }
  hmac_close(&h);
  return !ok ? SEAL_FAILED : found ? SEAL_OPENED : SEAL_FOREIGN;
}

SealVerdict unseal (Digest *d, Buffer *out, const char *context, size_t context_len, const char *text, size_t len,
                    const SealKey *keys, int count) {
  Buffer message = {0}, tagged = {0};
  SealVerdict verdict = get_message(&message, text, len);
  if (verdict == SEAL_OPENED) {
    char version = message.data[0];
    if (version != VERSION_UNSIGNED && version != VERSION_SIGNED)
      verdict = SEAL_MALFORMED;
    else if (count > 0 && version == VERSION_UNSIGNED)
      verdict = SEAL_UNSIGNED;
    else if (count == 0 && version == VERSION_SIGNED)
      verdict = SEAL_SIGNED;
    else if (!put_context(&tagged, context, context_len) ||
             !buffer_append(&tagged, message.data + HEAD, message.len - HEAD))
      verdict = SEAL_FAILED;
    else
      verdict = check_tag(d, &tagged, message.data + 1, count ? keys : &public_key, count ? count : 1);
    if (verdict == SEAL_OPENED && !buffer_append(out, message.data + HEAD, message.len - HEAD)) verdict = SEAL_FAILED;
  }
  buffer_free(&message);
  buffer_free(&tagged);
  return verdict;
}
