#include "bytes.h"

#include <strings.h>
#include <zlib.h>

#include "../engine/base64.h"
#include "../engine/crc32.h"
#include "../engine/http_fields.h"
#include "../engine/random.h"

/* core.crc32(bytes) -> checksum, as in x-amz-crc32 */
static int bytes_crc32 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  lua_pushnumber(L, (lua_Number)crc32_of(bytes, len));
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)lua_tonumber(L, -1));
#endif
  return 1;
}

/* Inflates all of `stream`'s input into `out`; NULL, or what is wrong. */
static const char *inflate_all (z_stream *stream, Buffer *out, size_t limit) {
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    size_t room = out->cap - out->len;
    if (room < 4096) {
      if (!buffer_reserve(out, out->cap < 65536 ? 65536 : out->cap)) return "out of memory";
      room = out->cap - out->len;
    }
    if (room > limit + 1 - out->len) room = limit + 1 - out->len;
    stream->next_out = (Bytef *)out->data + out->len;
    stream->avail_out = (uInt)(room < UINT32_MAX ? room : UINT32_MAX);
    uInt before = stream->avail_out;
    status = inflate(stream, Z_NO_FLUSH);
    out->len += before - stream->avail_out;
    if (out->len > limit) return "larger than the limit when inflated";
    if (status == Z_MEM_ERROR) return "out of memory";
    if (status != Z_OK && status != Z_STREAM_END) return "not gzip, or cut short";
  }
  return stream->avail_in == 0 ? NULL : "bytes after the end of gzip";
}

/* Pushes the gzip data at index `arg` inflated, and gives NULL; or what is wrong. */
static const char *push_inflated (lua_State *L, int arg, size_t limit) {
  size_t len;
  const char *bytes = lua_tolstring(L, arg, &len);
  if (len >= UINT32_MAX) return "too long";
  Buffer *out = state_borrow(L, WORK_OUT);
  z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len};
  const char *error = "out of memory";
  if (inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK) {
    error = inflate_all(&stream, out, limit);
    inflateEnd(&stream);
  }
  if (!error) lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  return error;
}

static size_t check_limit (lua_State *L, int arg) {
  lua_Number limit = luaL_checknumber(L, arg);
  luaL_argcheck(L, limit >= 0 && limit < 1e15, arg, "a number of bytes expected");
  return (size_t)limit;
}

/* core.gunzip(bytes, limit) -> bytes | nil, message */
static int bytes_gunzip (lua_State *L) {
  luaL_checkstring(L, 1);
  const char *error = push_inflated(L, 1, check_limit(L, 2));
  if (error) return lua_pushnil(L), lua_pushstring(L, error), 2;
  return 1;
}

/* {== An answer's body == */

/* Is it the CRC-32 of these bytes, in decimal digits? */
static int is_crc32_of (const HttpField *field, const char *bytes, size_t len) {
  uint64_t stated = 0;
  if (field->len == 0 || field->len > 19) return 0;
  for (size_t i = 0; i < field->len; i++) {
    if (field->value[i] < '0' || field->value[i] > '9') return 0;
    stated = stated * 10 + (uint64_t)(field->value[i] - '0');
  }
  return stated == crc32_of(bytes, len);
}

static int is_coding (const HttpField *field, const char *name) {
  return field->len == strlen(name) && strncasecmp(field->value, name, field->len) == 0;
}

static int unusable (lua_State *L, const HttpField *id, const char *format, const char *problem) {
  lua_pushnil(L);
  if (id->value)
    lua_pushlstring(L, id->value, id->len);
  else
    lua_pushnil(L);
  lua_pushfstring(L, format, problem);
  return 3;
}

/*
** core.content(head, body, limit) -> body, request id | nil, request id, message. The CRC-32 is of the bytes on the
** wire, so it is checked before they are inflated.
*/
static int bytes_content (lua_State *L) {
  enum { CRC, CODING, ID, OTHER_ID, COUNT };
  HttpField fields[COUNT] = {HTTP_FIELD("x-amz-crc32"), HTTP_FIELD("content-encoding"), HTTP_FIELD("x-amzn-requestid"),
                             HTTP_FIELD("x-amz-request-id")};
  size_t head_len, len, limit = check_limit(L, 3);
  const char *head = luaL_checklstring(L, 1, &head_len), *body = luaL_checklstring(L, 2, &len);
  http_fields(head, head_len, fields, COUNT);
  const HttpField *coding = &fields[CODING], *id = &fields[fields[ID].value ? ID : OTHER_ID];
  if (fields[CRC].value && !is_crc32_of(&fields[CRC], body, len))
    return unusable(L, id, "%s", "the body's CRC-32 is not the one that the service sent with it");
  lua_settop(L, 2);
  if (coding->len && is_coding(coding, "gzip")) {
    const char *error = push_inflated(L, 2, limit);
    if (error) return unusable(L, id, "the body cannot be inflated: %s", error);
  } else if (coding->len && !is_coding(coding, "identity")) {
    return unusable(L, id, "%s", "the body has an unknown encoding");
  }
  if (!id->value) return 1;
  lua_pushlstring(L, id->value, id->len);
  return 2;
}

/* ==} */

/* core.base64(bytes) -> text */
static int bytes_base64 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  Buffer *out = state_borrow(L, WORK_OUT);
  int ok = base64_encode(out, bytes, len);
  if (ok) lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  return ok ? 1 : luaL_error(L, "out of memory");
}

/* core.unbase64(text) -> bytes | nil, message */
static int bytes_unbase64 (lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  char *out = lua_newuserdata(L, base64_room(len) + 1);
  long decoded = base64_decode(text, len, out);
  if (decoded < 0) return lua_pushnil(L), lua_pushliteral(L, "not base64"), 2;
  lua_pushlstring(L, out, (size_t)decoded);
  return 1;
}

/* core.random(count) -> that many bytes from the system's random source */
static int bytes_random (lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count >= 0 && count <= 1 << 20, 1, "0 to 1048576 bytes expected");
  char *out = lua_newuserdata(L, (size_t)count + 1);
  if (!random_bytes(out, (size_t)count)) return luaL_error(L, "the system gives no random bytes");
  lua_pushlstring(L, out, (size_t)count);
  return 1;
}

/* core.uuid() -> a random UUID, version 4 */
static int bytes_uuid (lua_State *L) {
  char text[UUID_TEXT];
  if (!random_uuid(text)) return luaL_error(L, "the system gives no random bytes");
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

/* core.header(head, name) -> value of the first header of that (lower-case) name in a response's head | nil */
static int bytes_header (lua_State *L) {
  size_t len;
  HttpField field = {NULL, 0, NULL, 0};
  const char *head = luaL_checklstring(L, 1, &len);
  field.name = luaL_checklstring(L, 2, &field.name_len);
  http_fields(head, len, &field, 1);
  if (!field.value) return lua_pushnil(L), 1;
  lua_pushlstring(L, field.value, field.len);
  return 1;
}

void bytes_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"base64", bytes_base64},     {"content", bytes_content}, {"crc32", bytes_crc32},
    {"gunzip", bytes_gunzip},     {"header", bytes_header},   {"random", bytes_random},
    {"unbase64", bytes_unbase64}, {"uuid", bytes_uuid},       {NULL, NULL},
  };
  state_register(L, functions);
}
