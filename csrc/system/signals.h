/*
** SIGTERM, and the end of child processes, as bytes in a pipe: a wait that looks at the pipe misses none of them.
*/
#ifndef DYNAMODB_SIGNALS_H
#define DYNAMODB_SIGNALS_H

#pragma GCC visibility push(hidden)

/* Begins to watch for SIGTERM and, if asked, for the end of children, with a pipe of this very process; 0 and errno
** after an error. */
int signals_watch (int children);

/* To be polled for reading; -1 when nothing is watched. */
int signals_pipe (void);

/* Waits for a signal that has not been seen yet. */
void signals_wait (void);

/* Has SIGTERM come? */
int signals_stopped (void);

#pragma GCC visibility pop
#endif
