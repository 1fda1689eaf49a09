#include "pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

enum { MOST_SPARES = 64, LONGEST_WAIT = 600 };

void pool_open (Pool *p, const Settings *s) {
  p->settings = *s;
  p->owner = getpid();
  p->open = 1;
}

/* {==== Sockets ==== */

static int remember_socket (Pool *p, int fd) {
  if (p->socket_count == p->socket_capacity) {
    size_t capacity = p->socket_capacity ? p->socket_capacity * 2 : 16;
    int *sockets = realloc(p->sockets, capacity * sizeof *sockets);
    if (!sockets) return 0;
    p->sockets = sockets;
    p->socket_capacity = capacity;
  }
  p->sockets[p->socket_count++] = fd;
  return 1;
}

/* Programs that this one starts do not inherit our connections. */
static curl_socket_t open_socket (void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
  Pool *p = arg;
  (void)purpose;
  int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  if (remember_socket(p, fd)) return fd;
  close(fd);
  return CURL_SOCKET_BAD;
}

static int close_socket (void *arg, curl_socket_t fd) {
  Pool *p = arg;
  for (size_t i = 0; i < p->socket_count; i++) {
    if (p->sockets[i] != fd) continue;
    p->sockets[i] = p->sockets[--p->socket_count];
    break;
  }
  return close(fd);
}

/* }==== */

/* {==== Handles ==== */

static Handle *take_handle (Pool *p) {
  Handle *h = p->spare;
  if (h) {
    p->spare = h->next;
    p->spares--;
    return h;
  }
  h = handle_new(&p->settings);
  if (!h) return NULL;
  curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETDATA, p);
  curl_easy_setopt(h->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(h->easy, CURLOPT_CLOSESOCKETDATA, p);
  return h;
}

static void give_back (Pool *p, Handle *h) {
  if (p->spares >= MOST_SPARES) {
    handle_free(h);
    return;
  }
  h->next = p->spare;
  p->spare = h;
  p->spares++;
}

/* }==== */

static void unlink_transfer (Pool *p, Transfer *t) {
  if (t->prev) t->prev->next = t->next;
  if (t->next) t->next->prev = t->prev;
  if (p->running == t) p->running = t->next;
  t->prev = t->next = NULL;
  t->pool = NULL;
  p->active--;
}

/* A transfer that has not ended takes its connection with it. */
void pool_drop (Pool *p, Transfer *t) {
  Handle *h = t->handle;
  unlink_transfer(p, t);
  t->handle = NULL;
  curl_multi_remove_handle(p->multi, h->easy);
  give_back(p, h);
}

/* Also closes the connections that rest. */
static void close_multi (Pool *p) {
  if (p->multi) curl_multi_cleanup(p->multi);
  p->multi = NULL;
  p->stale = 0;
}

/*
** We are a child of the process that opened the connections: a farewell of ours, even TLS's, would cut the parent's
** off. Its curl objects are left as they are (that memory is lost, once for each fork); our copies of the sockets
** are closed, which the peer does not notice.
*/
static void abandon (Pool *p) {
  while (p->running) {
    Transfer *t = p->running;
    transfer_fail(t, "ConnectionError", "the process forked while the request was under way");
    t->sent = 1; /* the parent goes on with it */
    t->handle = NULL;
    unlink_transfer(p, t);
  }
  for (size_t i = 0; i < p->socket_count; i++)
    close(p->sockets[i]);
  p->socket_count = 0;
  p->multi = NULL;
  p->spare = NULL;
  p->spares = 0;
  p->stale = p->kicked = 0;
  p->owner = getpid();
  p->forks++;
}

void pool_check_owner (Pool *p) {
  if (p->open && p->owner != getpid()) abandon(p);
}

