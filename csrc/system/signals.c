#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* A signal belongs to the process, and so does what its handler can reach. */
static int ends[2] = {-1, -1};
static volatile sig_atomic_t stopped;

static void notice (int signal) {
  int reason = errno;
  if (signal == SIGTERM) stopped = 1;
  (void)!write(ends[1], "", 1);
  errno = reason;
}

int signals_watch (int children) {
  int old[2] = {ends[0], ends[1]}, fresh[2];
  struct sigaction action = {.sa_handler = notice, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  if (pipe(fresh) != 0) return 0;
  for (int i = 0; i < 2; i++) {
    fcntl(fresh[i], F_SETFL, O_NONBLOCK);
    fcntl(fresh[i], F_SETFD, FD_CLOEXEC);
    ends[i] = fresh[i];
    if (old[i] >= 0) close(old[i]);
  }
  if (sigaction(SIGTERM, &action, NULL) != 0) return 0;
  if (!children) action.sa_handler = SIG_DFL;
  return sigaction(SIGCHLD, &action, NULL) == 0;
}

int signals_pipe (void) {
  return ends[0];
}

void signals_wait (void) {
  char seen[64];
  struct pollfd p = {.fd = ends[0], .events = POLLIN};
  while (poll(&p, 1, -1) < 0 && errno == EINTR)
    ;
  while (read(ends[0], seen, sizeof seen) > 0)
    ;
}

int signals_stopped (void) {
  return stopped;
}
