#define CURL_DISABLE_TYPECHECK
#include "imports.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Library {
  const char *name;
  void *handle;
} Library;

/* Loaded once for the process, as the dynamic linker would. */
static Library crypto = {"libcrypto.so.3", NULL}, curl = {"libcurl.so.4", NULL};

static int load (Library *l) {
  if (!l->handle) l->handle = dlopen(l->name, RTLD_NOW | RTLD_LOCAL);
  return l->handle != NULL;
}

/* NULL without the library; one without the function is not the library that we know. */
static void *find (Library *l, const char *name) {
  if (!load(l)) return NULL;
  void *found = dlsym(l->handle, name);
  if (found) return found;
  fprintf(stderr, "%s has no %s\n", l->name, name);
  abort();
}

/* In `call`, `found` is the library's function; `otherwise` is the answer without the library. */
#define IMPORT(library, result, name, parameters, call, otherwise) \
  result(name) parameters { \
    static result(*found) parameters; \
    if (!found) found = (result(*) parameters)find(&(library), #name); \
    return found ? found call : (otherwise); \
  }

/* A function that frees: what it could be given, another one has made. */
#define IMPORT_FREE(library, name, type) \
  void(name)(type * it) { \
    static void (*found)(type *); \
    if (!it) return; \
    if (!found) found = (void (*)(type *))find(&(library), #name); \
    found(it); \
  }

/* {==== libcrypto: a failure without it ==== */

IMPORT_FREE(crypto, EVP_MD_CTX_free, EVP_MD_CTX)
IMPORT_FREE(crypto, EVP_MD_free, EVP_MD)
IMPORT_FREE(crypto, EVP_MAC_CTX_free, EVP_MAC_CTX)
IMPORT_FREE(crypto, EVP_MAC_free, EVP_MAC)
IMPORT(crypto, EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX * l, const char *a, const char *p), (l, a, p), NULL)
IMPORT(crypto, EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL)
IMPORT(crypto, int, EVP_DigestInit_ex2, (EVP_MD_CTX * c, const EVP_MD *m, const OSSL_PARAM *p), (c, m, p), 0)
IMPORT(crypto, int, EVP_DigestUpdate, (EVP_MD_CTX * c, const void *d, size_t n), (c, d, n), 0)
IMPORT(crypto, int, EVP_DigestFinal_ex, (EVP_MD_CTX * c, unsigned char *d, unsigned *n), (c, d, n), 0)
IMPORT(crypto, EVP_MAC *, EVP_MAC_fetch, (OSSL_LIB_CTX * l, const char *a, const char *p), (l, a, p), NULL)
IMPORT(crypto, EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC * m), (m), NULL)
IMPORT(crypto, int, EVP_MAC_init, (EVP_MAC_CTX * c, const unsigned char *k, size_t n, const OSSL_PARAM *p),
       (c, k, n, p), 0)
IMPORT(crypto, int, EVP_MAC_update, (EVP_MAC_CTX * c, const unsigned char *d, size_t n), (c, d, n), 0)
IMPORT(crypto, int, EVP_MAC_final, (EVP_MAC_CTX * c, unsigned char *o, size_t *n, size_t s), (c, o, n, s), 0)
IMPORT(crypto, int, CRYPTO_memcmp, (const void *a, const void *b, size_t n), (a, b, n), 1)

IMPORT(crypto, int, EVP_Q_digest,
       (OSSL_LIB_CTX * l, const char *a, const char *p, const void *d, size_t n, unsigned char *o, size_t *s),
       (l, a, p, d, n, o, s), 0)
IMPORT(crypto, BIO *, BIO_new_mem_buf, (const void *b, int n), (b, n), NULL)
IMPORT(crypto, int, BIO_free, (BIO * b), (b), 0)
IMPORT(crypto, EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO * b, EVP_PKEY **k, pem_password_cb *f, void *u), (b, k, f, u),
       NULL)
IMPORT(crypto, int, EVP_PKEY_is_a, (const EVP_PKEY *k, const char *n), (k, n), 0)
IMPORT(crypto, int, EVP_PKEY_get_group_name, (const EVP_PKEY *k, char *n, size_t s, size_t *l), (k, n, s, l), 0)
IMPORT(crypto, int, EVP_PKEY_get_bn_param, (const EVP_PKEY *k, const char *n, BIGNUM **b), (k, n, b), 0)
IMPORT_FREE(crypto, EVP_PKEY_free, EVP_PKEY)
IMPORT(crypto, int, EVP_DigestSignInit_ex,
       (EVP_MD_CTX * c, EVP_PKEY_CTX **x, const char *n, OSSL_LIB_CTX *l, const char *q, EVP_PKEY *k,
        const OSSL_PARAM p[]),
       (c, x, n, l, q, k, p), 0)
