/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes three numbers from the queue "jobs" of this session and appends what it made of them to the
 * list "done". The same program is next door in Python, JavaScript and Vala; any number of each may
 * run at once. */

#include <shmobj.h>

static gboolean
work (GError **error)
{
  g_autoptr (ShmobjManager) manager = NULL;
  g_autoptr (ShmobjQueue) jobs = NULL;
  g_autoptr (ShmobjList) done = NULL;

  if (!(manager = shmobj_manager_new ("session", NULL, error)) ||
      !(jobs =
            shmobj_manager_open_queue (manager, "jobs", SHMOBJ_OPEN_DEFAULT, 0, 0, NULL, error)) ||
      !(done = shmobj_manager_open_list (manager, "done", SHMOBJ_OPEN_DEFAULT, NULL, error)))
    return FALSE;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) job = shmobj_queue_get (jobs, 10 * G_USEC_PER_SEC, NULL, error);
      g_autofree char *text = NULL;
      gint64 number;

      if (job == NULL)
        return FALSE;

      number = g_variant_get_int64 (job);
      text = g_strdup_printf ("C: %" G_GINT64_FORMAT " squared is %" G_GINT64_FORMAT, number,
                              number * number);
      if (!shmobj_list_append (done, g_variant_new_string (text), error))
        return FALSE;
    }

  return TRUE;
}

int
main (void)
{
  g_autoptr (GError) error = NULL;

  if (!work (&error))
    {
      g_printerr ("worker: %s\n", error->message);
      return 1;
    }
  return 0;
}
