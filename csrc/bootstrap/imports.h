/*
** libcrypto and libcurl for the bootstrap, which must not depend on them: their functions are defined here under their
** own names, and look for the library at their first call. Without versions of symbols, so that a binary built on one
** system runs on another that gives its symbols other ones; and from wherever LD_LIBRARY_PATH leads, the zip included.
*/
#ifndef DYNAMODB_IMPORTS_H
#define DYNAMODB_IMPORTS_H

#pragma GCC visibility push(hidden)

/* NULL when libcurl is loaded, which is done at the first call; else why it cannot be. */
const char *imports_curl (void);

#pragma GCC visibility pop
#endif
