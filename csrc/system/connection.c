/*
** Connections for dynamodb.system: a blocking socket to what is on this machine.
*/
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "signals.h"
#include "socket.h"

#define SOCKET_T "dynamodb.system.socket"

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
  return s->fd < 0 ? system_failure(L, error) : 1;
}

/* socket:send(bytes) -> true | nil, message */
static int socket_send_bytes (lua_State *L) {
  size_t len;
  Socket *s = open_socket(L);
  const char *bytes = luaL_checklstring(L, 2, &len);
  if (!socket_send(s->fd, bytes, len)) return system_failure(L, strerror(errno));
  lua_pushboolean(L, 1);
  return 1;
}

/* socket:receive(until_stopped?) -> bytes | nil, "closed" | "stopped" | message */
static int socket_receive_bytes (lua_State *L) {
  Socket *s = open_socket(L);
  int wake = lua_toboolean(L, 2) ? signals_pipe() : -1;
  ssize_t n = socket_receive(s->fd, wake, s->bytes, sizeof s->bytes);
  if (n < 0) return system_failure(L, errno == ECANCELED ? "stopped" : strerror(errno));
  if (n == 0) return system_failure(L, "closed");
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

void connection_register (lua_State *L) {
  static const luaL_Reg methods[] = {{"close", socket_close},
                                     {"is_idle", socket_idle},
                                     {"receive", socket_receive_bytes},
                                     {"send", socket_send_bytes},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"connect", system_connect}, {NULL, NULL}};
  luaL_newmetatable(L, SOCKET_T);
  lua_pushcfunction(L, socket_close);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, SOCKET_T);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
