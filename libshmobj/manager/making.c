/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a manager opens by name besides lists and dicts: queues, memory, locks and their like.
 *
 * Their data is not in the store. The name leads to an id, and the id to a file in the manager's
 * directory (“7.queue”, “7.memory”), or to a cell of the file “locks”, an arena; the object's
 * record says which. So they are as fast as those without a name.
 *
 * Making. The file is made inside the write that makes the name: in the gate nobody else makes one
 * with that id, so what has its name already was left by somebody who died before his write was
 * committed, and is replaced. Who looks a name up finds the file, or the name was removed since.
 *
 * Removing. Name and record go in one write, then the file. Who dies in between leaves a file that
 * no record knows; it is removed by manager_sweep() when somebody is alone in the manager. Those
 * who have the object open keep it. A lock's cell is not used again: others may still have it.
 *
 * In a transaction over several objects the file is made at once, under a number that nobody else
 * gets, and nobody else finds its name; it is removed only when all has ended. What then has no
 * record, be it that its making was undone or its removing was committed, loses its file
 * (end_file_later). Who dies in between leaves it to manager_sweep(), which runs in the gate, where
 * no transaction that can still be committed is open. What was made and undone is a removed object
 * to those who have it.
 */

#include "manager/making.h"

#include "base/barrier.h"
#include "base/fork.h"
#include "base/shmobj-error.h"
#include "manager/manager-private.h"
#include "manager/nameless.h"
#include "objects/barrier-private.h"
#include "objects/placed.h"
#include "objects/queue-private.h"
#include "objects/shared-memory-private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TRIES 10

static void
file_name (char file[40], guint64 id, ObjectKind kind)
{
  snprintf (file, 40, "%" G_GUINT64_FORMAT ".%s", id, kind == KIND_QUEUE ? "queue" : "memory");
}

static void
remove_file (int directory_fd, guint64 id, ObjectKind kind)
{
  char file[40];

  file_name (file, id, kind);
  if (kind == KIND_QUEUE)
    queue_remove_in (directory_fd, file);
  else if (kind == KIND_MEMORY)
    unlinkat (directory_fd, file, 0);
}

static gboolean
make_object (Making *making, guint64 id, GError **error)
{
  char file[40];

  file_name (file, id, making->kind);
  remove_file (making->directory_fd, id, making->kind);
  g_clear_object (&making->object);
  if (making->kind == KIND_QUEUE)
    {
      making->object = (GObject *) queue_create_in (making->directory_fd, file, making->maxsize,
                                                    making->size, error);
      if (making->object != NULL)
        making->record.object.length = SHMOBJ_QUEUE (making->object)->capacity;
    }
  else
    {
      making->object = (GObject *) shared_memory_new_in (
          making->directory_fd, file, making->name, SHMOBJ_OPEN_EXCLUSIVE, making->size, error);
      making->record.object.length = making->size;
    }
  return making->object != NULL;
}

/* Those that live in the manager's arena. */
static const struct
{
  CellKind cell;
  GType (*type) (void);
} placed_kinds[] = {
  [KIND_LOCK] = { CELL_LOCK, shmobj_lock_get_type },
  [KIND_EVENT] = { CELL_EVENT, shmobj_event_get_type },
  [KIND_SEMAPHORE] = { CELL_SEMAPHORE, shmobj_semaphore_get_type },
  [KIND_BARRIER] = { CELL_BARRIER, shmobj_barrier_get_type },
  [KIND_CONDITION] = { CELL_CONDITION, shmobj_condition_get_type },
};

static gboolean
is_placed (ObjectKind kind)
{
  return (guint) kind < G_N_ELEMENTS (placed_kinds) && placed_kinds[kind].type != NULL;
}

/* Of an object made or removed in a transaction. */
typedef struct
{
  ShmobjManager *manager; /* (owned) */
  guint64 id;
  ObjectKind kind;
  guint32 generation; /* a forked child cannot see what its parent's transaction has made */
} FileEnd;

static void
end_file_later (gpointer data)
{
  FileEnd *end = data;
  Store *store =
      end->generation == fork_generation () ? manager_get_store (end->manager, NULL) : NULL;
  ObjectHeader header;
  gboolean there;
  StoreTxn txn;

  if (store != NULL && store_read_begin (store, &txn, NULL))
    {
      there = names_get_header (&txn, end->id, &header);
      if (store_read_end (&txn, NULL) && !there)
        remove_file (manager_get_directory (end->manager)->fd, end->id, end->kind);
    }
  g_object_unref (end->manager);
  g_free (end);
}

