#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* mkostemp */
#endif
#include "append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOVED (-1)

static int write_all (int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t written = write(fd, bytes, len);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes += written;
    len -= (size_t)written;
  }
  return 0;
}

/* Opens and locks the file; an errno, or MOVED when who had it before has taken the name from it meanwhile. */
static int open_locked (Append *a, const char *path, struct stat *about) {
  struct stat named;
  a->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (a->fd < 0) return errno;
  if (flock(a->fd, LOCK_EX | LOCK_NB) != 0) return errno;
  if (fstat(a->fd, about) != 0) return errno;
  return stat(path, &named) == 0 && named.st_ino == about->st_ino && named.st_dev == about->st_dev ? 0 : MOVED;
}

int append_open (Append *a, const char *path) {
  struct stat about;
  int error;
  a->size = 0;
  a->fd = -1;
  do {
    append_close(a);
    error = open_locked(a, path, &about);
  } while (error == MOVED);
  if (!error) a->size = (double)about.st_size;
  if (!error && about.st_size == 0) error = sync_directory(path);
  if (error) append_close(a);
  return error;
}

int append_write (Append *a, const char *bytes, size_t len) {
  int error = write_all(a->fd, bytes, len);
  if (!error)
    a->size += (double)len;
  else
    append_truncate(a, a->size); /* if that fails, too, the next reader finds a torn line */
  return error;
}

int append_sync (Append *a) {
  return fdatasync(a->fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno; /* a pipe cannot be synced */
}

int append_truncate (Append *a, double size) {
  if (ftruncate(a->fd, (off_t)size) != 0) return errno;
  a->size = size;
  return 0;
}

long append_read (Append *a, double offset, char *out, size_t len) {
  size_t got = 0;
  while (got < len) {
    ssize_t n = pread(a->fd, out + got, len - got, (off_t)offset + (off_t)got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) break;
    got += (size_t)n;
  }
  return (long)got;
}

void append_close (Append *a) {
  if (a->fd >= 0) close(a->fd); /* its lock ends with it */
  a->fd = -1;
}

int sync_directory (const char *path) {
  const char *slash = strrchr(path, '/');
  char *name = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
  if (!name) return ENOMEM;
  int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = fd < 0 ? errno : 0;
  free(name);
  if (fd < 0) return error;
  if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) error = errno;
  close(fd);
  return error;
}

int replace_file (const char *path, const char *bytes, size_t len) {
  size_t room = strlen(path) + sizeof ".XXXXXX";
  char *fresh = malloc(room);
  if (!fresh) return ENOMEM;
  snprintf(fresh, room, "%s.XXXXXX", path);
  int fd = mkostemp(fresh, O_CLOEXEC), error = fd < 0 ? errno : 0; /* with mode 0600 */
  if (!error) error = write_all(fd, bytes, len);
  if (!error && fsync(fd) != 0 && errno != EINVAL) error = errno;
  if (fd >= 0 && close(fd) != 0 && !error) error = errno;
  if (!error && rename(fresh, path) != 0) error = errno;
  if (error && fd >= 0) unlink(fresh);
  free(fresh);
  return error ? error : sync_directory(path);
}
