/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Meeting by name.
 *
 *     ROOT/.listeners/NAME       a socket (SOCK_SEQPACKET); ROOT is that of objects/address-root.c
 *     ROOT/.listeners/.NAME      an empty file; who listens holds an open-file-description lock on
 * it ROOT/.listeners/..INODE    the socket for a moment, before it is renamed
 *
 * Names begin with no dot, so these never meet each other, nor a manager's directory.
 *
 * Who listens. The lock decides, and the kernel drops it with the last process that has it: taken,
 * the name is free, and whatever socket lies there is a dead one's. The new socket listens before
 * it is renamed over that, so a caller finds one that answers or one that refuses, never none in
 * between. A death before the rename leaves a socket under a name that the next one uses, too. The
 * lock's file goes with the name; who opened it just before has locked a file without a name, sees
 * that, and begins anew.
 *
 * A forked child has the socket and the lock as its parent has them, and may answer callers. So the
 * name stays taken until the last of them has closed or died. Only the process that took the name
 * takes it away.
 *
 * Who calls. Connecting needs a path of at most 107 bytes, and names are longer; so a caller opens
 * the socket's file without using it (O_PATH) and connects to /proc/self/fd/N.
 *
 * Both sides look at the other's user (SO_PEERCRED). A stranger who calls is hung up on, a stranger
 * who listens is an error.
 *
 * One message follows: the handle of one end of a fresh pipe, with its descriptors. It fits an
 * empty socket, so giving never blocks. A caller who dies or gives up with it unread takes the
 * descriptors with it, and the other end of the pipe hangs up.
 *
 * The other side may lie: what comes is checked as every handle is.
 */

#include "objects/meeting.h"

#include "base/fork.h"
#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/address-root.h"
#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define BACKLOG 128

static void
set_error (GError **error, int code, const char *what, const char *name)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s “%s”: %s", what, name,
               g_strerror (code));
}

static char *
directory_of_listeners (const char *name, GError **error)
{
  g_autofree char *root = NULL, *path = NULL;

  if (!address_check_name (name, "listener", error) || (root = address_root (error)) == NULL)
    return NULL;
  path = g_build_filename (root, ".listeners", NULL);
  return address_make_owned (path, error) ? g_steal_pointer (&path) : NULL;
}

static struct sockaddr_un
address_by_fd (int fd, const char *below)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", fd, below);
  return address;
}

static int
open_socket (void)
{
  return socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* ---- who listens ---- */

/* -1 with errno: EAGAIN when somebody has it. */
static int
take_lock (const char *path)
{
  for (;;)
    {
      struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
      int fd = sys.open (path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
      struct stat seen;

      if (fd < 0)
        return -1;
      if (sys.lock (fd, F_OFD_SETLK, &whole) != 0)
        {
          sys_close (fd);
          return -1;
        }
      if (fstat (fd, &seen) == 0 && seen.st_nlink > 0)
        return fd;
      sys_close (fd); /* its holder took the name away meanwhile */
    }
}

/* Holding the lock: a socket that listens, under the name. -1 with errno. */
static int
listen_as (int directory, int lock, const char *name)
{
  g_autofree char *fresh = NULL, *below = NULL;
  struct sockaddr_un address;
  struct stat seen;
  int fd;

  if (fstat (lock, &seen) != 0 || (fd = open_socket ()) < 0)
    return -1;
  fresh = g_strdup_printf ("..%" G_GINT64_MODIFIER "x", (guint64) seen.st_ino);
  below = g_strconcat ("/", fresh, NULL);
  address = address_by_fd (directory, below);
  unlinkat (directory, fresh, 0);
  if (bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, BACKLOG) == 0 &&
      renameat (directory, fresh, directory, name) == 0)
    return fd;
  sys_close (fd);
  return -1;
}

gboolean
meeting_open (MeetingPlace *place, const char *name, GError **error)
{
  g_autofree char *path = NULL;
  int directory, code;

  *place = MEETING_PLACE_INIT;
  if ((place->directory = directory_of_listeners (name, error)) == NULL)
    return FALSE;
  path = g_strdup_printf ("%s/.%s", place->directory, name);
  directory = sys.open (place->directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  place->lock = directory >= 0 ? take_lock (path) : -1;
  if (place->lock >= 0)
    place->socket = listen_as (directory, place->lock, name);
  code = errno;
  sys_close (directory);
  place->owner = fork_generation ();
  if (place->socket >= 0)
    return TRUE;

  if (place->lock < 0 && (code == EAGAIN || code == EACCES))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "A living process listens as “%s” already",
                 name);
  else
    set_error (error, code, "Listening as", name);
  sys_close (place->lock);
  g_free (place->directory);
  *place = MEETING_PLACE_INIT;
  return FALSE;
}

void
meeting_close (MeetingPlace *place, const char *name)
{
  if (place->lock >= 0 && place->owner == fork_generation ())
    {
      g_autofree char *socket = g_build_filename (place->directory, name, NULL);
      g_autofree char *lock = g_strdup_printf ("%s/.%s", place->directory, name);

      unlink (socket);
      unlink (lock);
    }
  sys_close (place->socket);
  sys_close (place->lock);
  g_free (place->directory);
  *place = MEETING_PLACE_INIT;
}

static gboolean
is_own_user (int fd)
{
  uid_t uid;

  return sys.peer_uid (fd, &uid) == 0 && uid == geteuid ();
}

static gboolean
still_waits (int fd)
{
  struct pollfd poll_fd = { .fd = fd };

  return poll (&poll_fd, 1, 0) == 0;
}

int
meeting_answer (int listening, GError **error)
{
  for (;;)
    {
      int fd = accept4 (listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0 && is_own_user (fd) && still_waits (fd))
        return fd;
      if (fd >= 0)
        sys_close (fd);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return -1;
      else if (errno != EINTR && errno != ECONNABORTED)
        {
          set_error (error, errno, "Accepting a caller:", "socket");
          return -1;
        }
    }
}

/* ---- who calls ---- */

static int
open_socket_file (const char *name, GError **error)
{
  g_autofree char *directory = directory_of_listeners (name, error), *path = NULL;
  struct stat seen;
  int fd;

  if (directory == NULL)
    return -1;
  path = g_build_filename (directory, name, NULL);
  fd = sys.open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0 && errno != ENOENT)
    set_error (error, errno, "Looking for who listens as", name);
  else if (fd < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Nobody listens as “%s”", name);
  else if (fstat (fd, &seen) == 0 && S_ISSOCK (seen.st_mode))
    return fd;
  else
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "“%s” is not a socket; remove it",
                 path);
  sys_close (fd);
  return -1;
}

