#include "transfer.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "activity.h"
#include "clock.h"

/* {==== What curl hands over ==== */

static const char too_large[] = "the response is larger than max_response";
static const char no_memory[] = "not enough memory for the response";
static const char dead_connection[] = "the connection broke after the request was sent";

/* Room for all of a body whose length is announced, so that it does not grow by doubling. */
static void expect_length (Transfer *t, const char *line, size_t len) {
  static const char name[] = "content-length:";
  size_t length = 0, at = sizeof name - 1;
  if (len <= at || strncasecmp(line, name, at) != 0) return;
  while (at < len && line[at] == ' ')
    at++;
  for (; at < len && line[at] >= '0' && line[at] <= '9'; at++) {
    length = length * 10 + (size_t)(line[at] - '0');
    if (length > t->settings->max_response) return;
  }
  if (length > t->content.cap && !buffer_reserve(&t->content, length)) t->fault = no_memory;
}

static int account (Transfer *t, size_t len) {
  t->moved = clock_now();
  t->received += len;
  if (t->received > t->settings->max_response) t->fault = too_large;
  return !t->fault;
}

/* One complete line of a head, of an interim 1xx head, or of the trailers. */
static size_t on_header (char *line, size_t one, size_t len, void *arg) {
  Transfer *t = arg;
  (void)one;
  if (!account(t, len)) return 0;
  if (t->head_done) return len;
  if (len > 5 && memcmp(line, "HTTP/", 5) == 0) t->head.len = 0;
  if (!buffer_append(&t->head, line, len)) return t->fault = no_memory, 0;
  if (len <= 2) {
    long status = 0;
    curl_easy_getinfo(t->handle->easy, CURLINFO_RESPONSE_CODE, &status);
    t->head_done = status >= 200;
  } else {
    expect_length(t, line, len);
  }
  return t->fault ? 0 : len;
}

static size_t on_body (char *bytes, size_t one, size_t len, void *arg) {
  Transfer *t = arg;
  (void)one;
  if (!account(t, len)) return 0;
  if (!buffer_append(&t->content, bytes, len)) return t->fault = no_memory, 0;
  return len;
}

/* Gives the body once; without a seek callback curl cannot begin again. */
static size_t on_read (char *to, size_t one, size_t room, void *arg) {
  Transfer *t = arg;
  size_t left = t->body_len - t->body_read;
  if (room > left) room = left;
  (void)one;
  if (room) memcpy(to, t->body + t->body_read, room);
  t->body_read += room;
  t->moved = clock_now();
  return room;
}

#if LIBCURL_VERSION_NUM >= 0x075000

