/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Printing for the command line: values as GVariant text, tables in columns; or JSON. */

#include "shmobj-command.h"

#include <json-glib/json-glib.h>

void
print_json (GVariant *value)
{
  g_autofree char *text = json_gvariant_serialize_data (value, NULL);

  g_print ("%s\n", text);
}

void
print_value (GVariant *value)
{
  g_autofree char *text = NULL;

  if (options.as_json)
    {
      print_json (value);
      return;
    }
  text = g_variant_print (value, TRUE);
  g_print ("%s\n", text);
}

/* The text in a row of a table; row 0 has the titles. */
static char *
cell_text (GVariant *rows, const char *const *titles, gsize row, gsize column)
{
  g_autoptr (GVariant) tuple = NULL;
  g_autoptr (GVariant) cell = NULL;

  if (row == 0)
    return g_ascii_strup (titles[column], -1);
  tuple = g_variant_get_child_value (rows, row - 1);
  cell = g_variant_get_child_value (tuple, column);
  return g_variant_is_of_type (cell, G_VARIANT_TYPE_STRING) ? g_variant_dup_string (cell, NULL)
                                                            : g_variant_print (cell, FALSE);
}

static void
print_columns (GVariant *rows, const char *const *titles)
{
  gsize n_rows = g_variant_n_children (rows) + 1, n_columns = g_strv_length ((char **) titles);
  g_autofree glong *widths = g_new0 (glong, n_columns);

  for (gsize row = 0; row < n_rows; row++)
    for (gsize column = 0; column < n_columns; column++)
      {
        g_autofree char *text = cell_text (rows, titles, row, column);

        widths[column] = MAX (widths[column], g_utf8_strlen (text, -1));
      }
  for (gsize row = 0; row < n_rows; row++)
    for (gsize column = 0; column < n_columns; column++)
      {
        g_autofree char *text = cell_text (rows, titles, row, column);
        gboolean last = column + 1 == n_columns;

        g_print ("%s%*s", text, last ? 0 : (int) (widths[column] - g_utf8_strlen (text, -1) + 2),
                 "");
        if (last)
          g_print ("\n");
      }
}

void
print_table (GVariant *rows, const char *const *titles)
{
  g_autoptr (GVariant) kept = g_variant_ref_sink (rows);
  g_autoptr (GVariant) objects = NULL;
  GVariantBuilder builder;

  if (!options.as_json)
    {
      print_columns (kept, titles);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (kept); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (kept, i);

      g_variant_builder_open (&builder, G_VARIANT_TYPE_VARDICT);
      for (gsize column = 0; titles[column] != NULL; column++)
        {
          g_autoptr (GVariant) cell = g_variant_get_child_value (row, column);

          g_variant_builder_add (&builder, "{sv}", titles[column], cell);
        }
      g_variant_builder_close (&builder);
    }
  objects = g_variant_ref_sink (g_variant_builder_end (&builder));
  print_json (objects);
}