void pool_close (Pool *p) {
  if (!p->open) return;
  pool_check_owner(p);
  while (p->running) {
    Transfer *t = p->running;
    transfer_fail(t, "ConnectionError", "the pool was closed while the request was under way");
    pool_drop(p, t);
  }
  p->open = 0;
  while (p->spare) {
    Handle *h = p->spare;
    p->spare = h->next;
    handle_free(h);
  }
  close_multi(p);
  free(p->sockets);
  free(p->settings.ca_bundle);
  p->sockets = NULL;
  p->settings.ca_bundle = NULL;
}

void pool_retire (Pool *p) {
  if (p->active > 0)
    p->stale = 1; /* new connections only, until nothing runs */
  else
    close_multi(p);
}

static int ensure_multi (Pool *p) {
  if (p->stale && p->active == 0) close_multi(p);
  if (p->multi) return 1;
  p->multi = curl_multi_init();
  if (!p->multi) return 0;
  curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, p->settings.max_connections);
  curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  return 1;
}

/* The transfer has its handle and can be cancelled from here on. */
static void link_transfer (Pool *p, Transfer *t) {
  t->pool = p;
  t->prev = NULL;
  t->next = p->running;
  if (p->running) p->running->prev = t;
  p->running = t;
  p->active++;
}

const char *pool_start (Pool *p, Transfer *t, const Request *r, double deadline) {
  Handle *h = ensure_multi(p) ? take_handle(p) : NULL;
  if (!h) return "out of memory";
  if (!handle_prepare(h, r)) {
    memcpy(t->message, h->error, sizeof h->error);
    give_back(p, h);
    return t->message;
  }
  transfer_begin(t, h, r, &p->settings, deadline);
  if (p->stale) curl_easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, 1L);
  link_transfer(p, t);
  CURLMcode code = clock_now() < deadline ? curl_multi_add_handle(p->multi, h->easy) : CURLM_OK;
  if (code != CURLM_OK) transfer_fail(t, "ConnectionError", curl_multi_strerror(code));
  if (clock_now() >= deadline) transfer_fail(t, "DeadlineExceeded", "the deadline passed before the request began");
  if (t->state == TRANSFER_RUNNING)
    p->kicked = 1;
  else
    pool_drop(p, t);
  return NULL;
}

/* {==== Stepping ==== */

static int to_milliseconds (double seconds) {
  if (!(seconds > 0)) return 0;
  return seconds >= LONGEST_WAIT ? LONGEST_WAIT * 1000 : (int)ceil(seconds * 1000);
}

static double next_due (const Pool *p, double limit) {
  for (const Transfer *t = p->running; t; t = t->next)
    limit = fmin(limit, transfer_due(t));
  return limit;
}

static int collect (Pool *p) {
  int left, ended = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(p->multi, &left))) {
    Transfer *t = NULL;
    if (message->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    transfer_finish(t, message->data.result);
    pool_drop(p, t);
    ended++;
  }
  return ended;
}

static int expire (Pool *p, double now) {
  int ended = 0;
  for (Transfer *t = p->running, *next; t; t = next) {
    next = t->next;
    if (!transfer_expire(t, now, p->sockets, p->socket_count)) continue;
    pool_drop(p, t);
    ended++;
  }
  return ended;
}

/* The multi itself is broken: out of memory, mostly. */
static int fail_all (Pool *p, CURLMcode code) {
  int ended = 0;
  for (; p->running; ended++) {
    Transfer *t = p->running;
    transfer_fail(t, "ConnectionError", curl_multi_strerror(code));
    pool_drop(p, t);
  }
  return ended;
}

int pool_step (Pool *p, double timeout) {
  int still;
  if (p->active == 0) {
    if (isfinite(timeout)) clock_sleep(fmin(timeout, LONGEST_WAIT)); /* without end, nothing could ever end it */
    return 0;
  }
  if (!p->kicked) {
    double now = clock_now();
    curl_multi_poll(p->multi, NULL, 0, to_milliseconds(next_due(p, now + timeout) - now), NULL);
  }
  p->kicked = 0;
  CURLMcode code = curl_multi_perform(p->multi, &still);
  if (code != CURLM_OK) return fail_all(p, code);
  int ended = collect(p);
  return ended + expire(p, clock_now());
}

/* }==== */
