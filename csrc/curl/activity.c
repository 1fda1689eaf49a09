#include "activity.h"

#include <math.h>

#if defined(__linux__)

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static long local_port (int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  socklen_t size = sizeof address;
  if (getsockname(fd, &address.any, &size) != 0) return -1;
  if (address.any.sa_family == AF_INET) return ntohs(address.v4.sin_port);
  if (address.any.sa_family == AF_INET6) return ntohs(address.v6.sin6_port);
  return -1;
}

Activity activity_of (const int *sockets, size_t count, long port) {
  Activity a = {-1, HUGE_VAL};
  for (size_t i = 0; i < count; i++) {
    if (local_port(sockets[i]) != port) continue;
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (ioctl(sockets[i], SIOCOUTQ, &a.unsent) != 0) a.unsent = -1;
    if (getsockopt(sockets[i], IPPROTO_TCP, TCP_INFO, &info, &size) == 0) a.received = info.tcpi_last_data_recv * 1e-3;
    break;
  }
  return a;
}

#else

Activity activity_of (const int *sockets, size_t count, long port) {
  (void)sockets, (void)count, (void)port;
  return (Activity){-1, HUGE_VAL};
}

#endif
