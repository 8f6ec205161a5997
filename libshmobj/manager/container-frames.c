/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How containers give out and change what they hold: keeping what it refers to.
 *
 * A reference that is read (references.c) holds its object (holds.h) until the frame, or the
 * GVariant that is made from it, is freed. So who reads an item can open what it leads to, though
 * the item is overwritten meanwhile and nothing else keeps the object.
 *
 * Reading takes no lock, so between the look at an item and our hold the object may have been
 * removed. Therefore: look, hold, look whether it is still there; if not, the item has changed, and
 * all is done again. What a change takes out (a pop) is held inside the gate, where nobody can
 * remove it before we commit.
 *
 * A change may leave objects that nothing keeps. They are noted while it runs and removed once it
 * is committed (nameless.c).
 */

#include "manager/container.h"

#include "base/shmobj-error.h"
#include "manager/nameless.h"
#include "manager/references.h"
#include "objects/lazy-init.h"

#define TRIES 1000 /* about a second */
#define QUICK_TRIES 20

/* A reference in memory, with a hold of its object. What a frame then owns. */
typedef struct
{
  ShmobjManager *manager; /* (owned) */
  guint64 id;
  gsize size;
  guint8 bytes[]; /* path and type */
} Kept;

static void
kept_free (gpointer data)
{
  Kept *kept = data;

  nameless_let_go (kept->manager, kept->id);
  g_object_unref (kept->manager);
  g_free (kept);
}

/* Gives the frame the hold of its object that the caller has. */
static void
attach_hold (ShmobjManager *manager, ShmobjFrame *frame, guint64 id)
{
  Kept *kept = g_malloc (sizeof *kept + frame->size + frame->type_length);

  kept->manager = g_object_ref (manager);
  kept->id = id;
  memcpy (kept->bytes, frame->data, frame->size);
  memcpy (kept->bytes + frame->size, frame->type, frame->type_length);
  g_free (frame->owned);
  frame->data = kept->bytes;
  frame->type = (const char *) kept->bytes + frame->size;
  frame->owned = kept;
  frame->release = kept_free;
}

GVariant *
container_make_reference (ShmobjContainer *self, const Reference *reference, GError **error)
{
  char *path = reference_to_string (reference);
  ShmobjFrame frame = { .kind = SHMOBJ_FRAME_VARIANT,
                        .data = (const guint8 *) path,
                        .size = strlen (path) + 1,
                        .type = "o",
                        .type_length = 1,
                        .owned = path };

  if (!holds_take (manager_get_holds (self->manager), reference->id)) /* closed meanwhile */
    {
      lazy_init_set_closed_error (self, error);
      shmobj_frame_clear (&frame);
      return NULL;
    }
  attach_hold (self->manager, &frame, reference->id);
  return shmobj_frame_steal_variant (&frame, error);
}

/* What a call gives out: a frame, or a run of them; or neither. */
typedef struct
{
  ShmobjFrame *frame;
  ShmobjFrameRun *run;
} Gift;

/* The next reference in it, and where that is. */
static gboolean
next_reference (const Gift *gift, gsize *offset, gsize *at, guint64 *id)
{
  ShmobjFrame frame;

  if (gift->frame != NULL)
    return (*offset)++ == 0 && reference_of_frame (gift->frame, id);
  if (gift->run == NULL || gift->run->n_paths == 0)
    return FALSE;
  for (*at = *offset; frame_run_look (gift->run, offset, &frame); *at = *offset)
    if (reference_of_frame (&frame, id))
      return TRUE;
  return FALSE;
}

/* Gives the reference at @at in it the hold that the caller has. */
static void
attach_hold_at (ShmobjManager *manager, const Gift *gift, gsize at, guint64 id)
{
  ShmobjFrame frame = { 0 };
  gsize offset = at;

  if (gift->frame != NULL)
    {
      attach_hold (manager, gift->frame, id);
      return;
    }
  frame_run_look (gift->run, &offset, &frame);
  attach_hold (manager, &frame, id);
  frame_run_give (gift->run, at, &frame);
}

static void
clear_gift (const Gift *gift)
{
  if (gift->frame != NULL)
    shmobj_frame_clear (gift->frame);
  else if (gift->run != NULL)
    shmobj_frame_run_clear (gift->run);
}

typedef struct
{
  const Gift *gift;
  gboolean all;
} Presence;

static gboolean
look_for_objects (StoreTxn *txn, gpointer data, GError **error)
{
  Presence *presence = data;
  gsize offset = 0, at = 0;
  ObjectHeader header;
  guint64 id;

  presence->all = TRUE;
  while (presence->all && next_reference (presence->gift, &offset, &at, &id))
    presence->all = names_get_header (txn, id, &header) && !names_is_removing (txn, id);
  return TRUE;
}

