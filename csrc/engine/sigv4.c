#include "sigv4.h"

#include <stdlib.h>

#include "sigv4_canonical.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

static int append (Buffer *b, Slice s) {
  return buffer_append(b, s.data, s.len);
}

/* {== The signer == */

int sigv4_open (SigV4 *s, Digest *digest) {
  Slice *fields[] = {&s->access_key_id, &s->secret_access_key, &s->session_token, &s->region, &s->service};
  size_t count = sizeof fields / sizeof *fields;
  s->strings_len = 0;
  for (size_t i = 0; i < count; i++)
    s->strings_len += fields[i]->len;
  s->strings = malloc(s->strings_len + 1);
  if (!s->strings) return 0;
  char *to = s->strings;
  for (size_t i = 0; i < count; i++) {
    if (fields[i]->len) memcpy(to, fields[i]->data, fields[i]->len);
    fields[i]->data = to;
    to += fields[i]->len;
  }
  s->digest = digest;
  if (hmac_open(&s->key, digest)) return 1;
  sigv4_close(s);
  return 0;
}

void sigv4_close (SigV4 *s) {
  if (s->strings) digest_wipe(s->strings, s->strings_len);
  free(s->strings);
  hmac_close(&s->key);
  buffer_free(&s->canonical);
  buffer_free(&s->work);
  buffer_free(&s->headers);
  buffer_free(&s->pairs);
  memset(s, 0, sizeof *s);
}

/* Derives the signing key of a day and region, unless it is the one at hand. */
static int derive_key (SigV4 *s, const char date[SIGV4_DATE]) {
  unsigned char key[DIGEST_SIZE];
  if (memcmp(s->date, date, sizeof s->date) == 0) return 1;
  memset(s->date, 0, sizeof s->date);
  Buffer *secret = &s->work;
  buffer_reset(secret, SIGV4_KEEP);
  buffer_literal(secret, "AWS4");
  if (!append(secret, s->secret_access_key)) return 0;
  int ok = hmac_key(&s->key, secret->data, secret->len) && hmac_sign(&s->key, date, 8, key) &&
           hmac_key(&s->key, key, sizeof key) && hmac_sign(&s->key, s->region.data, s->region.len, key) &&
           hmac_key(&s->key, key, sizeof key) && hmac_sign(&s->key, s->service.data, s->service.len, key) &&
           hmac_key(&s->key, key, sizeof key) && hmac_sign(&s->key, "aws4_request", 12, key) &&
           hmac_key(&s->key, key, sizeof key);
  digest_wipe(secret->data, secret->len);
  digest_wipe(key, sizeof key);
  if (ok) memcpy(s->date, date, sizeof s->date);
  return ok;
}

static char *put_number (char *p, int value, int digits) {
  for (int i = digits; i-- > 0; value /= 10)
    p[i] = (char)('0' + value % 10);
  return p + digits;
}

void sigv4_date (int64_t time, char out[SIGV4_DATE]) {
  int64_t days = time / 86400, seconds = time % 86400;
  if (seconds < 0) days--, seconds += 86400;
  /* Days since 0000-03-01, in eras of 400 years: leap days come last in a year that starts in March. */
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int day = (int)(days - era * 146097);
  int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  day -= 365 * year + year / 4 - year / 100;
  int month = (5 * day + 2) / 153;
  day -= (153 * month + 2) / 5;
  month += month < 10 ? 3 : -9;
  char *p = put_number(out, (int)(year + era * 400 + (month <= 2)), 4);
  p = put_number(put_number(p, month, 2), day + 1, 2);
  *p++ = 'T';
  p = put_number(p, (int)(seconds / 3600), 2);
  p = put_number(put_number(p, (int)(seconds / 60 % 60), 2), (int)(seconds % 60), 2);
  *p = 'Z';
}

/* ==} */

/* {== Signing == */

static void append_hash (Buffer *b, const unsigned char hash[DIGEST_SIZE]) {
  char *out = buffer_reserve(b, 2 * DIGEST_SIZE);
  if (!out) return;
  digest_hex(hash, DIGEST_SIZE, out);
  b->len += 2 * DIGEST_SIZE;
}

/* Hashes the canonical request and signs the string made of it. `signed_from` is where the names' list starts in it. */
static int finish (SigV4 *s, const char date[SIGV4_DATE], size_t signed_from, size_t signed_len, Signature *out) {
  unsigned char hash[DIGEST_SIZE];
  Buffer *b = &s->canonical;
  if (b->failed || !digest_sha256(s->digest, b->data, b->len, hash) || !derive_key(s, date)) return 0;
  size_t string = b->len;
  buffer_literal(b, ALGORITHM "\n");
  buffer_append(b, date, SIGV4_DATE);
  buffer_byte(b, '\n');
  size_t scope = b->len;
  buffer_append(b, date, 8);
  buffer_byte(b, '/');
  append(b, s->region);
  buffer_byte(b, '/');
  append(b, s->service);
  buffer_literal(b, "/aws4_request");
  size_t scope_len = b->len - scope;
  buffer_byte(b, '\n');
  append_hash(b, hash);
  if (b->failed || !hmac_sign(&s->key, b->data + string, b->len - string, hash)) return 0;
  memcpy(out->date, date, SIGV4_DATE);
  digest_hex(hash, DIGEST_SIZE, out->hex);
  out->signed_headers = (Slice){b->data + signed_from, signed_len};
  out->scope = (Slice){b->data + scope, scope_len};
  return 1;
}

static int append_payload_hash (SigV4 *s, Slice body) {
  unsigned char hash[DIGEST_SIZE];
  if (!digest_sha256(s->digest, body.data, body.len, hash)) return 0;
  append_hash(&s->canonical, hash);
  return 1;
}

