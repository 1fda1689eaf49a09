#include "signer.h"

#include <stdio.h>

#include "../engine/http_request.h"
#include "../engine/sigv4.h"
#include "retry.h"

typedef struct Signer {
  SigV4 sigv4;
  int open;
} Signer;

static Signer *check_signer (lua_State *L, int arg) {
  return state_check(L, arg, MT_SIGNER, "signer");
}

static Signer *open_signer (lua_State *L, int arg) {
  Signer *s = check_signer(L, arg);
  luaL_argcheck(L, s->open, arg, "signer is closed");
  return s;
}

/* No control character in eight bytes? Exact for bytes below 0x80; a byte above may only make it say no. */
static int are_printable (uint64_t bytes) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80, deletes = bytes ^ (ones * 0x7F);
  return !(((bytes - ones * 0x20) | (deletes - ones) | bytes) & tops);
}

/* One line of text: no control character in it. */
static int is_line (const char *text, size_t len) {
  size_t i = 0;
  for (; len - i >= 8; i += 8) {
    uint64_t bytes;
    memcpy(&bytes, text + i, 8);
    if (!are_printable(bytes)) break;
  }
  for (; i < len; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) return 0;
  return 1;
}

/* {== Reading arguments == */

/* No field of the table at `table` may have a name that is not in `known`: misspelt, it would sign something else. */
static void refuse_unknown (lua_State *L, int table, const char *const *known) {
  lua_pushnil(L);
  for (; lua_next(L, table); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
    const char *const *wanted = known;
    while (*wanted && strcmp(*wanted, name) != 0)
      wanted++;
    if (!*wanted) luaL_error(L, "unknown field '%s'", name);
  }
}

/* The string in the field `name` of the table at `table`; it stays on the stack. Empty when it is nil and may be. */
static Slice string_field (lua_State *L, int table, const char *name, int required) {
  Slice s = {"", 0};
  lua_getfield(L, table, name);
  if (lua_type(L, -1) == LUA_TSTRING)
    s.data = lua_tolstring(L, -1, &s.len);
  else if (required || !lua_isnil(L, -1))
    luaL_error(L, "field '%s' must be a string, not a %s", name, luaL_typename(L, -1));
  return s;
}

/* A field that goes into headers: one line of text without blanks around it. */
static Slice line_field (lua_State *L, int table, const char *name, int required) {
  Slice s = string_field(L, table, name, required);
  int ok = is_line(s.data, s.len) && (s.len == 0 || (s.data[0] != ' ' && s.data[s.len - 1] != ' '));
  if (!ok || (required && s.len == 0))
    luaL_error(L, "field '%s' must be a line of text without blanks around it", name);
  return s;
}

static int boolean_field (lua_State *L, int table, const char *name, int otherwise) {
  lua_getfield(L, table, name);
  if (!lua_isnil(L, -1)) {
    if (!lua_isboolean(L, -1)) luaL_error(L, "field '%s' must be a boolean, not a %s", name, luaL_typename(L, -1));
    otherwise = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return otherwise;
}

static int64_t as_time (lua_State *L, lua_Number time, int arg) {
  luaL_argcheck(L, time >= -62167219200.0 && time < 253402300800.0, arg,
                "unix seconds of the years 0 to 9999 expected");
  return (int64_t)floor(time);
}

static int64_t check_time (lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TNUMBER);
  return as_time(L, lua_tonumber(L, arg), arg);
}

/* A header's value: of a line, or of several when each but the first starts with a blank. */
static int is_header_value (Slice s) {
  if (is_line(s.data, s.len)) return 1;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (c == '\r' && i + 1 < s.len && s.data[i + 1] == '\n') continue;
    if (c == '\n' && i + 1 < s.len && (s.data[i + 1] == ' ' || s.data[i + 1] == '\t')) continue;
    if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7F) return 0;
  }
  return 1;
}

static int is_token (Slice s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    int letter = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    if (!letter && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return 0;
  }
  return s.len > 0;
}

static Slice header_part (lua_State *L, int pair, int part, int index) {
  Slice s = {NULL, 0};
  lua_rawgeti(L, pair, part);
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "headers[%d][%d] must be a string, not a %s", index, part, luaL_typename(L, -1));
  s.data = lua_tolstring(L, -1, &s.len);
  lua_pop(L, 1); /* the pair's table keeps it */
  return s;
}

