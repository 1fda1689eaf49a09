#include "bytes.h"

#include <zlib.h>

#include "../engine/base64.h"
#include "../engine/random.h"

/* core.crc32(bytes) -> checksum, as in x-amz-crc32 */
static int bytes_crc32 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  lua_pushnumber(L, (lua_Number)crc32_z(0, (const Bytef *)bytes, len));
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

/* core.gunzip(bytes, limit) -> bytes | nil, message */
static int bytes_gunzip (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  lua_Number limit = luaL_checknumber(L, 2);
  luaL_argcheck(L, limit >= 0 && limit < 1e15, 2, "a number of bytes expected");
  luaL_argcheck(L, len < UINT32_MAX, 1, "too long");
  Buffer *out = state_borrow(L, WORK_OUT);
  z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len};
  const char *error = "out of memory";
  if (inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK) {
    error = inflate_all(&stream, out, (size_t)limit);
    inflateEnd(&stream);
  }
  if (error)
    lua_pushnil(L), lua_pushstring(L, error);
  else
    lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  return error ? 2 : 1;
}

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

static int same_name (const char *line, const char *name, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = line[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    if (c != name[i]) return 0;
  }
  return 1;
}

/* core.header(head, name) -> value of the first header of that (lower-case) name in a response's head | nil */
static int bytes_header (lua_State *L) {
  size_t head_len, len;
  const char *head = luaL_checklstring(L, 1, &head_len), *name = luaL_checklstring(L, 2, &len);
  const char *end = head + head_len, *line = memchr(head, '\n', head_len);
  for (; line && ++line < end; line = memchr(line, '\n', (size_t)(end - line))) {
    if ((size_t)(end - line) <= len || line[len] != ':' || !same_name(line, name, len)) continue;
    const char *value = line + len + 1;
    const char *stop = memchr(value, '\n', (size_t)(end - value));
    if (!stop) stop = end;
    while (value < stop && (*value == ' ' || *value == '\t'))
      value++;
    while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
      stop--;
    lua_pushlstring(L, value, (size_t)(stop - value));
    return 1;
  }
  return lua_pushnil(L), 1;
}

void bytes_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"base64", bytes_base64}, {"crc32", bytes_crc32},       {"gunzip", bytes_gunzip}, {"header", bytes_header},
    {"random", bytes_random}, {"unbase64", bytes_unbase64}, {"uuid", bytes_uuid},     {NULL, NULL},
  };
  state_register(L, functions);
}
