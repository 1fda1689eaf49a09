#include "engine/random.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/check.h"

static void fills_all_and_no_more (void) {
  static unsigned char bytes[1002];
  for (size_t len = 0; len <= 1000; len = len < 10 ? len + 1 : len * 3 / 2) {
    unsigned char seen[1000] = {0};
    size_t never = 0;
    for (int i = 0; i < 20; i++) {
      memset(bytes, 0, sizeof bytes);
      CHECK(random_bytes(bytes + 1, len));
      CHECK(bytes[0] == 0 && bytes[len + 1] == 0);
      for (size_t j = 0; j < len; j++)
        seen[j] |= bytes[j + 1];
    }
    for (size_t j = 0; j < len; j++)
      never += seen[j] == 0;
    CHECK(never == 0);
  }
}

static void makes_uuids_of_version_4 (void) {
  char first[UUID_TEXT], uuid[UUID_TEXT];
  int ok = random_uuid(first);
  for (int i = 0; i < 1000; i++) {
    ok = ok && random_uuid(uuid) && memcmp(uuid, first, UUID_TEXT) != 0;
    ok = ok && uuid[14] == '4' && strchr("89ab", uuid[19]);
    for (int j = 0; j < UUID_TEXT; j++)
      ok = ok && (j == 8 || j == 13 || j == 18 || j == 23 ? uuid[j] == '-' : !!strchr("0123456789abcdef", uuid[j]));
  }
  CHECK(ok);
}

/* A generator that lives in the process would give parent and child the same. */
static void differs_after_a_fork (void) {
  char own[UUID_TEXT], other[UUID_TEXT];
  int pipes[2];
  CHECK(random_uuid(own) && pipe(pipes) == 0);
  pid_t child = fork();
  if (child == 0) {
    int ok = random_uuid(own) && write(pipes[1], own, UUID_TEXT) == UUID_TEXT;
    _exit(!ok);
  }
  CHECK(random_uuid(own));
  CHECK(child > 0 && read(pipes[0], other, UUID_TEXT) == UUID_TEXT && waitpid(child, NULL, 0) == child);
  CHECK(memcmp(own, other, UUID_TEXT) != 0);
}

int main (void) {
  fills_all_and_no_more();
  makes_uuids_of_version_4();
  differs_after_a_fork();
  return check_done();
}
