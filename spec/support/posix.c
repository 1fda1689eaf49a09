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

/* A stdin that stays silent for ever: the child itself holds the other end. */
static void open_stdin (void) {
  int ends[2];
  if (pipe(ends) == 0) dup2(ends[0], 0);
}

/*
** spawn(words, silent, stdout, stderr, word …, "NAME=value" …) -> pid. Its stdin is empty, or silent; its outputs go to
** files.
*/
static int spawn (lua_State *L) {
  int count = (int)luaL_checkinteger(L, 1), silent = lua_toboolean(L, 2);
  const char *out = luaL_checkstring(L, 3), *err = luaL_checkstring(L, 4);
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
    if (silent)
      open_stdin();
    else
      redirect("/dev/null", O_RDONLY, 0);
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

static char directory[64];
static pid_t owner;

static void remove_directory (void) {
  char command[128];
  if (getpid() != owner) return;
  snprintf(command, sizeof command, "rm -rf '%s'", directory);
  if (system(command) != 0) perror("rm");
}

/* temporary() -> a directory of this process, removed when it ends, whether the Lua state is closed or not */
static int temporary (lua_State *L) {
  if (owner == 0) {
    const char *parent = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%.40s/dynamodb-spec-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(directory)) return failure(L);
    owner = getpid();
    atexit(remove_directory);
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