int sigv4_sign_prepared (SigV4 *s, const SigRequest *r, const char date[SIGV4_DATE], Signature *out) {
  Buffer *b = &s->canonical;
  buffer_reset(b, SIGV4_KEEP);
  append(b, r->method);
  buffer_byte(b, '\n');
  canonical_path(s, r->path);
  buffer_literal(b, "\n\n");
  for (size_t i = 0; i < r->count; i++) {
    append(b, r->headers[i].name);
    buffer_byte(b, ':');
    append(b, r->headers[i].value);
    buffer_byte(b, '\n');
  }
  buffer_byte(b, '\n');
  size_t signed_from = b->len;
  for (size_t i = 0; i < r->count; i++) {
    if (i) buffer_byte(b, ';');
    append(b, r->headers[i].name);
  }
  size_t signed_len = b->len - signed_from;
  buffer_byte(b, '\n');
  return append_payload_hash(s, r->body) && finish(s, date, signed_from, signed_len, out);
}

static int is_payload_hash (const Pair *header) {
  static const char name[] = "x-amz-content-sha256";
  return header->name_len == sizeof name - 1 && memcmp(header->base + header->name, name, sizeof name - 1) == 0;
}

/* Path, query and headers in canonical form; the payload hash is the body's unless x-amz-content-sha256 has another. */
static int sign_pairs (SigV4 *s, const SigRequest *r, Slice query, const char *date, Pairs pairs, Signature *out) {
  Buffer *b = &s->canonical;
  const Pair *payload = NULL;
  buffer_reset(b, SIGV4_KEEP);
  append(b, r->method);
  buffer_byte(b, '\n');
  canonical_path(s, r->path);
  buffer_byte(b, '\n');
  if (!canonical_query(s, query)) return 0;
  for (size_t i = 0; i < pairs.count; i++) {
    const Pair *pair = &pairs.list[i];
    if (i && canonical_same_name(pair - 1, pair)) {
      buffer_byte(b, ',');
    } else {
      buffer_byte(b, '\n');
      buffer_append(b, pair->base + pair->name, pair->name_len);
      buffer_byte(b, ':');
    }
    buffer_append(b, pair->base + pair->value, pair->value_len);
    if (is_payload_hash(pair)) payload = pair;
  }
  buffer_literal(b, "\n\n");
  size_t signed_from = b->len;
  canonical_names(b, pairs, ";");
  size_t signed_len = b->len - signed_from;
  buffer_byte(b, '\n');
  if (r->payload_hash.len)
    append(b, r->payload_hash);
  else if (payload)
    buffer_append(b, payload->base + payload->value, payload->value_len);
  else if (!append_payload_hash(s, r->body))
    return 0;
  return finish(s, date, signed_from, signed_len, out);
}

int sigv4_sign (SigV4 *s, const SigRequest *r, int64_t time, Signature *out) {
  char date[SIGV4_DATE];
  sigv4_date(time, date);
  Pairs pairs = canonical_headers(s, r, date);
  return pairs.list && sign_pairs(s, r, r->query, date, pairs, out);
}

/* The query with what presigning adds to it, before it is put in order. */
static void presigned_query (SigV4 *s, const SigRequest *r, const char date[SIGV4_DATE], int64_t expires, Pairs pairs,
                             Buffer *query) {
  append(query, r->query);
  buffer_string(query, r->query.len ? "&X-Amz-Algorithm=" ALGORITHM : "X-Amz-Algorithm=" ALGORITHM);
  buffer_literal(query, "&X-Amz-Credential=");
  canonical_text(query, s->access_key_id, 0);
  buffer_literal(query, "%2F");
  buffer_append(query, date, 8);
  buffer_literal(query, "%2F");
  canonical_text(query, s->region, 0);
  buffer_literal(query, "%2F");
  canonical_text(query, s->service, 0);
  buffer_literal(query, "%2Faws4_request&X-Amz-Date=");
  buffer_append(query, date, SIGV4_DATE);
  buffer_literal(query, "&X-Amz-Expires=");
  buffer_count(query, (uint64_t)expires);
  buffer_literal(query, "&X-Amz-SignedHeaders=");
  canonical_names(query, pairs, "%3B");
  if (s->session_token.len && !s->omit_session_token) {
    buffer_literal(query, "&X-Amz-Security-Token=");
    canonical_text(query, s->session_token, 0);
  }
}

int sigv4_presign (SigV4 *s, const SigRequest *r, int64_t time, int64_t expires, Buffer *query) {
  char date[SIGV4_DATE];
  Signature signature;
  sigv4_date(time, date);
  Pairs pairs = canonical_headers(s, r, NULL);
  if (!pairs.list) return 0;
  presigned_query(s, r, date, expires, pairs, query);
  if (query->failed || !sign_pairs(s, r, (Slice){query->data, query->len}, date, pairs, &signature)) return 0;
  if (s->session_token.len && s->omit_session_token) {
    buffer_literal(query, "&X-Amz-Security-Token=");
    canonical_text(query, s->session_token, 0);
  }
  buffer_literal(query, "&X-Amz-Signature=");
  buffer_append(query, signature.hex, sizeof signature.hex);
  return !query->failed;
}

int sigv4_authorization (const SigV4 *s, const Signature *signature, Buffer *out) {
  buffer_literal(out, ALGORITHM " Credential=");
  append(out, s->access_key_id);
  buffer_byte(out, '/');
  append(out, signature->scope);
  buffer_literal(out, ", SignedHeaders=");
  append(out, signature->signed_headers);
  buffer_literal(out, ", Signature=");
  return buffer_append(out, signature->hex, sizeof signature->hex);
}

/* ==} */
