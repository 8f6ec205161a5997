/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <shmobj.h>

/* What the files of the command share. */

/* Its options. */
typedef struct
{
  char *manager;
  gboolean as_json, dry_run;
  double timeout_s; /* below 0: for ever */
} Options;

extern Options options;

/* @make: FALSE for commands that only look; a typing error is then no new manager. */
ShmobjManager *open_manager (gboolean make, GError **error);

/* tools/shmobj-print.c: as people read it, or as JSON. */
void print_json (GVariant *value);
void print_value (GVariant *value);
/* An array of tuples: in columns, or as an array of objects. Takes @rows if it is floating. */
void print_table (GVariant *rows, const char *const *titles);

/* tools/shmobj-show.c: commands that only look. @words: what follows their name. */
gboolean run_list (char **words, GError **error);
gboolean run_show (char **words, GError **error);
gboolean run_who (char **words, GError **error);

/* tools/shmobj-move.c */
gboolean run_export (char **words, GError **error);
gboolean run_import (char **words, GError **error);
