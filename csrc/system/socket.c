#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without these a program that is started inherits the connection, and one that is cut raises SIGPIPE. */
#if !defined(SOCK_CLOEXEC)
#define SOCK_CLOEXEC 0
#endif
#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0
#endif

static int connect_to (const struct addrinfo *a) {
  int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol), on = 1, result;
  if (fd < 0) return -1;
  do
    result = connect(fd, a->ai_addr, a->ai_addrlen);
  while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EISCONN) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

/* An address in figures is tried first: it needs no resolver, whose libraries take longer to load than all of us. */
static int resolve (const char *host, const char *port, struct addrinfo **list) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  int failure = getaddrinfo(host, port, &hints, list);
  if (failure != EAI_NONAME) return failure;
  hints.ai_flags = AI_NUMERICSERV;
  return getaddrinfo(host, port, &hints, list);
}

int socket_connect (const char *host, const char *port, const char **error) {
  struct addrinfo *list;
  int failure = resolve(host, port, &list), fd = -1;
  if (failure) return *error = gai_strerror(failure), -1;
  for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
    fd = connect_to(a);
  if (fd < 0) *error = strerror(errno);
  freeaddrinfo(list);
  return fd;
}

int socket_send (int fd, const char *bytes, size_t len) {
  while (len) {
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return 0;
    bytes += n;
    len -= (size_t)n;
  }
  return 1;
}

ssize_t socket_receive (int fd, int wake, char *bytes, size_t len) {
  while (1) {
    struct pollfd wanted[] = {{.fd = fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
    if (wake >= 0 && poll(wanted, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    if (wake >= 0 && wanted[0].revents == 0) return errno = ECANCELED, -1;
    ssize_t n = recv(fd, bytes, len, 0);
    if (n >= 0 || errno != EINTR) return n;
  }
}

int socket_is_idle (int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 0;
}
