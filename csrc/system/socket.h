/*
** A TCP connection that blocks: to the Runtime API of Lambda, which is on this very machine. No proxy, no TLS.
*/
#ifndef DYNAMODB_SOCKET_H
#define DYNAMODB_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

/* A connected socket; -1 when there is none, and `*error` then says why. */
int socket_connect (const char *host, const char *port, const char **error);

/* 0 when the peer does not take all of it; errno says why. */
int socket_send (int fd, const char *bytes, size_t len);

/*
** Waits for bytes, as long as it takes: their number, 0 at the end of the stream, -1 and errno after an error. Bytes
** that wait at `wake` (if that is not -1) end the wait: -1 and ECANCELED.
*/
ssize_t socket_receive (int fd, int wake, char *bytes, size_t len);

/* Is the connection open, and has the peer nothing to say? */
int socket_is_idle (int fd);

#pragma GCC visibility pop
#endif
