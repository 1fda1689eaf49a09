#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* pipe2 */
#endif
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void child_init (Child *c) {
  memset(c, 0, sizeof *c);
  c->out = c->err = -1;
  buffer_init(&c->output);
  buffer_init(&c->errors);
}

static void close_one (int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Signals as a new program expects them, and a process group of its own, so that its children end with it. */
static int set_attributes (posix_spawnattr_t *a) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  return posix_spawnattr_setsigmask(a, &none) || posix_spawnattr_setsigdefault(a, &all) ||
         posix_spawnattr_setpgroup(a, 0) ||
         posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int set_files (posix_spawn_file_actions_t *f, int out, int err) {
  return posix_spawn_file_actions_addopen(f, 0, "/dev/null", O_RDONLY, 0) ||
         posix_spawn_file_actions_adddup2(f, out, 1) || posix_spawn_file_actions_adddup2(f, err, 2);
}

static int spawn (Child *c, char *const arguments[], int out, int err) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t files;
  int wrong = posix_spawnattr_init(&attributes);
  if (wrong) return wrong;
  wrong = posix_spawn_file_actions_init(&files);
  if (!wrong) {
    wrong = set_attributes(&attributes) || set_files(&files, out, err)
              ? ENOMEM
              : posix_spawnp(&c->pid, arguments[0], &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
  }
  posix_spawnattr_destroy(&attributes);
  if (wrong) c->pid = 0;
  return wrong;
}

static int is_open_quietly (int fd) {
  return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

const char *child_start (Child *c, char *const arguments[]) {
  int out[2] = {-1, -1}, err[2] = {-1, -1}, wrong = 0;
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) wrong = errno;
  if (!wrong && (!is_open_quietly(out[0]) || !is_open_quietly(err[0]))) wrong = errno;
  if (!wrong) wrong = spawn(c, arguments, out[1], err[1]);
  close_one(&out[1]);
  close_one(&err[1]);
  c->out = out[0];
  c->err = err[0];
  c->owner = getpid();
  if (!wrong) return NULL;
  child_close(c);
  return strerror(wrong);
}

/* Reads until nothing is left for now. */
static void drain (Child *c, int *fd, Buffer *to) {
  while (*fd >= 0) {
    char bytes[4096];
    ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0)
      close_one(fd);
    else if (to->len + (size_t)got > CHILD_OUTPUT || !buffer_append(to, bytes, (size_t)got))
      c->too_much = 1, close_one(fd);
  }
}

int child_poll (Child *c) {
  if (c->is_over) return 1;
  if (c->owner != getpid()) { /* it goes on in the process that started it */
    child_close(c);
    return c->is_over = 1;
  }
  pid_t ended = waitpid(c->pid, &c->status, WNOHANG);
  drain(c, &c->out, &c->output);
  drain(c, &c->err, &c->errors);
  if (ended == 0 && !c->too_much) return 0;
  /* Where SIGCHLD is ignored the system reaps: how it ended is not known, what it wrote is. */
  if (ended != 0) c->pid = 0;
  child_close(c);
  return c->is_over = 1;
}

void child_close (Child *c) {
  close_one(&c->out);
  close_one(&c->err);
  if (c->pid > 0 && c->owner == getpid()) {
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
      ;
  }
  c->pid = 0;
}