/* Reads { {name, value}, … } into a userdata, which stays on the stack as its strings do in their tables. */
static void read_headers (lua_State *L, int request, SigRequest *r) {
  lua_getfield(L, request, "headers");
  if (!lua_istable(L, -1)) luaL_error(L, "field 'headers' must be a table, not a %s", luaL_typename(L, -1));
  int headers = lua_gettop(L);
  size_t count = lua_rawlen(L, headers);
  SigHeader *list = lua_newuserdata(L, (count + 1) * sizeof *list);
  int has_host = 0;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, headers, (int)i + 1);
    if (!lua_istable(L, -1)) luaL_error(L, "headers[%d] must be a table {name, value}", (int)i + 1);
    int pair = lua_gettop(L);
    list[i].name = header_part(L, pair, 1, (int)i + 1);
    list[i].value = header_part(L, pair, 2, (int)i + 1);
    if (!is_token(list[i].name)) luaL_error(L, "headers[%d][1] is not a header's name", (int)i + 1);
    if (!is_header_value(list[i].value))
      luaL_error(L, "headers[%d] has a line break or a control character", (int)i + 1);
    has_host |= list[i].name.len == 4 && (list[i].name.data[0] | 32) == 'h' && (list[i].name.data[1] | 32) == 'o' &&
                (list[i].name.data[2] | 32) == 's' && (list[i].name.data[3] | 32) == 't';
    lua_pop(L, 1);
  }
  if (!has_host) luaL_error(L, "headers must hold Host, which is always signed");
  r->headers = list;
  r->count = count;
}

/* request = { method, path, query, headers = { {name, value}, … }, body, payload_hash } */
static void check_request (lua_State *L, int arg, SigRequest *r) {
  static const char *const known[] = {"method", "path", "query", "headers", "body", "payload_hash", NULL};
  luaL_checktype(L, arg, LUA_TTABLE);
  luaL_checkstack(L, 20, NULL);
  refuse_unknown(L, arg, known);
  memset(r, 0, sizeof *r);
  r->method = line_field(L, arg, "method", 1);
  r->path = string_field(L, arg, "path", 0);
  r->query = string_field(L, arg, "query", 0);
  r->body = string_field(L, arg, "body", 0);
  r->payload_hash = line_field(L, arg, "payload_hash", 0);
  read_headers(L, arg, r);
}

/* ==} */

/*
** Whatever allocates in Lua may run a finalizer, which may use or close this very signer. So from `is_ready` on a
** signer is used without such a call in between, and what it gives is copied into a buffer before the next one.
*/
static int is_ready (const Signer *s) {
  return s->open;
}

static int signing_failed (lua_State *L, const Buffer *borrowed) {
  state_return(L, WORK_OUT, borrowed);
  return luaL_error(L, "signing failed: out of memory, OpenSSL refused, or the signer was closed meanwhile");
}

/* signer:sign(request, unix_time) -> headers to add, by name; signature in hexadecimal */
static int signer_sign (lua_State *L) {
  Signer *s = open_signer(L, 1);
  SigRequest r;
  Signature signature;
  int64_t time = check_time(L, 3);
  check_request(L, 2, &r);
  Buffer *text = state_borrow(L, WORK_OUT);
  if (!is_ready(s) || !sigv4_sign(&s->sigv4, &r, time, &signature)) return signing_failed(L, text);
  sigv4_authorization(&s->sigv4, &signature, text);
  size_t token = text->len, token_len = s->sigv4.session_token.len;
  buffer_append(text, s->sigv4.session_token.data, token_len);
  if (text->failed) return signing_failed(L, text);
  lua_createtable(L, 0, 3);
  lua_pushlstring(L, text->data, token);
  lua_setfield(L, -2, "Authorization");
  lua_pushlstring(L, signature.date, sizeof signature.date);
  lua_setfield(L, -2, "X-Amz-Date");
  if (token_len) {
    lua_pushlstring(L, text->data + token, token_len);
    lua_setfield(L, -2, "X-Amz-Security-Token");
  }
  state_return(L, WORK_OUT, text);
  lua_pushlstring(L, signature.hex, sizeof signature.hex);
  return 2;
}

/* signer:presign(request, unix_time, expires) -> query string */
static int signer_presign (lua_State *L) {
  Signer *s = open_signer(L, 1);
  SigRequest r;
  int64_t time = check_time(L, 3);
  lua_Number expires = luaL_optnumber(L, 4, 900);
  luaL_argcheck(L, expires >= 1 && expires <= 604800, 4, "1 to 604800 seconds expected");
  check_request(L, 2, &r);
  Buffer *query = state_borrow(L, WORK_OUT);
  if (!is_ready(s) || !sigv4_presign(&s->sigv4, &r, time, (int64_t)expires, query)) return signing_failed(L, query);
  lua_pushlstring(L, query->data, query->len);
  state_return(L, WORK_OUT, query);
  return 1;
}

