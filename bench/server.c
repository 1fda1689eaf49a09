/*
** A server that answers every request with the same bytes: `server FILE`, on a free port of loopback that it prints.
** It keeps connections, looks at nothing but where a request ends, and ends when nobody reads its output any more.
*/
#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 256
#define ANSWER (1 << 21)

typedef struct Connection {
  char text[1 << 16]; /* what has come of a request */
  size_t len;
} Connection;

static char answer[ANSWER];
static size_t answer_len;
static Connection connections[CONNECTIONS];
static struct pollfd watched[CONNECTIONS + 2]; /* our output, the listening socket, connections */
static nfds_t watching = 2;

static void die (const char *what) {
  perror(what);
  exit(1);
}

static void read_answer (const char *name) {
  FILE *file = fopen(name, "rb");
  if (!file) die(name);
  answer_len = fread(answer, 1, sizeof answer, file);
  fclose(file);
}

static int listen_on_loopback (int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t len = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listening = socket(AF_INET, SOCK_STREAM, 0);
  if (listening < 0 || bind(listening, (struct sockaddr *)&address, len) || listen(listening, CONNECTIONS))
    die("listen");
  if (getsockname(listening, (struct sockaddr *)&address, &len)) die("getsockname");
  *port = ntohs(address.sin_port);
  return listening;
}

static void add_connection (void) {
  int one = 1, fd = accept(watched[1].fd, NULL, NULL);
  if (fd < 0 || watching == CONNECTIONS + 2) die("accept");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connections[watching - 2].len = 0;
  watched[watching++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop_connection (nfds_t i) {
  close(watched[i].fd);
  watched[i] = watched[--watching];
  connections[i - 2] = connections[watching - 2];
}

/* The length of the request that `c` starts with, or 0 while it is incomplete. */
static size_t request_length (Connection *c) {
  c->text[c->len] = 0;
  const char *end = strstr(c->text, "\r\n\r\n"), *length = strcasestr(c->text, "\r\ncontent-length:");
  if (!end) return 0;
  size_t whole = (size_t)(end - c->text) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
  return whole <= c->len ? whole : 0;
}

static int send_answer (int fd) {
  for (size_t sent = 0; sent < answer_len;) {
    ssize_t n = write(fd, answer + sent, answer_len - sent);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) sent += (size_t)n;
  }
  return 1;
}

/* What has come over a connection; 0 when it is over. */
static int serve (int fd, Connection *c) {
  ssize_t n = read(fd, c->text + c->len, sizeof c->text - 1 - c->len);
  if (n <= 0) return 0;
  c->len += (size_t)n;
  for (size_t length; (length = request_length(c)) > 0;) {
    memmove(c->text, c->text + length, c->len -= length);
    if (!send_answer(fd)) return 0;
  }
  return 1;
}

int main (int argc, char **argv) {
  int port;
  if (argc != 2) return fprintf(stderr, "server FILE\n"), 2;
  read_answer(argv[1]);
  watched[0] = (struct pollfd){.fd = STDOUT_FILENO}; /* POLLERR when its reader is gone */
  watched[1] = (struct pollfd){.fd = listen_on_loopback(&port), .events = POLLIN};
  printf("%d\n", port);
  fflush(stdout);
  for (;;) {
    if (poll(watched, watching, -1) < 0 && errno != EINTR) die("poll");
    if (watched[0].revents) return 0;
    for (nfds_t i = watching; i-- > 2;)
      if (watched[i].revents && !serve(watched[i].fd, &connections[i - 2])) drop_connection(i);
    if (watched[1].revents) add_connection();
  }
}
