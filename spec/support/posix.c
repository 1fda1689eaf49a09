/*
** What specs need of the operating system and neither Lua nor a Debian package for every Lua offers: children with
** a pid that end when the runner does, and a fork of this very Lua state. Compiled by spec/support/process.lua.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failure (lua_State *L) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(errno));
  return 2;
}

static void redirect (const char *name, int flags, int to) {
  int fd = open(name, flags | O_CLOEXEC, 0600);
  if (fd >= 0) dup2(fd, to);
}

/*
** spawn(words, stdin, stdout, stderr, word …, "NAME=value" …) -> pid. All three are files; a FIFO as stdin has no end,
** since the child itself holds its other side open.
*/
static int spawn (lua_State *L) {
  int count = (int)luaL_checkinteger(L, 1);
  const char *in = luaL_checkstring(L, 2), *out = luaL_checkstring(L, 3), *err = luaL_checkstring(L, 4);
  const char *argv[64] = {NULL};
  luaL_argcheck(L, count > 0 && count < 64, 1, "1 to 63 words expected");
  int settings = lua_gettop(L) - 4 - count;
  for (int i = 0; i < count; i++)
    argv[i] = luaL_checkstring(L, 5 + i);
  for (int i = 0; i < settings; i++)
    luaL_checkstring(L, 5 + count + i);
  pid_t runner = getpid(), pid = fork();
  if (pid < 0) return failure(L);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner) _exit(126);
    redirect(in, O_RDWR, 0);
    redirect(out, O_WRONLY | O_CREAT | O_APPEND, 1);
    redirect(err, O_WRONLY | O_CREAT | O_APPEND, 2);
    for (int i = 0; i < settings; i++)
      putenv((char *)lua_tostring(L, 5 + count + i));
    execvp(argv[0], (char *const *)argv);
    _exit(127);
  }
  lua_pushinteger(L, pid);
  return 1;
}

/* fork() -> pid, 0 in the child */
static int fork_state (lua_State *L) {
  pid_t runner = getpid(), pid = fork();
  if (pid < 0) return failure(L);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner) _exit(126);
  }
  lua_pushinteger(L, pid);
  return 1;
}

/* wait(pid) -> nil while it runs | exit code, or 128 + signal */
static int wait_nohang (lua_State *L) {
  int status;
  pid_t pid = waitpid((pid_t)luaL_checkinteger(L, 1), &status, WNOHANG);
  if (pid < 0) return failure(L);
  if (pid == 0) return lua_pushnil(L), 1;
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 1;
}

static int send_signal (lua_State *L) {
  lua_pushboolean(L, kill((pid_t)luaL_checkinteger(L, 1), (int)luaL_checkinteger(L, 2)) == 0);
  return 1;
}

/* Ends this process without anything that runs at an orderly exit. */
static int exit_now (lua_State *L) {
  _exit((int)luaL_optinteger(L, 1, 0));
}

/* Waits for the end of the process that holds the other end of `alive`, then removes `directory`. */
static void remove_later (int alive, const char *directory) {
  char byte;
  setsid(); /* what ends the runner's process group must not end this */
  dup2(alive, 0);
  for (int fd = 1; fd < 1024; fd++)
    close(fd);
  while (read(0, &byte, 1) > 0 || errno == EINTR)
    errno = 0;
  execlp("rm", "rm", "-rf", directory, (char *)NULL);
  _exit(127);
}

/* temporary() -> a directory of this process, removed when it ends, however that comes about */
static int temporary (lua_State *L) {
  static char directory[64]; /* one for all Lua states and spec files */
  if (!*directory) {
    int alive[2];
    char name[sizeof directory];
    const char *parent = getenv("TMPDIR");
    snprintf(name, sizeof name, "%.40s/dynamodb-spec-XXXXXX", parent && *parent ? parent : "/tmp");
    if (pipe2(alive, O_CLOEXEC) != 0 || !mkdtemp(name)) return failure(L);
    pid_t pid = fork();
    if (pid < 0) return failure(L);
    if (pid == 0) remove_later(alive[0], name);
    close(alive[0]);
    memcpy(directory, name, sizeof name);
  }
  lua_pushstring(L, directory);
  return 1;
}

static int now (lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

static int cpu (lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

static int nap (lua_State *L) {
  lua_Number s = luaL_checknumber(L, 1);
  struct timespec t = {(time_t)s, (long)((s - (lua_Number)(time_t)s) * 1e9)};
  nanosleep(&t, NULL);
  return 0;
}

int luaopen_support_posix (lua_State *L);

int luaopen_support_posix (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"spawn", spawn}, {"fork", fork_state}, {"wait", wait_nohang}, {"kill", send_signal},    {"exit", exit_now},
    {"now", now},     {"cpu", cpu},         {"sleep", nap},        {"temporary", temporary}, {NULL, NULL},
  };
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}
