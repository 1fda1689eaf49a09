/*
** The process for dynamodb.system: its environment, clocks and signals, and workers that it forks.
*/
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* memfd_create */
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "../curl/clock.h"
#include "bind.h"
#include "signals.h"

/*
** The environment belongs to the process, and so do the texts that it points to. setenv() of glibc keeps every value
** that a variable ever had, and a function's trace is another one with each event; here a variable has one text, which
** is written anew.
*/
enum { VARIABLES = 16 };

static struct {
  char *text; /* "name=value" */
  size_t size;
  int is_set; /* does the environment point to it? */
} variables[VARIABLES];

/* The place of a variable, or one that is free; VARIABLES if there is none. */
static int place_of (const char *name) {
  size_t len = strlen(name);
  int i = 0;
  while (i < VARIABLES && variables[i].text && (strncmp(variables[i].text, name, len) || variables[i].text[len] != '='))
    i++;
  return i;
}

/* Sets a variable that the environment does not have: nothing points to the text that is written. */
static int set (int i, const char *name, const char *value) {
  size_t size = strlen(name) + strlen(value) + 2;
  if (variables[i].size < size) {
    char *text = realloc(variables[i].text, size);
    if (!text) return 0;
    variables[i].text = text;
    variables[i].size = size;
  }
  snprintf(variables[i].text, size, "%s=%s", name, value);
  return variables[i].is_set = putenv(variables[i].text) == 0;
}

/* system.setenv(name, value?) */
static int system_setenv (lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *value = luaL_optstring(L, 2, NULL);
  int i = place_of(name);
  if (unsetenv(name) != 0) return luaL_error(L, "setenv: %s", strerror(errno));
  if (i < VARIABLES) variables[i].is_set = 0;
  if (value && (i == VARIABLES || !set(i, name, value))) return luaL_error(L, "setenv: there is no room for %s", name);
  return 0;
}

/* This library is unloaded: what the environment points to has to stay. */
__attribute__((destructor)) static void forget (void) {
  for (int i = 0; i < VARIABLES; i++)
    if (!variables[i].is_set) free(variables[i].text);
}

/*
** Several processes write to one pipe. The system keeps few bytes together (PIPE_BUF), but puts them in the midst of
** others, which wait for room; so the processes take turns. Who has the lock of this file may write; it ends with its
** process.
*/
static int turns = -1;

/* system.take_turns(): from now on, and in all processes that are forked */
static int system_take_turns (lua_State *L) {
#if defined(__linux__)
  if (turns < 0) turns = memfd_create("dynamodb.turns", MFD_CLOEXEC);
  if (turns < 0) return luaL_error(L, "take_turns: %s", strerror(errno));
#else
  (void)L;
#endif
  return 0;
}

static void turn (int command) {
  while (turns >= 0 && lockf(turns, command, 0) != 0 && errno == EINTR)
    ;
}

static int write_all (int fd, const char *bytes, size_t len) {
  while (len) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return 0;
    bytes += n;
    len -= (size_t)n;
  }
  return 1;
}

/* system.write(fd, bytes) -> true | nil, message: all of them together, past every buffer */
static int system_write (lua_State *L) {
  size_t len;
  int fd = (int)luaL_checkinteger(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &len);
  turn(F_LOCK);
  int done = write_all(fd, bytes, len), reason = errno;
  turn(F_ULOCK);
  if (!done) return system_failure(L, strerror(reason));
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
  if (!getcwd(path, sizeof path)) return system_failure(L, strerror(errno));
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
  if (pid < 0) return system_failure(L, strerror(errno));
  if (pid == 0) {
#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
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

/* system.terminate(pid, …): asks children to end, and waits until all of them have */
static int system_terminate (lua_State *L) {
  int count = lua_gettop(L);
  for (int i = 1; i <= count; i++)
    kill((pid_t)luaL_checkinteger(L, i), SIGTERM);
  for (int i = 1; i <= count; i++)
    while (waitpid((pid_t)lua_tointeger(L, i), NULL, 0) < 0 && errno == EINTR)
      ;
  return 0;
}

void process_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"directory", system_directory},
    {"fork", system_fork},
    {"now", system_now},
    {"setenv", system_setenv},
    {"sleep", system_sleep},
    {"stopped", system_stopped},
    {"take_turns", system_take_turns},
    {"terminate", system_terminate},
    {"time", system_time},
    {"wait", system_wait},
    {"watch", system_watch},
    {"write", system_write},
    {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
}
