#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "append.h"
#include "interrupts.h"

#define APPEND_T "dynamodb.system.append"
#define INTERRUPTS_T "dynamodb.system.interrupts"

#define LONGEST_READ (1 << 24)

/* true, or nil and what errno says */
static int push_outcome (lua_State *L, int error) {
  if (!error) return lua_pushboolean(L, 1), 1;
  lua_pushnil(L);
  lua_pushstring(L, error == EWOULDBLOCK ? "another process has it" : strerror(error));
  return 2;
}

/* {== Files that grow == */

static Append *open_append (lua_State *L) {
  Append *a = luaL_checkudata(L, 1, APPEND_T);
  if (a->fd < 0) luaL_error(L, "the file is closed");
  return a;
}

static double check_offset (lua_State *L, int arg, const Append *a) {
  double offset = luaL_checknumber(L, arg);
  luaL_argcheck(L, offset >= 0 && offset <= a->size && offset == floor(offset), arg, "an offset in the file expected");
  return offset;
}

/* system.append(path) -> file | nil, message */
static int system_append (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  Append *a = lua_newuserdata(L, sizeof *a);
  a->fd = -1;
  luaL_getmetatable(L, APPEND_T);
  lua_setmetatable(L, -2);
  int error = append_open(a, path);
  return error ? push_outcome(L, error) : 1;
}

/* file:append(bytes) -> true | nil, message */
static int file_append (lua_State *L) {
  size_t len;
  Append *a = open_append(L);
  const char *bytes = luaL_checklstring(L, 2, &len);
  return push_outcome(L, append_write(a, bytes, len));
}

/* file:sync() -> true | nil, message */
static int file_sync (lua_State *L) {
  return push_outcome(L, append_sync(open_append(L)));
}

/* file:truncate(size) -> true | nil, message */
static int file_truncate (lua_State *L) {
  Append *a = open_append(L);
  return push_outcome(L, append_truncate(a, check_offset(L, 2, a)));
}

/* file:read(offset, count) -> bytes, fewer at the end | nil, message */
static int file_read (lua_State *L) {
  Append *a = open_append(L);
  double offset = check_offset(L, 2, a);
  lua_Integer count = luaL_checkinteger(L, 3);
  luaL_argcheck(L, count >= 0 && count <= LONGEST_READ, 3, "up to 16 MB expected");
  char *out = lua_newuserdata(L, (size_t)count + 1);
  long got = append_read(a, offset, out, (size_t)count);
  if (got < 0) return push_outcome(L, (int)-got);
  lua_pushlstring(L, out, (size_t)got);
  return 1;
}

/* file:size() -> bytes */
static int file_size (lua_State *L) {
  compat_pushinteger(L, (int64_t)open_append(L)->size);
  return 1;
}

static int file_close (lua_State *L) {
  append_close(luaL_checkudata(L, 1, APPEND_T));
  return 0;
}

/* ==} */

/* system.replace(path, bytes) -> true | nil, message */
static int system_replace (lua_State *L) {
  size_t len;
  const char *path = luaL_checkstring(L, 1), *bytes = luaL_checklstring(L, 2, &len);
  return push_outcome(L, replace_file(path, bytes, len));
}

/* system.rename(path, other) -> true | nil, message; the other name is on the disk then */
static int system_rename (lua_State *L) {
  const char *path = luaL_checkstring(L, 1), *other = luaL_checkstring(L, 2);
  return push_outcome(L, rename(path, other) == 0 ? sync_directory(other) : errno);
}

/* system.remove(path) -> true | nil, message; one that is not there is no failure */
static int system_remove (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (unlink(path) == 0) return push_outcome(L, sync_directory(path));
  return push_outcome(L, errno == ENOENT ? 0 : errno);
}

/* system.mkdir(path) -> true | nil, message; one that is there already is no failure */
static int system_mkdir (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat about;
  if (mkdir(path, 0777) == 0) return push_outcome(L, sync_directory(path));
  int error = errno;
  if (error == EEXIST && stat(path, &about) == 0 && S_ISDIR(about.st_mode)) error = 0;
  return push_outcome(L, error);
}

/* {== Interrupts == */

/* system.interrupts(notice) -> interrupts */
static int system_interrupts (lua_State *L) {
  size_t len;
  const char *notice = luaL_optlstring(L, 1, "", &len);
  Interrupts *i = lua_newuserdata(L, sizeof *i);
  i->open = 0;
  luaL_getmetatable(L, INTERRUPTS_T);
  lua_setmetatable(L, -2);
  if (!interrupts_open(i, notice, len)) return luaL_error(L, "interrupts are taken already in this process");
  return 1;
}

/* interrupts:raised() -> "SIGINT", "SIGTERM" | nil */
static int interrupts_which (lua_State *L) {
  luaL_checkudata(L, 1, INTERRUPTS_T);
  lua_pushstring(L, interrupts_raised());
  return 1;
}

/* system.leave_interrupts(): SIGINT ends the process, whatever the interpreter makes of it */
static int system_leave_interrupts (lua_State *L) {
  (void)L;
  interrupts_leave();
  return 0;
}

static int interrupts_end (lua_State *L) {
  interrupts_close(luaL_checkudata(L, 1, INTERRUPTS_T));
  return 0;
}

/* ==} */

/* system.terminal(descriptor) -> columns | nil: it is none */
static int system_terminal (lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  struct winsize size;
  if (!isatty(fd)) return lua_pushnil(L), 1;
  int known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  lua_pushinteger(L, known ? size.ws_col : 80);
  return 1;
}

static void new_type (lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void files_register (lua_State *L) {
  static const luaL_Reg file[] = {
    {"append", file_append}, {"close", file_close},       {"read", file_read}, {"size", file_size},
    {"sync", file_sync},     {"truncate", file_truncate}, {NULL, NULL}};
  static const luaL_Reg interrupts[] = {{"close", interrupts_end}, {"raised", interrupts_which}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"append", system_append},   {"interrupts", system_interrupts}, {"leave_interrupts", system_leave_interrupts},
    {"mkdir", system_mkdir},     {"remove", system_remove},         {"rename", system_rename},
    {"replace", system_replace}, {"terminal", system_terminal},     {NULL, NULL}};
  new_type(L, APPEND_T, file, file_close);
  new_type(L, INTERRUPTS_T, interrupts, interrupts_end);
  luaL_setfuncs(L, functions, 0);
}