/* FALSE: this thread is in no transaction. */
static gboolean
end_file_after_transaction (ShmobjManager *manager, Store *store, guint64 id, ObjectKind kind)
{
  FileEnd *end = g_new (FileEnd, 1);

  *end = (FileEnd){ g_object_ref (manager), id, kind, fork_generation () };
  if (store_after_transaction (store, end_file_later, end))
    return TRUE;
  g_object_unref (end->manager);
  g_free (end);
  return FALSE;
}

static gboolean
take_cell (Making *making, GError **error)
{
  CellKind cell = placed_kinds[making->kind].cell;
  gpointer content;

  if (making->record.cell != 0) /* the function may run again */
    return TRUE;
  if (making->kind == KIND_BARRIER && !barrier_check_parties (making->parties, error))
    return FALSE;
  making->record.cell = arena_take_cell (making->arena, cell, error);
  if (making->record.cell == 0)
    return FALSE;
  content = arena_content_at (making->arena, making->record.cell, cell, TRUE);
  if (content != NULL && making->kind == KIND_SEMAPHORE)
    semaphore_limits_fill (making->semaphore, content);
  if (content != NULL && making->kind == KIND_BARRIER)
    barrier_fill (content, making->parties);
  return TRUE; /* opening it tells what else is wrong with it */
}

static gboolean
create_object (StoreTxn *txn, guint64 id, gpointer data, GError **error)
{
  Making *making = data;
  guint8 key[ROW_KEY_PREFIX];

  if (is_placed (making->kind) ? !take_cell (making, error) : !make_object (making, id, error))
    return FALSE;

  making->record.object.kind = making->kind;
  making->record.object.revision = 1;
  row_key (key, id, ROW_RECORD);
  store_put (txn, key, sizeof key, &making->record, sizeof making->record);
  return TRUE;
}

static gboolean
read_record (Store *store, guint64 id, ObjectRecord *record, GError **error)
{
  guint8 key[ROW_KEY_PREFIX];
  StoreBytes value;
  gboolean found;
  StoreTxn txn;

  if (!store_read_begin (store, &txn, error))
    return FALSE;
  row_key (key, id, ROW_RECORD);
  found = store_get (&txn, key, sizeof key, &value) && value.size == sizeof *record;
  if (found)
    memcpy (record, value.data, sizeof *record);
  if (!store_read_end (&txn, error))
    return FALSE;
  if (!found)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "Object %" G_GUINT64_FORMAT " was removed", id);
  return found;
}

static GObject *
open_in_arena (Making *making, Store *store, guint64 id, GError **error)
{
  ObjectRecord record = making->record;

  if (record.cell == 0 && !read_record (store, id, &record, error))
    return NULL;
  return placed_new_in_arena (placed_kinds[making->kind].type (), making->arena, record.cell,
                              error);
}

static GObject *
open_made (Making *making, Store *store, guint64 id, GError **error)
{
  char file[40];

  if (making->object != NULL)
    return g_steal_pointer (&making->object);
  if (is_placed (making->kind))
    return open_in_arena (making, store, id, error);

  file_name (file, id, making->kind);
  if (making->kind == KIND_QUEUE)
    return (GObject *) queue_open_in (making->directory_fd, file, error);
  return (GObject *) shared_memory_new_in (
      making->directory_fd, file, making->name,
      SHMOBJ_OPEN_EXISTING | (making->flags & SHMOBJ_OPEN_READ_ONLY), 0, error);
}

/* What is removed while it is opened looks odd in many ways; it is NOT_FOUND. */
static GObject *
open_made_or_gone (Making *making, Store *store, guint64 id, GError **error)
{
  GError *local_error = NULL, *gone = NULL;
  GObject *object = open_made (making, store, id, &local_error);
  ObjectRecord record;

  if (object != NULL)
    return object;
  if (!read_record (store, id, &record, &gone))
    {
      g_clear_error (&local_error);
      local_error = gone;
    }
  g_propagate_error (error, local_error);
  return NULL;
}

