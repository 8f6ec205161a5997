/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few system calls that the base floor makes, behind one table. Tests put a failing or a
 * counting function in its place and so prove what happens on a full disk, without descriptors or
 * without memory, on a machine that has all. */

#include <glib.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

typedef struct
{
  int (*memfd_create) (const char *name, unsigned int flags);
  int (*open) (const char *path, int flags, mode_t mode);
  int (*ftruncate) (int fd, off_t size);
  int (*fallocate) (int fd, off_t offset, off_t length);
  int (*punch) (int fd, off_t offset, off_t length);
  void *(*mmap) (size_t size, int fd, off_t offset);
  void *(*mmap_read) (size_t size, int fd);
  int (*lock) (int fd, int command, struct flock *lock);
  int (*eventfd) (void);
  int (*epoll) (void);
  int (*timerfd) (void); /* CLOCK_MONOTONIC, never blocks */
  int (*socketpair) (int fds[2]);
  int (*packet_pair) (int fds[2]); /* the same that keeps packets apart, with much room in it */
  ssize_t (*sendmsg) (int fd, const struct msghdr *message, int flags);
  ssize_t (*recvmsg) (int fd, struct msghdr *message, int flags);
  int (*peer_uid) (int fd, uid_t *uid); /* who is at the other end of a Unix socket */
  long (*futex) (_Atomic (guint32) *word,
                 int operation,
                 guint32 value,
                 const struct timespec *timeout,
                 _Atomic (guint32) *word2,
                 guint32 value3);
} SysCalls;

extern SysCalls sys;

/* All return -1 or NULL with errno set, are close-on-exec, and repeat what a signal interrupted
 * (futex excepted). */
int sys_memfd (const char *name); /* sealable; not executable where the kernel knows that */
int
sys_reopen (int fd,
            int flags); /* a new open file description of the same file, by way of /proc/self/fd */
int sys_reserve (int fd,
                 guint64 from,
                 guint64 to); /* backing for these bytes, or ENOSPC; touching them is then safe */
void sys_close (int fd);      /* keeps errno; ignores -1 */

/* NULL, or what @size bytes ask too much of: "the memory and swap of this machine" or "the memory
 * limit of this control group"; then *@limit is that limit. Asked before anything is tried. */
const char *sys_size_exceeds (guint64 size, guint64 *limit);

gint64 sys_now_us (void); /* CLOCK_MONOTONIC */
int sys_cpus (void);      /* how many this process may run on */
