/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes in sandboxes, recognised as desktop portals do it.
 *
 *     Flatpak   .flatpak-info at the root that the process has
 *     Snap      a cgroup, or a security label, that begins with "snap."
 *
 * None of these can be changed from inside. A process that cannot be looked at is not trusted.
 *
 * A pid may be another process's before we look: so the directory in /proc is opened once, which
 * then is of one process for ever, and afterwards it is asked whether the one that is meant still
 * lives: here with a pidfd, which newer buses send, else by the caller with a word to the bus.
 */

#include "bus/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUPS_MAX 65536

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "The object itself is not given away: %s. Use its other methods", why);
  return FALSE;
}

/* 0 when the process has ended, or that is no pidfd. */
static guint32
pid_of (int pidfd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fdinfo/%d", pidfd);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "\nPid:")) == NULL)
    return 0;
  return (guint32) MAX (g_ascii_strtoll (line + strlen ("\nPid:"), NULL, 10), 0);
}

static gboolean
has_ended (int pidfd)
{
  struct pollfd look = { .fd = pidfd, .events = POLLIN };

  return poll (&look, 1, 0) != 0;
}

int
bus_process_open (guint32 pid, int pidfd, GError **error)
{
  g_autofree char *path = NULL;
  int process = -1;

  if (pidfd >= 0)
    pid = pid_of (pidfd);
  if (pid > 0)
    {
      path = g_strdup_printf ("/proc/%u", pid);
      process = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    }
  if (process >= 0 && (pidfd < 0 || !has_ended (pidfd)))
    return process;
  if (process >= 0)
    close (process);
  (void) refuse (error, "it is not known who the caller is");
  return -1;
}

/* What the file says, which is short; NULL when it cannot be read. */
static char *
read_at (int directory, const char *name)
{
  int fd = openat (directory, name, O_RDONLY | O_CLOEXEC);
  g_autofree char *text = g_malloc (CGROUPS_MAX);
  gsize size = 0;
  gssize n;

  if (fd < 0)
    return NULL;
  while ((n = read (fd, text + size, CGROUPS_MAX - 1 - size)) > 0)
    size += n;
  close (fd);
  if (n < 0)
    return NULL;
  text[size] = '\0';
  return g_steal_pointer (&text);
}

/* Lines of NUMBER:CONTROLLERS:/SLICE/snap.NAME.APP-….scope */
static gboolean
is_snap (const char *cgroups, const char *label)
{
  return strstr (cgroups, "/snap.") != NULL || (label != NULL && g_str_has_prefix (label, "snap."));
}

gboolean
bus_process_is_outside (int process, const char *label, GError **error)
{
  int root = openat (process, "root", O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
  g_autofree char *cgroups = NULL;
  gboolean has_info, cannot_see;
  struct stat st;

  if (root < 0)
    return refuse (error, "it cannot be seen whether the caller is in a sandbox");
  has_info = fstatat (root, ".flatpak-info", &st, AT_SYMLINK_NOFOLLOW) == 0;
  cannot_see = !has_info && errno != ENOENT;
  close (root);
  if (has_info)
    return refuse (error, "the caller is in a sandbox (Flatpak)");

  cgroups = read_at (process, "cgroup");
  cannot_see |= cgroups == NULL && access ("/proc/self/cgroup", F_OK) == 0;
  if (cannot_see)
    return refuse (error, "it cannot be seen whether the caller is in a sandbox");
  if (is_snap (cgroups != NULL ? cgroups : "", label))
    return refuse (error, "the caller is in a sandbox (Snap)");
  return TRUE;
}