/* {== A request of DynamoDB == */

static Slice check_line (lua_State *L, int arg) {
  Slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  luaL_argcheck(L, is_line(s.data, s.len), arg, "a line break or a control character in a header");
  return s;
}

static void add_header (Buffer *b, const char *name, Slice value) {
  buffer_string(b, name);
  buffer_append(b, value.data, value.len);
  buffer_literal(b, "\r\n");
}

/* Lines that end in CRLF, as `extra` gives them; nothing that could start a body or another request. */
static int are_lines (Slice s) {
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] == '\n' && (i == 0 || s.data[i - 1] != '\r')) return 0;
    if (s.data[i] == '\r' && (i + 1 == s.len || s.data[i + 1] != '\n' || i == 0 || s.data[i - 1] == '\n')) return 0;
    if ((unsigned char)s.data[i] < 0x20 && s.data[i] != '\r' && s.data[i] != '\n' && s.data[i] != '\t') return 0;
  }
  return s.len == 0 || s.data[s.len - 1] == '\n';
}

#define NO_BODY (-1) /* is as small as that */

#define HEADER(text) \
  { text, sizeof(text) - 1 }

/*
** Pushes every header of a DynamoDB request. The arguments from `host` on are the host, the target and the body; 8 to
** 10 are user_agent, extra and path. The headers to sign stand in order here: none is copied, lowered or sorted. A
** body of up to `whole` bytes makes it the whole message, from the request line to the body's end.
*/
static int push_head (lua_State *L, Signer *s, int host, int64_t time, Slice invocation, Slice request, double whole) {
  enum { INVOCATION, ATTEMPT, TYPE, HOST, DATE, TOKEN, TARGET, COUNT };
  char date[SIGV4_DATE];
  Slice body, extra = {"", 0}, agent = {"", 0}, path = HEADER("/");
  SigHeader headers[COUNT] = {
    {HEADER("amz-sdk-invocation-id"), invocation},
    {HEADER("amz-sdk-request"), request},
    {HEADER("content-type"), HEADER("application/x-amz-json-1.0")},
    {HEADER("host"), check_line(L, host)},
    {HEADER("x-amz-date"), {date, sizeof date}},
    {HEADER("x-amz-security-token"), {0}},
    {HEADER("x-amz-target"), check_line(L, host + 1)},
  };
  body.data = luaL_checklstring(L, host + 2, &body.len);
  if (!lua_isnoneornil(L, 8)) agent = check_line(L, 8);
  if (!lua_isnoneornil(L, 9)) extra.data = luaL_checklstring(L, 9, &extra.len);
  if (!lua_isnoneornil(L, 10)) path = check_line(L, 10);
  luaL_argcheck(L, are_lines(extra), 9, "whole header lines, each ended by CRLF, expected");
  int is_whole = (double)body.len <= whole;
  luaL_argcheck(L, !is_whole || http_is_path(path.data, path.len), 10, "an encoded path that begins with / expected");
  sigv4_date(time, date);
  Buffer *head = state_borrow(L, WORK_OUT);
  if (!is_ready(s)) return signing_failed(L, head);
  headers[TOKEN].value = s->sigv4.session_token;
  SigHeader signing[COUNT];
  SigRequest r = {.method = HEADER("POST"), .path = path, .body = body, .headers = signing};
  for (int i = 0; i < COUNT; i++)
    if (i != TOKEN || (s->sigv4.session_token.len && !s->sigv4.omit_session_token)) signing[r.count++] = headers[i];
  Signature signature;
  if (!sigv4_sign_prepared(&s->sigv4, &r, date, &signature)) return signing_failed(L, head);
  if (is_whole) {
    buffer_literal(head, "POST ");
    buffer_append(head, path.data, path.len);
    buffer_literal(head, " HTTP/1.1\r\n");
  }
  add_header(head, "Host: ", headers[HOST].value);
  add_header(head, "Content-Type: ", headers[TYPE].value);
  buffer_literal(head, "Content-Length: ");
  buffer_count(head, body.len);
  buffer_literal(head, "\r\n");
  add_header(head, "X-Amz-Target: ", headers[TARGET].value);
  add_header(head, "X-Amz-Date: ", headers[DATE].value);
  if (s->sigv4.session_token.len) add_header(head, "X-Amz-Security-Token: ", s->sigv4.session_token);
  add_header(head, "amz-sdk-invocation-id: ", headers[INVOCATION].value);
  add_header(head, "amz-sdk-request: ", headers[ATTEMPT].value);
  if (agent.len) add_header(head, "User-Agent: ", agent);
  buffer_append(head, extra.data, extra.len);
  buffer_literal(head, "Authorization: ");
  sigv4_authorization(&s->sigv4, &signature, head);
  buffer_literal(head, "\r\n");
  if (is_whole) {
    buffer_literal(head, "\r\n");
    buffer_append(head, body.data, body.len);
  }
  if (head->failed) return signing_failed(L, head);
  lua_pushlstring(L, head->data, head->len);
  state_return(L, WORK_OUT, head);
  lua_pushboolean(L, is_whole);
  return 2;
}