IMPORT(crypto, int, EVP_DigestSign, (EVP_MD_CTX * c, unsigned char *o, size_t *s, const unsigned char *d, size_t n),
       (c, o, s, d, n), 0)
IMPORT(crypto, int, BN_bn2binpad, (const BIGNUM *b, unsigned char *o, int n), (b, o, n), -1)
IMPORT_FREE(crypto, BN_free, BIGNUM)
IMPORT(crypto, ECDSA_SIG *, d2i_ECDSA_SIG, (ECDSA_SIG * *s, const unsigned char **d, long n), (s, d, n), NULL)
IMPORT(crypto, const BIGNUM *, ECDSA_SIG_get0_r, (const ECDSA_SIG *s), (s), NULL)
IMPORT(crypto, const BIGNUM *, ECDSA_SIG_get0_s, (const ECDSA_SIG *s), (s), NULL)
IMPORT_FREE(crypto, ECDSA_SIG_free, ECDSA_SIG)

/* Without the library there was no error. */
void ERR_clear_error (void) {
  void (*found)(void) = crypto.handle ? (void (*)(void))find(&crypto, "ERR_clear_error") : NULL;
  if (found) found();
}

/* Secrets are wiped also where no signature was made. */
void OPENSSL_cleanse (void *p, size_t n) {
  explicit_bzero(p, n);
}

/* The name that is loaded is that of version 3: nothing has to be asked. */
unsigned OPENSSL_version_major (void) {
  return OPENSSL_VERSION_MAJOR;
}

unsigned long OpenSSL_version_num (void) {
  return OPENSSL_VERSION_NUMBER;
}

/* }==== */

/* {==== libcurl: loaded before any of these is called ==== */

const char *imports_curl (void) {
  return load(&curl) ? NULL : dlerror();
}

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

IMPORT(curl, CURLcode, curl_global_init, (long f), (f), CURLE_FAILED_INIT)
IMPORT(curl, curl_version_info_data *, curl_version_info, (CURLversion v), (v), NULL)
IMPORT(curl, CURL *, curl_easy_init, (void), (), NULL)
IMPORT(curl, const char *, curl_easy_strerror, (CURLcode c), (c), "")
IMPORT_FREE(curl, curl_easy_cleanup, CURL)
IMPORT(curl, CURLM *, curl_multi_init, (void), (), NULL)
IMPORT(curl, CURLMcode, curl_multi_cleanup, (CURLM * m), (m), CURLM_INTERNAL_ERROR)
IMPORT(curl, CURLMcode, curl_multi_add_handle, (CURLM * m, CURL *e), (m, e), CURLM_INTERNAL_ERROR)
IMPORT(curl, CURLMcode, curl_multi_remove_handle, (CURLM * m, CURL *e), (m, e), CURLM_INTERNAL_ERROR)
IMPORT(curl, CURLMcode, curl_multi_perform, (CURLM * m, int *n), (m, n), CURLM_INTERNAL_ERROR)
IMPORT(curl, CURLMsg *, curl_multi_info_read, (CURLM * m, int *n), (m, n), NULL)
IMPORT(curl, const char *, curl_multi_strerror, (CURLMcode c), (c), "")
IMPORT(curl, CURLMcode, curl_multi_poll, (CURLM * m, struct curl_waitfd f[], unsigned n, int t, int *r),
       (m, f, n, t, r), CURLM_INTERNAL_ERROR)

/*
** The three that take anything: one argument, a pointer or an integer, which the calling conventions of our 64-bit
** targets pass in the same place.
*/
_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "a 64-bit system is expected");

#define IMPORT_ANY(result, name, type, option) \
  result name(type *it, option what, ...) { \
    static result (*found)(type *, option, ...); \
    va_list rest; \
    if (!found) found = (result(*)(type *, option, ...))find(&curl, #name); \
    va_start(rest, what); \
    void *argument = va_arg(rest, void *); \
    va_end(rest); \
    return found(it, what, argument); \
  }

IMPORT_ANY(CURLcode, curl_easy_setopt, CURL, CURLoption)
IMPORT_ANY(CURLcode, curl_easy_getinfo, CURL, CURLINFO)
IMPORT_ANY(CURLMcode, curl_multi_setopt, CURLM, CURLMoption)

/* }==== */
