/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes the queue that its parent gave it, the producer of any language, and prints the jobs. */

#include <shmobj.h>

static gboolean
consume (GError **error)
{
  g_autoptr (ShmobjShareable) jobs =
      shmobj_shareable_take_inherited ("jobs", SHMOBJ_TYPE_QUEUE, error);

  while (jobs != NULL)
    {
      g_autoptr (GVariant) job = shmobj_queue_get (SHMOBJ_QUEUE (jobs), -1, NULL, error);

      if (job == NULL)
        return FALSE;
      if (!g_variant_is_of_type (job, G_VARIANT_TYPE_STRING))
        return TRUE; /* no more will come */
      g_print ("C: %s\n", g_variant_get_string (job, NULL));
    }

  return FALSE;
}

int
main (void)
{
  g_autoptr (GError) error = NULL;

  if (!consume (&error))
    {
      g_printerr ("consumer: %s\n", error->message);
      return 1;
    }
  return 0;
}
