/*
** A program run without a shell, its output collected, never waited for longer than somebody wants to: who waits asks
** again and again. Knows no Lua. It leaves neither a zombie nor a descriptor behind, also when it is given up.
*/
#ifndef DYNAMODB_CHILD_H
#define DYNAMODB_CHILD_H

#include <sys/types.h>

#include "../engine/buffer.h"

#pragma GCC visibility push(hidden)

#define CHILD_OUTPUT ((size_t)256 << 10) /* bytes that a program may write to each of its outputs */

typedef struct Child {
  pid_t pid;   /* 0: none, or none any more */
  pid_t owner; /* the process that started it: a fork of that must not wait for it */
  int out, err;
  int is_over, too_much;
  int status; /* as waitpid gives it */
  Buffer output, errors;
} Child;

void child_init (Child *c);

/* NULL, or what is wrong; `arguments` ends with NULL. */
const char *child_start (Child *c, char *const arguments[]);

/* Takes what it has written; 1 when it is over. */
int child_poll (Child *c);

/* Ends it with its children, if it still runs, and lets go of everything. */
void child_close (Child *c);

#pragma GCC visibility pop
#endif
