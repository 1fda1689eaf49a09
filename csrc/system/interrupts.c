#include "interrupts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A signal belongs to the process, and its handler is given nothing: this cannot stand in any Lua state. */
static volatile sig_atomic_t raised;
static int taken;
static char notice[200];
static size_t notice_len;

static void note (int signal) {
  int reason = errno;
  if (raised) raise(signal); /* of the other kind: it is the second one all the same */
  raised = signal;
  if (notice_len) (void)!write(STDERR_FILENO, notice, notice_len);
  errno = reason;
}

static void take (int signal, struct sigaction *before) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  action.sa_flags = (int)SA_RESETHAND; /* the second one ends the process */
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, before);
}

int interrupts_open (Interrupts *i, const char *text, size_t len) {
  if (taken) return 0;
  notice_len = len < sizeof notice ? len : sizeof notice;
  memcpy(notice, text, notice_len);
  taken = 1;
  raised = 0;
  take(SIGINT, &i->interrupt);
  take(SIGTERM, &i->terminate);
  i->open = 1;
  return 1;
}

const char *interrupts_raised (void) {
  int signal = raised;
  return signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : NULL;
}

void interrupts_leave (void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

void interrupts_close (Interrupts *i) {
  if (!i->open) return;
  sigaction(SIGINT, &i->interrupt, NULL);
  sigaction(SIGTERM, &i->terminate, NULL);
  i->open = taken = 0;
}