/* signer:head(host, target, body, unix_time, invocation_id, sdk_request, user_agent, extra, path) -> the headers */
static int signer_head (lua_State *L) {
  Signer *s = open_signer(L, 1);
  push_head(L, s, 2, check_time(L, 5), check_line(L, 6), check_line(L, 7), NO_BODY);
  lua_pop(L, 1);
  return 1;
}

/*
** signer:attempt(call, host, target, body, unix_time, now, user_agent, extra, path, whole) -> the headers of an attempt
** of a retry call, which begins by it, false | the message, true: of a body of up to `whole` bytes
*/
static int signer_attempt (lua_State *L) {
  Signer *s = open_signer(L, 1);
  RetryHeaders attempt;
  check_time(L, 6);
  retry_headers(L, 2, luaL_checknumber(L, 7), lua_tonumber(L, 6), &attempt);
  Slice invocation = {attempt.invocation, UUID_TEXT}, request = {attempt.request, attempt.request_len};
  return push_head(L, s, 3, as_time(L, attempt.time, 6), invocation, request, luaL_optnumber(L, 11, NO_BODY));
}

/* ==} */

/* {== The object == */

/* core.signer{ access_key_id, secret_access_key, session_token, region, service, … } -> signer */
static int signer_new (lua_State *L) {
  static const char *const known[] = {"access_key_id",  "secret_access_key", "session_token",      "region", "service",
                                      "normalize_path", "double_encode",     "omit_session_token", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  refuse_unknown(L, 1, known);
  lua_settop(L, 1);
  Signer *s = lua_newuserdata(L, sizeof *s);
  memset(s, 0, sizeof *s);
  state_mark(L, MT_SIGNER);
  SigV4 *v4 = &s->sigv4;
  v4->access_key_id = line_field(L, 1, "access_key_id", 1);
  v4->secret_access_key = line_field(L, 1, "secret_access_key", 1);
  v4->session_token = line_field(L, 1, "session_token", 0);
  v4->region = line_field(L, 1, "region", 1);
  v4->service = line_field(L, 1, "service", 1);
  v4->normalize_path = boolean_field(L, 1, "normalize_path", 1);
  v4->double_encode = boolean_field(L, 1, "double_encode", 1);
  v4->omit_session_token = boolean_field(L, 1, "omit_session_token", 0);
  s->open = 1;
  if (!sigv4_open(v4, &state_get(L)->digest)) return luaL_error(L, "no signer: out of memory, or OpenSSL refused");
  lua_settop(L, 2);
  return 1;
}

static int signer_close (lua_State *L) {
  Signer *s = check_signer(L, 1);
  if (s->open) {
    s->open = 0;
    sigv4_close(&s->sigv4);
  }
  return 0;
}

static int signer_tostring (lua_State *L) {
  const Signer *s = check_signer(L, 1);
  if (!s->open) return lua_pushliteral(L, "dynamodb.signer (closed)"), 1;
  char text[160];
  Slice region = s->sigv4.region, service = s->sigv4.service;
  int len = snprintf(text, sizeof text, "dynamodb.signer (%.*s, %.*s)", (int)(region.len < 64 ? region.len : 64),
                     region.data, (int)(service.len < 64 ? service.len : 64), service.data);
  lua_pushlstring(L, text, (size_t)len);
  return 1;
}

/* ==} */

static const luaL_Reg metamethods[] = {
  {"__close", signer_close}, {"__gc", signer_close}, {"__tostring", signer_tostring}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"close", signer_close},     {"attempt", signer_attempt}, {"head", signer_head},
                                   {"presign", signer_presign}, {"sign", signer_sign},       {NULL, NULL}};

void signer_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"signer", signer_new}, {NULL, NULL}};
  state_metatable(L, MT_SIGNER);
  state_register(L, metamethods);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  state_register(L, functions);
}
