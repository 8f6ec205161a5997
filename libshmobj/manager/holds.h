/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Who has which object of a manager open, so that one without a name ends with its last holder. */
typedef struct _Holds Holds;

struct _Holds
{
  int fd;             /* (owned): the description that carries our locks */
  int spare;          /* while this process forks: the child's description */
  gboolean inherited; /* fd is the parent's, who had no lock: we open our own before we lock */
  gboolean borrowed;  /* fd is the parent's: nothing is unlocked through it */
  GHashTable *counts; /* of each object that we hold, by id */
  guint64 looked_at;  /* of what others may have left, the last one (nameless.c) */
  Holds *next, *previous;
};

gboolean holds_open (Holds *holds, int directory_fd, GError **error);
void holds_close (Holds *holds);

/* One more. FALSE: somebody is just removing the object. */
gboolean holds_take (Holds *holds, guint64 id);
/* One less. TRUE when we do not have it any more. */
gboolean holds_release (Holds *holds, guint64 id);
/* TRUE: nobody has it, we neither, and nobody can take it before holds_end_exclusive(). */
gboolean holds_begin_exclusive (Holds *holds, guint64 id);
void holds_end_exclusive (Holds *holds, guint64 id);
/* A descriptor that holds the object as long as a copy of it is open; -1 and errno. */
int holds_for_travel (Holds *holds, guint64 id);
