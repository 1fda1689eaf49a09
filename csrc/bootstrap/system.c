/*
** dynamodb.system: what a runtime of Lambda needs of the operating system, for Lua: the connection to the Runtime API,
** the environment, SIGTERM, worker processes.
*/
#include "../compat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../curl/clock.h"
#include "signals.h"
#include "socket.h"

#define SOCKET_T "dynamodb.socket"

static int failure (lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/* {==== Sockets ==== */

typedef struct Socket {
  int fd; /* -1 when it is closed */
  char bytes[64 * 1024];
} Socket;

static Socket *check_socket (lua_State *L) {
  return luaL_checkudata(L, 1, SOCKET_T);
}

static Socket *open_socket (lua_State *L) {
  Socket *s = check_socket(L);
  if (s->fd < 0) luaL_error(L, "the socket is closed");
  return s;
}

/* system.connect(host, port) -> socket | nil, message */
static int system_connect (lua_State *L) {
  const char *host = luaL_checkstring(L, 1), *port = luaL_checkstring(L, 2), *error = NULL;
  Socket *s = lua_newuserdata(L, sizeof *s);
  s->fd = -1;
  luaL_getmetatable(L, SOCKET_T);
  lua_setmetatable(L, -2);
  s->fd = socket_connect(host, port, &error);
  return s->fd < 0 ? failure(L, error) : 1;
}

/* socket:send(bytes) -> true | nil, message */
static int socket_send_bytes (lua_State *L) {
  size_t len;
  Socket *s = open_socket(L);
  const char *bytes = luaL_checklstring(L, 2, &len);
  if (!socket_send(s->fd, bytes, len)) return failure(L, strerror(errno));
  lua_pushboolean(L, 1);
  return 1;
}

/* socket:receive(until_stopped?) -> bytes | nil, "closed" | "stopped" | message */
static int socket_receive_bytes (lua_State *L) {
  Socket *s = open_socket(L);
  int wake = lua_toboolean(L, 2) ? signals_pipe() : -1;
  ssize_t n = socket_receive(s->fd, wake, s->bytes, sizeof s->bytes);
  if (n < 0) return failure(L, errno == ECANCELED ? "stopped" : strerror(errno));
  if (n == 0) return failure(L, "closed");
  lua_pushlstring(L, s->bytes, (size_t)n);
  return 1;
}

/* socket:is_idle() -> boolean: open, and nothing has come that was not asked for */
static int socket_idle (lua_State *L) {
  lua_pushboolean(L, socket_is_idle(open_socket(L)->fd));
  return 1;
}

static int socket_close (lua_State *L) {
  Socket *s = check_socket(L);
  if (s->fd >= 0) close(s->fd);
  s->fd = -1;
  return 0;
}

/* }==== */

/* {==== The process ==== */

/* system.setenv(name, value?) */
static int system_setenv (lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *value = luaL_optstring(L, 2, NULL);
  if ((value ? setenv(name, value, 1) : unsetenv(name)) != 0) return luaL_error(L, "setenv: %s", strerror(errno));
  return 0;
}

/* system.write(fd, bytes) -> true | nil, message: all of them, past every buffer */
static int system_write (lua_State *L) {
  size_t len;
  int fd = (int)luaL_checkinteger(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &len);
  while (len) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure(L, strerror(errno));
    bytes += n;
    len -= (size_t)n;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* system.now() -> seconds on the monotonic clock */
static int system_now (lua_State *L) {
  lua_pushnumber(L, clock_now());
  return 1;
}

/* system.time() -> seconds since 1970 */
static int system_time (lua_State *L) {
  lua_pushnumber(L, clock_wall());
  return 1;
}

/* system.sleep(seconds) */
static int system_sleep (lua_State *L) {
  clock_sleep(luaL_checknumber(L, 1));
  return 0;
}

/* system.directory() -> the working directory | nil */
static int system_directory (lua_State *L) {
  char path[4096];
  if (!getcwd(path, sizeof path)) return failure(L, strerror(errno));
  lua_pushstring(L, path);
  return 1;
}

/* system.watch(children?): from now on SIGTERM is noticed and does not end the process */
static int system_watch (lua_State *L) {
  if (!signals_watch(lua_toboolean(L, 1))) return luaL_error(L, "signals: %s", strerror(errno));
  return 0;
}

/* system.stopped() -> boolean: has SIGTERM come? */
static int system_stopped (lua_State *L) {
  lua_pushboolean(L, signals_stopped());
  return 1;
}

/* system.fork() -> pid, 0 in the child | nil, message. The child ends with its parent. */
static int system_fork (lua_State *L) {
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) return failure(L, strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  lua_pushinteger(L, pid);
  return 1;
}

/* system.wait() -> pid, code of a child that has ended | nil when SIGTERM comes or there is none; needs watch(true) */
static int system_wait (lua_State *L) {
  int status;
  while (!signals_stopped()) {
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0) break;
    if (pid > 0) {
      lua_pushinteger(L, pid);
      lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
      return 2;
    }
    signals_wait();
  }
  return 0;
}

/* system.terminate(pid): asks a child to end, and waits until it has */
static int system_terminate (lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  if (kill(pid, SIGTERM) == 0)
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
      ;
  return 0;
}

/* }==== */

DYNAMODB_EXPORT int luaopen_dynamodb_system (lua_State *L);

int luaopen_dynamodb_system (lua_State *L) {
  static const luaL_Reg methods[] = {{"close", socket_close},
                                     {"is_idle", socket_idle},
                                     {"receive", socket_receive_bytes},
                                     {"send", socket_send_bytes},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"connect", system_connect},
    {"directory", system_directory},
    {"fork", system_fork},
    {"now", system_now},
    {"setenv", system_setenv},
    {"sleep", system_sleep},
    {"stopped", system_stopped},
    {"terminate", system_terminate},
    {"time", system_time},
    {"wait", system_wait},
    {"watch", system_watch},
    {"write", system_write},
    {NULL, NULL},
  };
  luaL_newmetatable(L, SOCKET_T);
  lua_pushcfunction(L, socket_close);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
