/*
** An easy handle, reused from one request to the next: what never changes is set when it is made, what does change
** is set by handle_prepare.
*/
#ifndef DYNAMODB_CURL_HANDLE_H
#define DYNAMODB_CURL_HANDLE_H

#include <curl/curl.h>

#include "headers.h"

#pragma GCC visibility push(hidden)

typedef struct Settings {
  double connect_timeout;   /* seconds for name resolution, TCP and TLS together */
  double idle_timeout;      /* seconds without a byte moving in either direction */
  double max_idle, max_age; /* seconds a connection may rest, and live */
  size_t max_response;      /* bytes of head and body */
  long max_connections;     /* kept open */
  long buffer_size;         /* of curl's receive buffer */
  int verify;               /* the TLS peer's name and chain */
  char *ca_bundle;          /* owned by the pool; NULL for the system's store */
} Settings;

typedef struct Request {
  const char *method, *scheme, *host, *path, *head, *body; /* borrowed */
  size_t method_len, host_len, path_len, head_len, body_len;
  const char *proxy; /* its URL; NULL for none */
  long port;
  int repeat_safe;
} Request;

typedef struct Handle {
  CURL *easy;
  Headers headers;
  Buffer url; /* as curl was last told, so that an unchanged one is not parsed again */
  Buffer scratch;
  int proxied;         /* curl was told of a proxy the last time */
  struct Handle *next; /* in the pool's list of spare handles */
  char error[CURL_ERROR_SIZE];
} Handle;

Handle *handle_new (const Settings *s);
void handle_free (Handle *h);

/* 0 when something is wrong with the request, which `error` then says. The body must outlive the transfer. */
int handle_prepare (Handle *h, const Request *r);

#pragma GCC visibility pop
#endif
