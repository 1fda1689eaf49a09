/*
** A Runtime API that has a stopwatch: `api COUNT COMMAND …` runs a function, gives it COUNT events, one after the
** other, and prints what it saw as one line of numbers:
**   first_ms   from fork to the wait for the first event
**   first_cpu  milliseconds of CPU time until then
**   call_ms    from fork to the first request of DynamoDB, which is answered here, too; 0 if there is none
**   call_cpu   milliseconds of CPU time until then
**   warm_us    the median of the events, from its first byte sent to the wait for the next one; without the first tenth
**   rss_kb     the function's resident memory at the end
*/
#define _GNU_SOURCE /* strcasestr */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNTIME, DYNAMODB, LISTENERS, CONNECTIONS = 16 };

typedef struct Connection {
  int kind;
  char text[1 << 16];
  size_t len;
} Connection;

static Connection connections[CONNECTIONS];
static struct pollfd watched[LISTENERS + CONNECTIONS];
static nfds_t watching = LISTENERS;

static double *times, started, sent, first, first_cpu, call, call_cpu;
static long count, done = -1;
static pid_t function;

static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void die (const char *what) {
  perror(what);
  exit(1);
}

/* Milliseconds of CPU time that the function's first thread has used. */
static double cpu (void) {
  char name[64];
  unsigned long long ns = 0;
  snprintf(name, sizeof name, "/proc/%d/schedstat", (int)function);
  FILE *file = fopen(name, "r");
  if (!file || fscanf(file, "%llu", &ns) != 1) die(name);
  fclose(file);
  return (double)ns * 1e-6;
}

static int listen_on_loopback (int kind) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t len = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, CONNECTIONS)) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &len)) die("getsockname");
  watched[kind] = (struct pollfd){.fd = fd, .events = POLLIN};
  return ntohs(address.sin_port);
}

static void add_connection (int kind) {
  int one = 1, fd = accept4(watched[kind].fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0 || watching == LISTENERS + CONNECTIONS) die("accept");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  Connection *c = &connections[watching - LISTENERS];
  c->kind = kind;
  c->len = 0;
  watched[watching++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop_connection (nfds_t i) {
  close(watched[i].fd);
  watched[i] = watched[--watching];
  connections[i - LISTENERS] = connections[watching - LISTENERS];
}

static void say (int fd, const char *text) {
  if (write(fd, text, strlen(text)) < 0) die("write");
}

static void answer_runtime (Connection *c, int fd) {
  static const char event[] = "{\"pathParameters\":{\"id\":\"1\"},\"body\":null}";
  char text[512];
  if (c->text[0] == 'P') {
    say(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  double at = now();
  if (done < 0)
    first = at - started, first_cpu = cpu();
  else
    times[done] = at - sent;
  if (++done == count) return;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  snprintf(
    text, sizeof text,
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %08ld-0000\r\n"
    "Lambda-Runtime-Deadline-Ms: %lld000\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:x:1:function:f\r\n"
    "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\nContent-Length: %zu\r\n\r\n%s",
    done, (long long)t.tv_sec + 30, strlen(event), event);
  sent = now();
  say(fd, text);
}

static void answer_dynamodb (int fd) {
  static const char body[] =
    "{\"Item\":{\"pk\":{\"S\":\"USER#1\"},\"sk\":{\"S\":\"PROFILE#1\"},\"name\":{\"S\":\"Ada\"}}}";
  char text[512];
  if (call == 0) call = now() - started, call_cpu = cpu();
  snprintf(text, sizeof text,
           "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
           body);
  say(fd, text);
}

/* Is a whole request there? */
static int is_whole (Connection *c) {
  c->text[c->len] = 0;
  const char *end = strstr(c->text, "\r\n\r\n"), *length = strcasestr(c->text, "\r\ncontent-length:");
  if (!end) return 0;
  return c->len >= (size_t)(end - c->text) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void read_connection (nfds_t i) {
  Connection *c = &connections[i - LISTENERS];
  ssize_t n = read(watched[i].fd, c->text + c->len, sizeof c->text - 1 - c->len);
  if (n <= 0) return drop_connection(i);
  c->len += (size_t)n;
  if (!is_whole(c)) return;
  c->len = 0;
  if (c->kind == RUNTIME)
    answer_runtime(c, watched[i].fd);
  else
    answer_dynamodb(watched[i].fd);
}

static pid_t run (char **command, int api, int dynamodb) {
  char text[64];
  pid_t parent = getpid(), pid;
  snprintf(text, sizeof text, "127.0.0.1:%d", api);
  setenv("AWS_LAMBDA_RUNTIME_API", text, 1);
  snprintf(text, sizeof text, "http://127.0.0.1:%d", dynamodb);
  setenv("AWS_ENDPOINT_URL_DYNAMODB", text, 1);
  started = now();
  pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  execvp(command[0], command);
  die(command[0]);
  return -1;
}

static int compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static long resident (pid_t pid) {
  char name[64], line[256];
  long kb = 0;
  snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
  FILE *file = fopen(name, "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "VmRSS:", 6) == 0) kb = strtol(line + 6, NULL, 10);
  if (file) fclose(file);
  return kb;
}

int main (int argc, char **argv) {
  if (argc < 3 || (count = strtol(argv[1], NULL, 10)) < 1) return fputs("api COUNT COMMAND …\n", stderr), 1;
  times = calloc((size_t)count, sizeof *times);
  if (!times) die("memory");
  int api = listen_on_loopback(RUNTIME), dynamodb = listen_on_loopback(DYNAMODB);
  function = run(argv + 2, api, dynamodb);
  while (done < count) {
    if (poll(watched, watching, 20000) <= 0) return fputs("the function is silent\n", stderr), 1;
    for (nfds_t i = watching; i-- > LISTENERS;)
      if (watched[i].revents) read_connection(i);
    for (int kind = 0; kind < LISTENERS; kind++)
      if (watched[kind].revents) add_connection(kind);
    if (waitpid(function, NULL, WNOHANG) == function) return fputs("the function has ended\n", stderr), 1;
  }
  long skip = count / 10;
  qsort(times + skip, (size_t)(count - skip), sizeof *times, compare);
  printf("%.3f %.3f %.3f %.3f %.1f %ld\n", first, first_cpu, call, call_cpu, times[skip + (count - skip) / 2] * 1000,
         resident(function));
  kill(function, SIGKILL);
  waitpid(function, NULL, 0);
  return 0;
}
