/*
** SIGINT and SIGTERM as something that a program asks for at moments of its own. The second signal ends the process, as
** it would have without this. At the first one a notice can be written to standard error, since the program may be busy
** for a while before it asks.
*/
#ifndef DYNAMODB_INTERRUPTS_H
#define DYNAMODB_INTERRUPTS_H

#include <signal.h>

#pragma GCC visibility push(hidden)

typedef struct Interrupts {
  struct sigaction interrupt, terminate; /* what was there before */
  int open;
} Interrupts;

int interrupts_open (Interrupts *i, const char *notice, size_t len); /* 0 when somebody has them already */
const char *interrupts_raised (void);                                /* "SIGINT", "SIGTERM" or NULL */
void interrupts_close (Interrupts *i);

/* SIGINT ends the process from now on: an interpreter makes an error of it, which anybody may catch. */
void interrupts_leave (void);

#pragma GCC visibility pop
#endif
