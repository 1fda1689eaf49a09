/*
** The canonical request of Signature Version 4: path, query and headers in the one form that both sides agree on.
*/
#include "sigv4_canonical.h"

#include <stdlib.h>

#define SLICE(text) \
  { text, sizeof(text) - 1 }
#define TEXT(text) ((Slice)SLICE(text))

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

void canonical_text (Buffer *b, Slice s, int keep_slash) {
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

void canonical_path (SigV4 *s, Slice path) {
  if (path.len == 0) path = TEXT("/");
  if (path.len == 1 && path.data[0] == '/') {
    buffer_byte(&s->canonical, '/');
    return;
  }
  if (s->normalize_path) {
    buffer_reset(&s->work, SIGV4_KEEP);
    normalize_path(&s->work, path);
    path = (Slice){s->work.data, s->work.len};
  }
  if (s->double_encode)
    canonical_text(&s->canonical, path, 1);
  else
    recode_text(&s->canonical, path, 1);
}

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
int canonical_query (SigV4 *s, Slice query) {
  Buffer *text = &s->work;
  size_t count = 1;
  if (query.len == 0) return 1;
  for (size_t i = 0; i < query.len; i++)
    count += query.data[i] == '&';
  buffer_reset(text, SIGV4_KEEP);
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

int canonical_same_name (const Pair *a, const Pair *b) {
  return compare_bytes(a->base + a->name, a->name_len, b->base + b->name, b->name_len) == 0;
}

/* The headers to sign, lower-case, trimmed and sorted; the list is NULL when memory is out. It lives in the signer. */
Pairs canonical_headers (SigV4 *s, const SigRequest *r, const char *date) {
  Buffer *text = &s->headers;
  size_t count = 0;
  buffer_reset(text, SIGV4_KEEP);
  buffer_reset(&s->pairs, SIGV4_KEEP);
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

void canonical_names (Buffer *b, Pairs pairs, const char *separator) {
  for (size_t i = 0; i < pairs.count; i++) {
    const Pair *pair = &pairs.list[i];
    if (i && canonical_same_name(pair - 1, pair)) continue;
    if (i) buffer_string(b, separator);
    buffer_append(b, pair->base + pair->name, pair->name_len);
  }
}
