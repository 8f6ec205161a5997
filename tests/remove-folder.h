/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include <unistd.h>

/* A folder and the files in it; there are to be no folders. */
static inline void
remove_folder (const char *path)
{
  GDir *entries = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_assert_cmpint (unlink (file), ==, 0);
    }
  g_dir_close (entries);
  g_assert_cmpint (rmdir (path), ==, 0);
}
