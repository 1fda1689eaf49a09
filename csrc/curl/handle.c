#include "handle.h"

#include <stdio.h>
#include <stdlib.h>

#include "../engine/http_request.h"

/* libcurl before 7.88 let OpenSSL write without MSG_NOSIGNAL: there, curl must guard SIGPIPE itself. */
static long no_signal (void) {
  const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
  return v->version_num >= 0x075800 || !(v->features & CURL_VERSION_ASYNCHDNS);
}

static void set_protocol (CURL *e) {
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(e, CURLOPT_PROXY, ""); /* also spares the look at the environment for each request */
  curl_easy_setopt(e, CURLOPT_NOPROXY, "");
  curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's answer is not the server's */
  curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, no_signal());
  curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
}

static void set_tls (CURL *e, const Settings *s) {
  curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, s->verify ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, s->verify ? 2L : 0L);
  curl_easy_setopt(e, CURLOPT_PROXY_SSL_VERIFYPEER, s->verify ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_PROXY_SSL_VERIFYHOST, s->verify ? 2L : 0L);
  if (!s->ca_bundle) return;
  curl_easy_setopt(e, CURLOPT_PROXY_CAINFO, s->ca_bundle);
  curl_easy_setopt(e, CURLOPT_CAINFO, s->ca_bundle); /* in place of the system's store, as AWS_CA_BUNDLE means it */
  curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
}

static void set_limits (CURL *e, const Settings *s) {
  /* Ours is kept by the pool; curl's own makes it try the next address of a name before the time is up. */
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->connect_timeout * 1000) + 1);
  curl_easy_setopt(e, CURLOPT_BUFFERSIZE, s->buffer_size);
  curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)s->max_idle);
#if LIBCURL_VERSION_NUM >= 0x075000
  curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)s->max_age);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a name that does not resolve must not outlive the deadline */
#endif
}

Handle *handle_new (const Settings *s) {
  Handle *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  headers_init(&h->headers);
  buffer_init(&h->url);
  buffer_init(&h->scratch);
  h->easy = curl_easy_init();
  if (!h->easy) return free(h), NULL;
  set_protocol(h->easy);
  set_tls(h->easy, s);
  set_limits(h->easy, s);
  curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
  return h;
}

void handle_free (Handle *h) {
  curl_easy_cleanup(h->easy);
  headers_free(&h->headers);
  buffer_free(&h->url);
  buffer_free(&h->scratch);
  free(h);
}

static const char *check_request (const Request *r) {
  if (!http_is_method(r->method, r->method_len)) return "method: not an upper-case word";
  if (strcmp(r->scheme, "https") != 0 && strcmp(r->scheme, "http") != 0) return "scheme: neither http nor https";
  if (!http_is_host(r->host, r->host_len)) return "host: not a host name or address";
  if (r->port < 1 || r->port > 65535) return "port: not between 1 and 65535";
  if (!http_is_path(r->path, r->path_len)) return "path: not an encoded path that begins with /";
  if (r->body_len && strcmp(r->method, "HEAD") == 0) return "body: HEAD carries none";
  return NULL;
}

static int write_url (Buffer *b, const Request *r) {
  char port[16];
  int bare6 = memchr(r->host, ':', r->host_len) && r->host[0] != '[';
  snprintf(port, sizeof port, ":%ld", r->port);
  return buffer_string(b, r->scheme) && buffer_string(b, "://") && (!bare6 || buffer_byte(b, '[')) &&
         buffer_append(b, r->host, r->host_len) && (!bare6 || buffer_byte(b, ']')) && buffer_string(b, port) &&
         buffer_append(b, r->path, r->path_len) && buffer_byte(b, 0);
}

/* 0 when memory is out. */
static int set_url (Handle *h, const Request *r) {
  buffer_reset(&h->scratch, 4096);
  if (!write_url(&h->scratch, r)) return 0;
  if (h->scratch.len == h->url.len && memcmp(h->scratch.data, h->url.data, h->url.len) == 0) return 1;
  if (curl_easy_setopt(h->easy, CURLOPT_URL, h->scratch.data) != CURLE_OK) return 0;
  Buffer old = h->url;
  h->url = h->scratch;
  h->scratch = old;
  return 1;
}

/* GET and HEAD without a body are themselves; everything else is a POST under its own name. */
static void set_method (Handle *h, const Request *r) {
  int is_get = strcmp(r->method, "GET") == 0 && r->body_len == 0;
  int is_head = strcmp(r->method, "HEAD") == 0;
  curl_easy_setopt(h->easy, CURLOPT_NOBODY, 0L);
  curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, NULL);
  if (is_head) {
    curl_easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
  } else if (is_get) {
    curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
  } else {
    /* With POSTFIELDS curl can repeat the body by itself; read through the callback it cannot. */
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, r->repeat_safe ? r->body : NULL);
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
    if (strcmp(r->method, "POST") != 0) curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, r->method);
  }
}

/* 0 when memory is out. */
static int set_proxy (Handle *h, const char *proxy) {
  if (!proxy && !h->proxied) return 1;
  h->proxied = proxy != NULL;
  return curl_easy_setopt(h->easy, CURLOPT_PROXY, proxy ? proxy : "") == CURLE_OK;
}

int handle_prepare (Handle *h, const Request *r) {
  const char *field = "", *wrong = check_request(r);
  if (!wrong && !(set_url(h, r) && set_proxy(h, r->proxy))) wrong = "out of memory";
  if (!wrong) {
    wrong = headers_set(&h->headers, r->head, r->head_len, r->body_len);
    field = "head: ";
  }
  if (wrong) return snprintf(h->error, sizeof h->error, "%s%s", field, wrong), 0;
  set_method(h, r);
  curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers.nodes);
  h->error[0] = 0;
  return 1;
}