/* FALSE: something that was read is gone by now, or (with an error) the store fails. */
static gboolean
keep (ShmobjContainer *self, const Gift *gift, GError **error)
{
  Presence presence = { .gift = gift, .all = TRUE };
  gsize offset = 0, at = 0;
  gboolean any = FALSE;
  guint64 id;

  for (; G_UNLIKELY (next_reference (gift, &offset, &at, &id)); any = TRUE)
    {
      if (!holds_take (manager_get_holds (self->manager), id))
        return FALSE;
      attach_hold_at (self->manager, gift, at, id);
    }
  return !any || (container_read (self, look_for_objects, &presence, error) && presence.all);
}

static void
pause_between (guint tries)
{
  g_usleep (tries < QUICK_TRIES ? 1 : 1000);
}

static gboolean
set_restless_error (GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "What an item refers to was about to be removed, or replaced, %d times while it was "
               "read",
               TRIES);
  return FALSE;
}

static gboolean
read_and_keep (gpointer self, StoreFunc func, gpointer data, Gift gift, GError **error)
{
  for (guint i = 0; i < TRIES; i++)
    {
      GError *local_error = NULL;

      if (container_read (self, func, data, &local_error) && keep (self, &gift, &local_error))
        return TRUE;

      clear_gift (&gift);
      if (local_error != NULL)
        {
          g_propagate_error (error, local_error);
          return FALSE;
        }
      pause_between (i);
    }
  return set_restless_error (error);
}

gboolean
container_read_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, GError **error)
{
  return read_and_keep (self, func, data, (Gift){ .frame = out }, error);
}

gboolean
container_read_run (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrameRun *run, GError **error)
{
  return read_and_keep (self, func, data, (Gift){ .run = run }, error);
}

typedef struct
{
  ShmobjContainer *self;
  StoreFunc func;
  gpointer data;
  Gift gift;
  gsize held;       /* references of the gift that have a hold, from the first on */
  gboolean blocked; /* somebody looks whether he may remove one, at this moment */
  Orphans orphans;
} Change;

/* Nothing was committed, so what they are of is still referred to. */
static void
give_back (Change *change)
{
  gsize offset = 0, at = 0;
  guint64 id;

  for (; change->held > 0 && next_reference (&change->gift, &offset, &at, &id); change->held--)
    holds_release (manager_get_holds (change->self->manager), id);
}

/* FALSE: one of them cannot be had. */
static gboolean
take_holds (Change *change)
{
  gsize offset = 0, at = 0;
  guint64 id;

  for (; G_UNLIKELY (next_reference (&change->gift, &offset, &at, &id)); change->held++)
    if (!holds_take (manager_get_holds (change->self->manager), id))
      return FALSE;
  return TRUE;
}

static void
attach_holds (Change *change)
{
  gsize offset = 0, at = 0;
  guint64 id;

  for (; change->held > 0 && next_reference (&change->gift, &offset, &at, &id); change->held--)
    attach_hold_at (change->self->manager, &change->gift, at, id);
}

static gboolean
run_change (StoreTxn *txn, gpointer data, GError **error)
{
  Change *change = data;

  give_back (change);
  change->orphans.n = 0;
  change->blocked = FALSE;
  txn->notes = &change->orphans;
  if (!change->func (txn, change->data, error))
    return FALSE;
  change->blocked = !take_holds (change);
  return !change->blocked || set_restless_error (error);
}

static gboolean
may_write (ShmobjContainer *self, GError **error)
{
  if (!container_enter (self, error))
    return FALSE;
  if (!self->read_only)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "“%s” was opened for reading only",
               self->name != NULL ? self->name : "");
  return FALSE;
}

static gboolean
change_and_keep (
    gpointer self, StoreFunc func, gpointer data, Gift gift, gsize bytes, GError **error)
{
  ShmobjContainer *container = self;
  Change change = { .self = self, .func = func, .data = data, .gift = gift };
  StoreWrite write = { .func = run_change, .data = &change, .bytes = bytes };
  gboolean done = FALSE;

  if (!may_write (container, error))
    return FALSE;
  write.timeout_us = manager_get_timeout (container->manager);

  for (guint i = 0; i < TRIES && !done && (i == 0 || change.blocked); i++)
    {
      if (i > 0)
        {
          g_clear_error (error);
          pause_between (i);
        }
      done = store_write (container->store, &write, error);
    }
  if (!done)
    {
      give_back (&change);
      clear_gift (&gift);
      return FALSE;
    }

  attach_holds (&change);
  if (change.orphans.n > 0)
    nameless_end_all (container->manager, change.orphans.ids, MIN (change.orphans.n, ORPHANS_MAX));
  return TRUE;
}

gboolean
container_write_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, gsize bytes, GError **error)
{
  return change_and_keep (self, func, data, (Gift){ .frame = out }, bytes, error);
}

gboolean
container_write_run (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrameRun *run, gsize bytes, GError **error)
{
  return change_and_keep (self, func, data, (Gift){ .run = run }, bytes, error);
}

gboolean
container_write (gpointer self, StoreFunc func, gpointer data, gsize bytes, GError **error)
{
  return change_and_keep (self, func, data, (Gift){ NULL }, bytes, error);
}
