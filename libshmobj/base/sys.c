/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The seam between the library and the kernel. Nothing above calls these system calls directly. */

#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3; the headers of Debian 12 lack it */
#endif

#define PACKET_ROOM (1024 * 1024) /* the kernel gives less where it allows less */

/* A signal makes the kernel give back all that it had reserved in the call: in one piece, a large
 * reservation would never end in a process with an interval timer. */
#define RESERVE_STEP (G_GUINT64_CONSTANT (1024) * 1024)

static int
real_open (const char *path, int flags, mode_t mode)
{
  return open (path, flags, mode);
}

static int
real_ftruncate (int fd, off_t size)
{
  return ftruncate (fd, size);
}

static int
real_fallocate (int fd, off_t offset, off_t length)
{
  return fallocate (fd, 0, offset, length);
}

static int
real_punch (int fd, off_t offset, off_t length)
{
  return fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

static void *
real_mmap (size_t size, int fd, off_t offset)
{
  return mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static void *
real_mmap_read (size_t size, int fd)
{
  return mmap (NULL, size, PROT_READ, MAP_SHARED, fd, 0);
}

static int
real_lock (int fd, int command, struct flock *lock)
{
  return fcntl (fd, command, lock);
}

static int
real_eventfd (void)
{
  return eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int
real_epoll (void)
{
  return epoll_create1 (EPOLL_CLOEXEC);
}

static int
real_timerfd (void)
{
  return timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

static int
real_socketpair (int fds[2])
{
  return socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static int
real_packet_pair (int fds[2])
{
  const int room = PACKET_ROOM;
  int result = socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);

  for (int i = 0; result == 0 && i < 2; i++)
    setsockopt (fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return result;
}

static int
real_peer_uid (int fd, uid_t *uid)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  int result = getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);

  *uid = peer.uid;
  return result;
}

static long
real_futex (_Atomic (guint32) *word,
            int operation,
            guint32 value,
            const struct timespec *timeout,
            _Atomic (guint32) *word2,
            guint32 value3)
{
  return syscall (SYS_futex, word, operation, value, timeout, word2, value3);
}

SysCalls sys = {
  .memfd_create = memfd_create,
  .open = real_open,
  .ftruncate = real_ftruncate,
  .fallocate = real_fallocate,
  .punch = real_punch,
  .mmap = real_mmap,
  .mmap_read = real_mmap_read,
  .lock = real_lock,
  .eventfd = real_eventfd,
  .epoll = real_epoll,
  .timerfd = real_timerfd,
  .socketpair = real_socketpair,
  .packet_pair = real_packet_pair,
  .sendmsg = sendmsg,
  .recvmsg = recvmsg,
  .peer_uid = real_peer_uid,
  .futex = real_futex,
};

int
sys_memfd (const char *name)
{
  int fd = sys.memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

  if (fd < 0 && errno == EINVAL) /* a kernel before 6.3 */
    fd = sys.memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd;
}

int
sys_reopen (int fd, int flags)
{
  char path[40];

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return sys.open (path, flags | O_CLOEXEC, 0);
}

int
sys_reserve (int fd, guint64 from, guint64 to)
{
  guint64 step = to - from;

  while (from < to)
    if (sys.fallocate (fd, from, MIN (to - from, step)) == 0)
      from += MIN (to - from, step);
    else if (errno == EINTR)
      step = MAX (step / 2, RESERVE_STEP);
    else
      return -1;
  return 0;
}

void
sys_close (int fd)
{
  int saved = errno;

  if (fd >= 0)
    close (fd);
  errno = saved;
}

/* The tightest memory.max from our control group up to the root; G_MAXUINT64 when there is none. */
static guint64
control_group_limit (void)
{
  g_autofree char *text = NULL;
  guint64 least = G_MAXUINT64;
  char *group, *end;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    return least;
  group = strstr (text, "0::/");
  if (group == NULL)
    return least;

  group += strlen ("0::");
  group[strcspn (group, "\n")] = '\0';
  for (;;)
    {
      g_autofree char *path = g_strdup_printf ("/sys/fs/cgroup%s/memory.max", group);
      g_autofree char *value = NULL;

      if (g_file_get_contents (path, &value, NULL, NULL) && g_ascii_isdigit (value[0]))
        least = MIN (least, g_ascii_strtoull (value, NULL, 10));
      end = strrchr (group, '/');
      if (end == NULL || end == group)
        return least;
      *end = '\0';
    }
}

const char *
sys_size_exceeds (guint64 size, guint64 *limit)
{
  struct sysinfo info;

  if (sysinfo (&info) == 0)
    {
      *limit = ((guint64) info.totalram + info.totalswap) * info.mem_unit;
      if (size > *limit)
        return "the memory and swap of this machine";
    }

  if (size < 16 * 1024 * 1024) /* not worth reading files for */
    return NULL;
  *limit = control_group_limit ();
  return size > *limit ? "the memory limit of this control group" : NULL;
}

gint64
sys_now_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

int
sys_cpus (void)
{
  cpu_set_t set;

  return sched_getaffinity (0, sizeof set, &set) == 0 ? CPU_COUNT (&set) : 1;
}
