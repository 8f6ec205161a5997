/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who counts as sandboxed: directories that look as a process in /proc does, and processes that
 * end. */

#include "bus/sandbox.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER "0::/user.slice/user-1000.slice/user@1000.service/app.slice/"

typedef struct
{
  const char *what;
  const char *info;    /* .flatpak-info: "file", "link" to nowhere, or none */
  const char *cgroups; /* NULL: no such file */
  const char *label;
  gboolean no_root;
  gboolean outside;
} Row;

static const Row rows[] = {
  { "a program", NULL, USER "app-gnome-eog-1.scope\n", NULL, FALSE, TRUE },
  { "a confined program", NULL, USER "app-x.scope\n", "/usr/bin/x (enforce)", FALSE, TRUE },
  { "a name that only begins so", NULL, USER "app-snap.store.scope\n", "snapper", FALSE, TRUE },
  { "no cgroups at all", NULL, "", NULL, FALSE, TRUE },
  { "Flatpak", "file", USER "app-flatpak-org.x-1.scope\n", NULL, FALSE, FALSE },
  { "Flatpak, odd", "link", USER "app.scope\n", NULL, FALSE, FALSE },
  { "Snap, one hierarchy", NULL, USER "snap.gimp.gimp-7d3f.scope\n", NULL, FALSE, FALSE },
  { "Snap, many", NULL, "12:pids:/user.slice\n1:name=systemd:/x/snap.gimp.gimp.scope\n0::/x\n",
    NULL, FALSE, FALSE },
  { "Snap, by its label", NULL, USER "app.scope\n", "snap.gimp.gimp (enforce)", FALSE, FALSE },
  { "no root to be seen", NULL, USER "app.scope\n", NULL, TRUE, FALSE },
  { "no cgroups to be seen", NULL, NULL, NULL, FALSE, FALSE },
};

static void
check_row (const Row *row, const char *top)
{
  g_autofree char *root = g_build_filename (top, "root", NULL);
  g_autofree char *info = g_build_filename (root, ".flatpak-info", NULL);
  g_autofree char *cgroup = g_build_filename (top, "cgroup", NULL);
  g_autoptr (GError) error = NULL;
  int process;

  if (!row->no_root)
    g_assert_cmpint (g_mkdir (root, 0700), ==, 0);
  if (g_strcmp0 (row->info, "file") == 0)
    g_assert_true (g_file_set_contents (info, "[Application]\n", -1, NULL));
  if (g_strcmp0 (row->info, "link") == 0)
    g_assert_cmpint (symlink ("/nowhere", info), ==, 0);
  if (row->cgroups != NULL)
    g_assert_true (g_file_set_contents (cgroup, row->cgroups, -1, NULL));

  process = open (top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (process, >=, 0);
  if (bus_process_is_outside (process, row->label, &error) != row->outside)
    g_error ("%s: %s", row->what, error != NULL ? error->message : "passed");
  if (!row->outside)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  close (process);

  (void) unlink (info);
  (void) unlink (cgroup);
  (void) rmdir (root);
}

static void
test_signs (void)
{
  g_autofree char *top = g_dir_make_tmp ("shmobj-process-XXXXXX", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check_row (&rows[i], top);
  g_assert_cmpint (rmdir (top), ==, 0);
}

static void
refuse_process (guint32 pid, int pidfd)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (bus_process_open (pid, pidfd, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
}

/* A pidfd goes before a number, and what has ended is nobody. */
static void
test_processes (void)
{
  g_autoptr (GError) error = NULL;
  pid_t child = fork ();
  int pidfd, process;

  if (child == 0)
    for (;;)
      pause ();
  pidfd = (int) syscall (SYS_pidfd_open, child, 0);
  g_assert_cmpint (pidfd, >=, 0);
  process = bus_process_open (1, pidfd, &error);
  g_assert_no_error (error);
  g_assert_cmpint (faccessat (process, "cgroup", R_OK, 0), ==, 0);

  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  refuse_process (1, pidfd);
  refuse_process (child, -1);
  refuse_process (0, -1);
  refuse_process (getpid (), process); /* is no pidfd */
  g_assert_false (bus_process_is_outside (process, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  close (process);
  close (pidfd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus-sandbox/signs", test_signs);
  g_test_add_func ("/bus-sandbox/processes", test_processes);
  return g_test_run ();
}
