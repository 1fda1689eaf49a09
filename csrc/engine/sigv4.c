#include "sigv4.h"

#include <stdlib.h>

/* Working memory that is kept from one signature to the next. */
#define KEEP ((size_t)1 << 16)

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SLICE(text) \
  { text, sizeof(text) - 1 }
#define TEXT(text) ((Slice)SLICE(text))

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
  buffer_reset(secret, KEEP);
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

/* {== Canonical parts == */

static int is_unreserved (unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

static void encode_byte (Buffer *b, unsigned char c) {
  static const char digits[] = "0123456789ABCDEF";
  char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
  if (is_unreserved(c))
    buffer_byte(b, (char)c);
  else
    buffer_append(b, escape, 3);
}

static void encode_text (Buffer *b, Slice s, int keep_slash) {
  for (size_t i = 0; i < s.len; i++) {
    if (keep_slash && s.data[i] == '/')
      buffer_byte(b, '/');
    else
      encode_byte(b, (unsigned char)s.data[i]);
  }
}

static int hex_value (char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The same text with one canonical encoding, however it came encoded. */
static void recode_text (Buffer *b, Slice s, int keep_slash) {
  for (size_t i = 0; i < s.len; i++) {
    int high = -1, low = -1;
    if (s.data[i] == '%' && s.len - i > 2) high = hex_value(s.data[i + 1]), low = hex_value(s.data[i + 2]);
    if (high >= 0 && low >= 0) {
      encode_byte(b, (unsigned char)(high << 4 | low));
      i += 2;
    } else if (keep_slash && s.data[i] == '/') {
      buffer_byte(b, '/');
    } else {
      encode_byte(b, (unsigned char)s.data[i]);
    }
  }
}

/* Resolves . and .. and empty segments; what ends in a slash still does. */
static void normalize_path (Buffer *b, Slice path) {
  size_t start = b->len, i = 0;
  while (i < path.len) {
    while (i < path.len && path.data[i] == '/')
      i++;
    size_t from = i;
    while (i < path.len && path.data[i] != '/')
      i++;
    size_t len = i - from;
    if (len == 0 || (len == 1 && path.data[from] == '.')) continue;
    if (len == 2 && path.data[from] == '.' && path.data[from + 1] == '.') {
      while (b->len > start && b->data[--b->len] != '/')
        ;
    } else {
      buffer_byte(b, '/');
      buffer_append(b, path.data + from, len);
    }
  }
  if (b->len == start || (path.len && path.data[path.len - 1] == '/')) buffer_byte(b, '/');
}

static void canonical_path (SigV4 *s, Slice path) {
  if (path.len == 0) path = TEXT("/");
  if (path.len == 1 && path.data[0] == '/') {
    buffer_byte(&s->canonical, '/');
    return;
  }
  if (s->normalize_path) {
    buffer_reset(&s->work, KEEP);
    normalize_path(&s->work, path);
    path = (Slice){s->work.data, s->work.len};
  }
  if (s->double_encode)
    encode_text(&s->canonical, path, 1);
  else
    recode_text(&s->canonical, path, 1);
}

typedef struct Pair { /* a query parameter or a header, by its place in a buffer */
  size_t name, name_len, value, value_len;
  const char *base;
} Pair;

static int compare_bytes (const char *a, size_t a_len, const char *b, size_t b_len) {
  int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
  if (order) return order;
  return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_pairs (const void *left, const void *right) {
  const Pair *a = left, *b = right;
  int order = compare_bytes(a->base + a->name, a->name_len, b->base + b->name, b->name_len);
  return order ? order : compare_bytes(a->base + a->value, a->value_len, b->base + b->value, b->value_len);
}

/* Sorts the parameters of `query`, each encoded once, into the canonical request. */
static int canonical_query (SigV4 *s, Slice query) {
  Buffer *text = &s->work;
  size_t count = 1;
  if (query.len == 0) return 1;
  for (size_t i = 0; i < query.len; i++)
    count += query.data[i] == '&';
  buffer_reset(text, KEEP);
  if (!buffer_reserve(text, query.len)) return 0;
  Pair *pairs = malloc(count * sizeof *pairs);
  if (!pairs) return 0;
  count = 0;
  for (size_t i = 0; i <= query.len; i++) {
    size_t from = i, equals;
    while (i < query.len && query.data[i] != '&')
      i++;
    if (i == from) continue;
    for (equals = from; equals < i && query.data[equals] != '=';)
      equals++;
    Pair *pair = &pairs[count++];
    pair->name = text->len;
    recode_text(text, (Slice){query.data + from, equals - from}, 0);
    pair->name_len = text->len - pair->name;
    pair->value = text->len;
    if (equals < i) recode_text(text, (Slice){query.data + equals + 1, i - equals - 1}, 0);
    pair->value_len = text->len - pair->value;
  }
  for (size_t i = 0; i < count; i++)
    pairs[i].base = text->data;
  if (!text->failed) {
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
      if (i) buffer_byte(&s->canonical, '&');
      buffer_append(&s->canonical, text->data + pairs[i].name, pairs[i].name_len);
      buffer_byte(&s->canonical, '=');
      buffer_append(&s->canonical, text->data + pairs[i].value, pairs[i].value_len);
    }
  }
  free(pairs);
  return !text->failed;
}

static int is_name (Slice s, const char *lower, size_t len) {
  if (s.len != len) return 0;
  for (size_t i = 0; i < len; i++) {
    char c = s.data[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    if (c != lower[i]) return 0;
  }
  return 1;
}

#define IS_NAME(s, lower) is_name(s, lower, sizeof(lower) - 1)

/* Hop-by-hop headers, what a proxy may change, and what signing adds itself. */
static int is_signed (Slice name) {
  static const Slice left_out[] = {
    SLICE("authorization"),
    SLICE("connection"),
    SLICE("expect"),
    SLICE("keep-alive"),
    SLICE("proxy-authenticate"),
    SLICE("proxy-authorization"),
    SLICE("te"),
    SLICE("trailer"),
    SLICE("upgrade"),
    SLICE("transfer-encoding"),
    SLICE("user-agent"),
    SLICE("x-amz-date"),
    SLICE("x-amzn-trace-id"),
    SLICE("x-amz-security-token"),
  };
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
    if (is_name(name, left_out[i].data, left_out[i].len)) return 0;
  return 1;
}

static int is_blank (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A header's value without blanks at its ends, and with one space for a run of them inside. */
static void trim_value (Buffer *b, Slice value) {
  const char *p = value.data, *end = p + value.len;
  while (p < end && is_blank(*p))
    p++;
  while (end > p && is_blank(end[-1]))
    end--;
  const char *run = p;
  while (run < end && !is_blank(*run))
    run++;
  buffer_append(b, p, (size_t)(run - p));
  for (p = run; p < end; p++) {
    if (!is_blank(*p))
      buffer_byte(b, *p);
    else if (!is_blank(p[-1]))
      buffer_byte(b, ' ');
  }
}

static void add_pair (Buffer *text, Pair *pair, Slice name, Slice value) {
  pair->name = text->len;
  char *to = buffer_reserve(text, name.len);
  for (size_t i = 0; to && i < name.len; i++)
    to[i] = name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] + 32) : name.data[i];
  if (to) text->len += name.len;
  pair->name_len = text->len - pair->name;
  pair->value = text->len;
  trim_value(text, value);
  pair->value_len = text->len - pair->value;
}

/* Stable, so that values of one header stay in their order; there are few headers. */
static void sort_by_name (Pair *pairs, size_t count) {
  for (size_t i = 1; i < count; i++) {
    Pair pair = pairs[i];
    size_t j = i;
    for (; j > 0; j--) {
      const Pair *before = &pairs[j - 1];
      if (compare_bytes(before->base + before->name, before->name_len, pair.base + pair.name, pair.name_len) <= 0)
        break;
      pairs[j] = *before;
    }
    pairs[j] = pair;
  }
}

static int same_name (const Pair *a, const Pair *b) {
  return compare_bytes(a->base + a->name, a->name_len, b->base + b->name, b->name_len) == 0;
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
  buffer_reset(b, KEEP);
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

typedef struct Pairs {
  Pair *list;
  size_t count;
} Pairs;

/* The headers to sign, lower-case, trimmed and sorted; the list is NULL when memory is out. It lives in the signer. */
static Pairs collect_headers (SigV4 *s, const SigRequest *r, const char *date) {
  Buffer *text = &s->headers;
  size_t count = 0;
  buffer_reset(text, KEEP);
  buffer_reset(&s->pairs, KEEP);
  Pair *pairs = (Pair *)(void *)buffer_reserve(&s->pairs, (r->count + 2) * sizeof *pairs);
  if (!pairs) return (Pairs){NULL, 0};
  for (size_t i = 0; i < r->count; i++)
    if (is_signed(r->headers[i].name)) add_pair(text, &pairs[count++], r->headers[i].name, r->headers[i].value);
  if (date) {
    add_pair(text, &pairs[count++], TEXT("x-amz-date"), (Slice){date, SIGV4_DATE});
    if (s->session_token.len && !s->omit_session_token)
      add_pair(text, &pairs[count++], TEXT("x-amz-security-token"), s->session_token);
  }
  if (text->failed) return (Pairs){NULL, 0};
  for (size_t i = 0; i < count; i++)
    pairs[i].base = text->data;
  sort_by_name(pairs, count);
  return (Pairs){pairs, count};
}

static void append_names (Buffer *b, Pairs pairs, const char *separator) {
  for (size_t i = 0; i < pairs.count; i++) {
    const Pair *pair = &pairs.list[i];
    if (i && same_name(pair - 1, pair)) continue;
    if (i) buffer_string(b, separator);
    buffer_append(b, pair->base + pair->name, pair->name_len);
  }
}

/* Path, query and headers in canonical form; the payload hash is the body's unless x-amz-content-sha256 has another. */
static int sign_pairs (SigV4 *s, const SigRequest *r, Slice query, const char *date, Pairs pairs, Signature *out) {
  Buffer *b = &s->canonical;
  const Pair *payload = NULL;
  buffer_reset(b, KEEP);
  append(b, r->method);
  buffer_byte(b, '\n');
  canonical_path(s, r->path);
  buffer_byte(b, '\n');
  if (!canonical_query(s, query)) return 0;
  for (size_t i = 0; i < pairs.count; i++) {
    const Pair *pair = &pairs.list[i];
    if (i && same_name(pair - 1, pair)) {
      buffer_byte(b, ',');
    } else {
      buffer_byte(b, '\n');
      buffer_append(b, pair->base + pair->name, pair->name_len);
      buffer_byte(b, ':');
    }
    buffer_append(b, pair->base + pair->value, pair->value_len);
    if (IS_NAME(((Slice){pair->base + pair->name, pair->name_len}), "x-amz-content-sha256")) payload = pair;
  }
  buffer_literal(b, "\n\n");
  size_t signed_from = b->len;
  append_names(b, pairs, ";");
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
  Pairs pairs = collect_headers(s, r, date);
  return pairs.list && sign_pairs(s, r, r->query, date, pairs, out);
}

/* The query with what presigning adds to it, before it is put in order. */
static void presigned_query (SigV4 *s, const SigRequest *r, const char date[SIGV4_DATE], int64_t expires, Pairs pairs,
                             Buffer *query) {
  append(query, r->query);
  buffer_string(query, r->query.len ? "&X-Amz-Algorithm=" ALGORITHM : "X-Amz-Algorithm=" ALGORITHM);
  buffer_literal(query, "&X-Amz-Credential=");
  encode_text(query, s->access_key_id, 0);
  buffer_literal(query, "%2F");
  buffer_append(query, date, 8);
  buffer_literal(query, "%2F");
  encode_text(query, s->region, 0);
  buffer_literal(query, "%2F");
  encode_text(query, s->service, 0);
  buffer_literal(query, "%2Faws4_request&X-Amz-Date=");
  buffer_append(query, date, SIGV4_DATE);
  buffer_literal(query, "&X-Amz-Expires=");
  buffer_count(query, (uint64_t)expires);
  buffer_literal(query, "&X-Amz-SignedHeaders=");
  append_names(query, pairs, "%3B");
  if (s->session_token.len && !s->omit_session_token) {
    buffer_literal(query, "&X-Amz-Security-Token=");
    encode_text(query, s->session_token, 0);
  }
}

int sigv4_presign (SigV4 *s, const SigRequest *r, int64_t time, int64_t expires, Buffer *query) {
  char date[SIGV4_DATE];
  Signature signature;
  sigv4_date(time, date);
  Pairs pairs = collect_headers(s, r, NULL);
  if (!pairs.list) return 0;
  presigned_query(s, r, date, expires, pairs, query);
  if (query->failed || !sign_pairs(s, r, (Slice){query->data, query->len}, date, pairs, &signature)) return 0;
  if (s->session_token.len && s->omit_session_token) {
    buffer_literal(query, "&X-Amz-Security-Token=");
    encode_text(query, s->session_token, 0);
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