static GObject *
open_once (Making *making, GCancellable *cancellable, GError **error)
{
  Store *store = manager_get_store (making->manager, error);
  NameOpen how = { .name = making->name,
                   .kind = making->kind,
                   .flags = making->flags,
                   .timeout_us = manager_get_timeout (making->manager),
                   .cancellable = cancellable,
                   .create = create_object,
                   .data = making };
  GObject *object = NULL;

  if (store != NULL && names_open (store, &how, error))
    {
      if (making->object != NULL)
        (void) end_file_after_transaction (making->manager, store, how.id, making->kind);
      object = open_made_or_gone (making, store, how.id, error);
    }
  else if (making->object != NULL) /* made, but its name was not */
    remove_file (making->directory_fd, how.id, making->kind);
  g_clear_object (&making->object);
  return object;
}

static gboolean
begin (Making *making, GError **error)
{
  if (!manager_enter (making->manager, error))
    return FALSE;
  making->directory_fd = manager_get_directory (making->manager)->fd;

  if ((making->flags & SHMOBJ_OPEN_READ_ONLY) != 0 && making->kind != KIND_MEMORY)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "A %s cannot be opened for reading only", kind_to_string (making->kind));
      return FALSE;
    }
  if (is_placed (making->kind))
    {
      making->arena = manager_get_arena (making->manager, error);
      return making->arena != NULL;
    }
  return TRUE;
}

/* A name that is removed while we open it is looked up again. */
gpointer
making_open (Making *making, GCancellable *cancellable, GError **error)
{
  GError *local_error = NULL;
  GObject *object = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !begin (making, error))
    return NULL;

  for (guint i = 0; i < TRIES && object == NULL; i++)
    {
      g_clear_error (&local_error);
      object = open_once (making, cancellable, &local_error);
      if (object == NULL && (!g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
                             (making->flags & SHMOBJ_OPEN_EXISTING) != 0))
        break;
    }
  if (object == NULL)
    g_propagate_error (error, local_error);
  else
    g_clear_error (&local_error);
  return object;
}

typedef struct
{
  const char *name;
  ObjectKind kind;
  guint64 id;
} Removal;

static gboolean
do_remove (StoreTxn *txn, gpointer data, GError **error)
{
  Removal *removal = data;

  if (!names_remove (txn, removal->name, &removal->kind, &removal->id, error))
    return FALSE;
  if (!kind_is_container (removal->kind))
    names_drop_object (txn, removal->id); /* those who have it open do not need the record */
  return TRUE;
}

gboolean
manager_remove_name (ShmobjManager *self, const char *name, GError **error)
{
  Store *store = manager_get_store (self, error);
  Removal removal = { .name = name };
  StoreWrite write = { .func = do_remove,
                       .data = &removal,
                       .timeout_us = manager_get_timeout (self) };

  if (store == NULL || !store_write (store, &write, error))
    return FALSE;
  if (kind_is_container (removal.kind))
    nameless_end_all (self, &removal.id, 1);
  else if (!end_file_after_transaction (self, store, removal.id, removal.kind))
    remove_file (manager_get_directory (self)->fd, removal.id, removal.kind);
  return TRUE;
}

static gboolean
has_record (StoreTxn *txn, const char *file)
{
  ObjectHeader header;

  return names_get_header (txn, g_ascii_strtoull (file, NULL, 10), &header);
}

/* Files of objects begin with their number. */
static void
sweep_files (StoreTxn *txn, int directory_fd)
{
  int copy = openat (directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = copy < 0 ? NULL : fdopendir (copy);
  struct dirent *entry;

  while (entries != NULL && (entry = readdir (entries)) != NULL)
    if (g_ascii_isdigit (entry->d_name[0]) && !has_record (txn, entry->d_name) && txn->failure == 0)
      unlinkat (directory_fd, entry->d_name, 0);
  if (entries != NULL)
    closedir (entries);
}

static gboolean
do_sweep (StoreTxn *txn, gpointer data, GError **error)
{
  sweep_files (txn, *(int *) data);
  return TRUE;
}

/* Inside the gate: nobody is just making an object. */
gboolean
manager_sweep (Store *store, Holds *holds, int directory_fd, gint64 timeout_us, GError **error)
{
  StoreWrite write = { .func = do_sweep, .data = &directory_fd, .timeout_us = timeout_us };

  nameless_sweep (store, holds, timeout_us);
  return store_write (store, &write, error);
}
