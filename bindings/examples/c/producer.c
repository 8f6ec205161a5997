/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes a queue, starts the program named on the command line as a child that has the queue, too,
 * and puts three jobs. The child is the consumer of any language:
 *
 *     producer gjs -m bindings/examples/javascript/consumer.js */

#include <shmobj.h>

static gboolean
produce (const char *const *command, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (ShmobjQueue) jobs = NULL;
  g_autoptr (GSubprocess) child = NULL;

  if (!(jobs = shmobj_queue_new (0, 0, error)) ||
      !shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (jobs), launcher, "jobs", error) ||
      !(child = g_subprocess_launcher_spawnv (launcher, command, error)))
    return FALSE;

  for (int i = 1; i <= 3; i++)
    if (!shmobj_queue_put (jobs, g_variant_new_take_string (g_strdup_printf ("job %d from C", i)),
                           -1, NULL, error))
      return FALSE;

  /* no more will come */
  return shmobj_queue_put (jobs, g_variant_new_boolean (FALSE), -1, NULL, error) &&
         g_subprocess_wait_check (child, NULL, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    {
      g_printerr ("usage: producer CONSUMER…\n");
      return 2;
    }
  if (!produce ((const char *const *) argv + 1, &error))
    {
      g_printerr ("producer: %s\n", error->message);
      return 1;
    }
  return 0;
}