/*
** Curl is about to send the request on a connection that stands. The first time, that is news: from here on it may
** arrive. Another time, curl found a pooled connection dead and begins again, by itself and up to five times: that
** is right if none of it had left, once if the request is repeat-safe, and never otherwise.
*/
static int on_attempt (void *arg, char *remote, char *local, int remote_port, int local_port) {
  Transfer *t = arg;
  long sent = 0;
  (void)remote, (void)local, (void)remote_port;
  t->local_port = local_port;
  t->moved = t->sampled = clock_now();
  if (t->attempts > 0 && curl_easy_getinfo(t->handle->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent > 0 &&
      !(t->repeat_safe && t->attempts == 1)) {
    t->fault = dead_connection;
    return CURL_PREREQFUNC_ABORT;
  }
  t->attempts += t->attempts == 0 || sent > 0;
  return CURL_PREREQFUNC_OK;
}

static void watch_attempts (Transfer *t) {
  curl_easy_setopt(t->handle->easy, CURLOPT_PREREQFUNCTION, on_attempt);
  curl_easy_setopt(t->handle->easy, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(t->handle->easy, CURLOPT_FRESH_CONNECT, 0L);
}

static int is_connected (const Transfer *t) {
  return t->attempts > 0;
}

#else

/*
** Without notice of an attempt: a body that was read through the callback keeps curl from beginning again; where there
** is none, a new connection does, on which curl never begins again.
*/
static void watch_attempts (Transfer *t) {
  curl_easy_setopt(t->handle->easy, CURLOPT_FRESH_CONNECT, t->repeat_safe || t->body_len > 0 ? 0L : 1L);
}

static int is_connected (const Transfer *t) {
  curl_off_t ready = 0;
  curl_easy_getinfo(t->handle->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
  return ready > 0;
}

#endif

/* }==== */

void transfer_begin (Transfer *t, Handle *handle, const Request *r, const Settings *s, double deadline) {
  CURL *e = handle->easy;
  t->handle = handle;
  t->settings = s;
  t->state = TRANSFER_RUNNING;
  t->started = t->moved = t->sampled = clock_now();
  t->deadline = deadline;
  t->unsent = t->counted = -1;
  t->body = r->body;
  t->body_len = r->body_len;
  t->repeat_safe = r->repeat_safe;
  curl_easy_setopt(e, CURLOPT_PRIVATE, t);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(e, CURLOPT_READDATA, t);
  watch_attempts(t);
}

/* {==== The clocks ==== */

/* How long a connection may be quiet before we look at it more closely. */
static double sample_interval (const Transfer *t) {
  return t->settings->idle_timeout / 4;
}

double transfer_due (const Transfer *t) {
  if (!is_connected(t)) return fmin(t->deadline, t->started + t->settings->connect_timeout);
  double quiet = fmin(t->moved + t->settings->idle_timeout, fmax(t->moved, t->sampled) + sample_interval(t));
  return fmin(t->deadline, quiet);
}

static curl_off_t count_bytes (const Transfer *t) {
  curl_off_t up = 0, down = 0;
  long head = 0, request = 0;
  curl_easy_getinfo(t->handle->easy, CURLINFO_SIZE_UPLOAD_T, &up);
  curl_easy_getinfo(t->handle->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  curl_easy_getinfo(t->handle->easy, CURLINFO_HEADER_SIZE, &head);
  curl_easy_getinfo(t->handle->easy, CURLINFO_REQUEST_SIZE, &request);
  return up + down + head + request;
}

/* Body bytes that leave without our callbacks and bytes still in the kernel count as movement, too. */
static void look_for_movement (Transfer *t, double now, const int *sockets, size_t count) {
  Activity a = activity_of(sockets, count, t->local_port);
  curl_off_t counted = count_bytes(t);
  /* The first look only takes stock: what moved before it moved when the attempt began, or was noted by a callback. */
  int is_first = t->counted < 0;
  if ((!is_first && counted != t->counted) || (t->unsent > 0 && a.unsent != t->unsent)) t->moved = now;
  if (now - a.received > t->moved) t->moved = now - a.received;
  t->counted = counted;
  t->unsent = a.unsent;
  t->sampled = now;
}

int transfer_expire (Transfer *t, double now, const int *sockets, size_t count) {
  if (now >= t->deadline) return transfer_fail(t, "DeadlineExceeded", "the deadline has passed"), 1;
  if (!is_connected(t)) {
    if (now < t->started + t->settings->connect_timeout) return 0;
    return transfer_fail(t, "Timeout", "no connection within connect_timeout"), 1;
  }
  if (now < fmax(t->moved, t->sampled) + sample_interval(t) && now < t->moved + t->settings->idle_timeout) return 0;
  look_for_movement(t, now, sockets, count);
  if (now < t->moved + t->settings->idle_timeout) return 0;
  return transfer_fail(t, "Timeout", "no byte moved within idle_timeout"), 1;
}

/* }==== */

/* {==== The outcome ==== */

void transfer_fail (Transfer *t, const char *code, const char *message) {
  t->sent = is_connected(t);
  t->state = TRANSFER_FAILED;
  t->code = code;
  snprintf(t->message, sizeof t->message, "%s", message);
  transfer_clear(t);
}

static const char *code_of (const Transfer *t, CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return "Timeout";
    case CURLE_PEER_FAILED_VERIFICATION: /* trying again would not help */
    case CURLE_SSL_CACERT_BADFILE: return "CertificateError";
    case CURLE_WRITE_ERROR:          /* a callback of ours gave up: too large, or out of memory */
    case CURLE_UNSUPPORTED_PROTOCOL: /* not HTTP/1.x at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING: /* garbled chunks */
    case CURLE_PARTIAL_FILE: return "ResponseError";
    default: return t->head.len > 0 ? "ResponseError" : "ConnectionError"; /* broken in the middle: truncated */
  }
}

static void explain (Transfer *t, CURLcode result) {
  const char *why = t->fault;
  if (!why) why = t->handle->error[0] ? t->handle->error : curl_easy_strerror(result);
  transfer_fail(t, code_of(t, result), why);
}

void transfer_finish (Transfer *t, CURLcode result) {
  if (result != CURLE_OK) {
    explain(t, result);
    return;
  }
  curl_easy_getinfo(t->handle->easy, CURLINFO_RESPONSE_CODE, &t->status);
  if (t->head_done && t->status <= 999)
    t->state = TRANSFER_ANSWERED;
  else
    transfer_fail(t, "ResponseError", "the response has no complete head");
}

void transfer_clear (Transfer *t) {
  buffer_free(&t->head);
  buffer_free(&t->content);
}

/* }==== */
