/*
** A file that only grows, for one process at a time: what was synced is there after a crash.
*/
#ifndef DYNAMODB_APPEND_H
#define DYNAMODB_APPEND_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef struct Append {
  int fd;      /* -1: closed */
  double size; /* a file's length is exact in a double */
} Append;

/* Each returns 0, or errno. */
int append_open (Append *a, const char *path); /* made if it is not there; EWOULDBLOCK when another process has it */
int append_write (Append *a, const char *bytes, size_t len); /* all of it, or the file is as it was */
int append_sync (Append *a);
int append_truncate (Append *a, double size);
long append_read (Append *a, double offset, char *out, size_t len); /* how many bytes; -errno */
void append_close (Append *a);

/* The directory that `path` is in, synced: a name that was made or changed in it stays. */
int sync_directory (const char *path);

/* A file's content replaced as a whole, for its owner alone to read: the old one or the new one is there, also after a
   crash, and whoever else replaces it at the same time. */
int replace_file (const char *path, const char *bytes, size_t len);

#pragma GCC visibility pop
#endif
