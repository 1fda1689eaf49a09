/*
** A server that answers every request with the same bytes: `server FILE`, on a free port of loopback that it prints.
** It keeps connections, looks at nothing but where a request ends, and ends when nobody reads its output any more.
**
** `server FILE PAGES [MILLISECONDS]` answers a Scan of so many pages, divided evenly among its segments, each answer
** after a delay. The page before the one that is asked for stands in the request as PAGE#nnnnnn; who begins has none.
** The answer is the file's bytes, with the page's number in their own PAGE#nnnnnn, and with blanks in the place of
** LastEvaluatedKey, which has to be the last member, on the last page.
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
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 256
#define ANSWER (1 << 21)
#define LAST_KEY 256

typedef struct Connection {
  char text[1 << 16]; /* what has come of a request */
  size_t len;
  double due; /* when its answer is to be sent; 0 when none is */
  long page;  /* that the answer is */
  int last;   /* is it its segment's last one? */
} Connection;

static char answer[ANSWER];
static size_t answer_len;
static long pages; /* of a scan; 0 when all answers are the same */
static double delay;
static char *page_number, *last_key; /* in the answer */
static size_t last_key_len;
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

/* Finds what differs from page to page. */
static void read_pages (const char *count) {
  pages = strtol(count, NULL, 10);
  page_number = strstr(answer, "PAGE#");
  last_key = strstr(answer, ",\"LastEvaluatedKey\"");
  last_key_len = last_key ? (size_t)(answer + answer_len - 1 - last_key) : 0;
  if (pages < 1 || !page_number || !last_key || last_key_len > LAST_KEY) die("the answer is no page");
}

/* Milliseconds. */
static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
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
  connections[watching - 2].due = 0;
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

static int send_bytes (int fd, const char *bytes, size_t len) {
  for (size_t sent = 0; sent < len;) {
    ssize_t n = write(fd, bytes + sent, len - sent);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) sent += (size_t)n;
  }
  return 1;
}

static int send_page (int fd, const Connection *c) {
  char digits[16];
  snprintf(digits, sizeof digits, "%06ld", c->page);
  memcpy(page_number + 5, digits, 6);
  if (!c->last) return send_bytes(fd, answer, answer_len);
  char end[LAST_KEY + 1];
  memset(end, ' ', last_key_len);
  end[last_key_len] = '}';
  return send_bytes(fd, answer, (size_t)(last_key - answer)) && send_bytes(fd, end, last_key_len + 1);
}

/* Sends the answer that is due, if one is; 0 when the connection is over. */
static int answer_when_due (int fd, Connection *c) {
  if (c->due == 0 || c->due > now()) return 1;
  c->due = 0;
  return pages ? send_page(fd, c) : send_bytes(fd, answer, answer_len);
}

/* Which page does the request that `c` starts with ask for? */
static void read_page (Connection *c) {
  const char *page = strstr(c->text, "PAGE#"), *segments = strstr(c->text, "\"TotalSegments\":");
  c->page = page ? strtol(page + 5, NULL, 10) + 1 : 1;
  c->last = c->page >= pages / (segments ? strtol(segments + 16, NULL, 10) : 1);
}

/* What has come over a connection; 0 when it is over. */
static int serve (int fd, Connection *c) {
  ssize_t n = read(fd, c->text + c->len, sizeof c->text - 1 - c->len);
  if (n <= 0) return 0;
  c->len += (size_t)n;
  for (size_t length; (length = request_length(c)) > 0;) {
    if (pages) read_page(c);
    c->due = now() + delay;
    memmove(c->text, c->text + length, c->len -= length);
    if (!answer_when_due(fd, c)) return 0;
  }
  return 1;
}

/* Milliseconds until the first answer is due; -1 when none is. */
static int next_wait (void) {
  double wait = -1, at = now();
  for (nfds_t i = 2; i < watching; i++) {
    double due = connections[i - 2].due;
    if (due > 0 && (wait < 0 || due - at < wait)) wait = due > at ? due - at : 0;
  }
  return wait < 0 ? -1 : (int)wait + 1;
}

int main (int argc, char **argv) {
  int port;
  if (argc < 2 || argc > 4) return fprintf(stderr, "server FILE [PAGES [MILLISECONDS]]\n"), 2;
  read_answer(argv[1]);
  if (argc > 2) read_pages(argv[2]);
  if (argc > 3) delay = strtod(argv[3], NULL);
  watched[0] = (struct pollfd){.fd = STDOUT_FILENO}; /* POLLERR when its reader is gone */
  watched[1] = (struct pollfd){.fd = listen_on_loopback(&port), .events = POLLIN};
  printf("%d\n", port);
  fflush(stdout);
  for (;;) {
    if (poll(watched, watching, next_wait()) < 0 && errno != EINTR) die("poll");
    if (watched[0].revents) return 0;
    for (nfds_t i = watching; i-- > 2;) {
      Connection *c = &connections[i - 2];
      if ((watched[i].revents && !serve(watched[i].fd, c)) || !answer_when_due(watched[i].fd, c)) drop_connection(i);
    }
    if (watched[1].revents) add_connection();
  }
}
