/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <shmobj.h>

#include <stdlib.h>

/* A list of a private manager, and what it must have in it. */

G_GNUC_UNUSED static ShmobjManager *
new_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (manager);
  return manager;
}

G_GNUC_UNUSED static ShmobjList *
new_list (ShmobjManager *manager)
{
  g_autoptr (GError) error = NULL;
  ShmobjList *list = shmobj_manager_open_list (manager, "items", SHMOBJ_OPEN_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  return list;
}

G_GNUC_UNUSED static void
assert_error (gboolean done, GError **error, GQuark domain, int code)
{
  g_assert_false (done);
  g_assert_error (*error, domain, code);
  g_clear_error (error);
}

G_GNUC_UNUSED static void
assert_equals (ShmobjList *list, GPtrArray *model)
{
  g_autoptr (GError) error = NULL;
  gsize n;
  GVariant **values = shmobj_list_get_range (list, 0, G_MAXINT64, &n, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, model->len);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, model->len);
  for (gsize i = 0; i < n; i++)
    {
      if (!g_variant_equal (values[i], model->pdata[i]))
        g_error ("item %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is %s, not %s", i, n,
                 g_variant_print (values[i], TRUE), g_variant_print (model->pdata[i], TRUE));
      g_variant_unref (values[i]);
    }
  g_free (values);
}

G_GNUC_UNUSED static guint
slower (void)
{
  const char *factor = g_getenv ("SHMOBJ_TEST_SLOWER");

  return factor != NULL ? MAX (atoi (factor), 1) : 1;
}