static gboolean
check_listener (int fd, const char *name, GError **error)
{
  if (is_own_user (fd))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "Who listens as “%s” is another user than we are (%u)", name, (guint) geteuid ());
  return FALSE;
}

int
meeting_call (const char *name, GError **error)
{
  int file = open_socket_file (name, error), fd, code;
  struct sockaddr_un address;
  gboolean reached;

  if (file < 0)
    return -1;
  address = address_by_fd (file, "");
  fd = open_socket ();
  reached = fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0;
  code = errno;
  sys_close (file);
  if (reached && check_listener (fd, name, error))
    return fd;
  sys_close (fd);
  if (!reached && code == ECONNREFUSED)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "Nobody listens as “%s” any more: who did has died", name);
  else if (!reached && code != EAGAIN)
    set_error (error, code, "Calling", name);
  return -1;
}

/* ---- the message ---- */

typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (HANDLE_FDS_MAX * sizeof (int))];
} Control;

gboolean
meeting_give (int socket, GObject *object, GError **error)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (object), list, error);
  int n_fds = g_unix_fd_list_get_length (list);
  Control control = { 0 };
  struct iovec part;
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE (n_fds * sizeof (int)) };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  if (handle == NULL)
    return FALSE;
  part = (struct iovec){ (gpointer) g_variant_get_data (handle), g_variant_get_size (handle) };
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (CMSG_DATA (header), g_unix_fd_list_peek_fds (list, NULL), n_fds * sizeof (int));
  if (sendmsg (socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
    return TRUE;
  if (errno != EPIPE && errno != ECONNRESET)
    set_error (error, errno, "Answering a caller:", "socket");
  return FALSE;
}

static GUnixFDList *
fds_of (struct msghdr *message)
{
  struct cmsghdr *header = CMSG_FIRSTHDR (message);
  int fds[HANDLE_FDS_MAX];
  gsize n = 0;

  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    n = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
  n = MIN (n, HANDLE_FDS_MAX);
  if (n > 0)
    memcpy (fds, CMSG_DATA (header), n * sizeof (int));
  return g_unix_fd_list_new_from_array (fds, n);
}

GObject *
meeting_take (int socket, GType expected, GError **error)
{
  guint8 *data = g_malloc (MESSAGE_MAX);
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GVariant) handle = NULL;
  Control control;
  struct iovec part = { data, MESSAGE_MAX };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t size = recvmsg (socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  if (size <= 0)
    {
      g_free (data);
      if (size == 0 || (errno != EAGAIN && errno != EINTR))
        g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE,
                             "Who listens there hung up: it ended, or does not answer us");
      return NULL;
    }
  list = fds_of (&message);
  handle =
      g_variant_ref_sink (g_variant_new_from_data (HANDLE_TYPE, data, size, FALSE, g_free, data));
  return G_OBJECT (shmobj_shareable_new_from_handle (expected, handle, list, error));
}
