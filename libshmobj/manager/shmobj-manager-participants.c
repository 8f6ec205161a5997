/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who uses a manager and what it names: for people to read, never to decide by.
 *
 * Queues and locks have participants, whose tokens also say who waits and who holds. Of the rest
 * the manager itself is what is used: whoever has its directory open is a user, and /proc shows who
 * that is, as far as we may look.
 */

#include "manager/shmobj-manager.h"

#include "manager/manager-private.h"
#include "objects/lock-private.h"
#include "objects/queue-private.h"
#include "objects/condition-private.h"
#include "objects/semaphore-private.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static void
add (GVariantBuilder *found, guint32 pid, const char *command, const char *role)
{
  g_variant_builder_add (found, "(uss)", pid, command, role);
}

/* ---- by what is open ---- */

static gboolean
has_open (const char *pid, const struct stat *directory)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "fd", NULL);
  DIR *entries = opendir (path);
  struct dirent *entry;
  gboolean found = FALSE;
  struct stat seen;

  while (!found && entries != NULL && (entry = readdir (entries)) != NULL)
    found = fstatat (dirfd (entries), entry->d_name, &seen, 0) == 0 &&
            seen.st_dev == directory->st_dev && seen.st_ino == directory->st_ino;
  if (entries != NULL)
    closedir (entries);
  return found;
}

static char *
command_of (const char *pid)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "comm", NULL);
  char *command = NULL;

  if (!g_file_get_contents (path, &command, NULL, NULL))
    return g_strdup ("?");
  return g_strdelimit (g_strchomp (command), "\n\t", '?');
}

static void
list_users (Directory *directory, GVariantBuilder *found)
{
  DIR *entries = opendir ("/proc");
  struct dirent *entry;
  struct stat seen;

  if (fstat (directory->fd, &seen) != 0)
    seen = (struct stat){ 0 }; /* nobody has that open */
  while (entries != NULL && (entry = readdir (entries)) != NULL)
    {
      guint64 pid = g_ascii_strtoull (entry->d_name, NULL, 10);

      if (pid != 0 && pid != (guint64) getpid () && has_open (entry->d_name, &seen))
        {
          g_autofree char *command = command_of (entry->d_name);

          add (found, pid, command, "uses the manager");
        }
    }
  if (entries != NULL)
    closedir (entries);
}

/* ---- by their tokens ---- */

static guint32
token_in (_Atomic (guint32) *word)
{
  return atomic_load_explicit (word, memory_order_relaxed) & TOKEN_MASK;
}

static gboolean
list_of_queue (ShmobjQueue *queue, GVariantBuilder *found, GError **error)
{
  RingShared *shared = queue->ring.shared;
  ParticipantInfo info;

  if (participants_me (&queue->participants, error) == 0)
    return FALSE;
  for (guint32 number = 0; participants_next (&queue->participants, &number, &info);)
    add (found, info.pid, info.command,
         token_in (&shared->read_seat) == info.token    ? "waits for a message"
         : token_in (&shared->write_seat) == info.token ? "waits for room"
                                                        : "uses the queue");
  return TRUE;
}

static gboolean
list_of_lock (ShmobjManager *self, ShmobjLock *lock, GVariantBuilder *found, GError **error)
{
  Arena *arena = manager_get_arena (self, error);
  Participants *participants = arena != NULL ? arena_participants (arena) : NULL;
  guint32 owner = shmobj_lock_get_owner_token (lock);
  ParticipantInfo info;

  if (participants == NULL || participants_me (participants, error) == 0)
    return FALSE;
  for (guint32 number = 0; participants_next (participants, &number, &info);)
    if (info.token == owner)
      add (found, info.pid, info.command, "holds the lock");
    else if (shmobj_lock_is_waited_for (lock, &info))
      add (found, info.pid, info.command, "waits for the lock");
  return TRUE;
}

static gboolean
list_of_semaphore (ShmobjManager *self,
                   ShmobjSemaphore *semaphore,
                   GVariantBuilder *found,
                   GError **error)
{
  Arena *arena = manager_get_arena (self, error);
  Participants *participants = arena != NULL ? arena_participants (arena) : NULL;
  ParticipantInfo info;

  if (participants == NULL || participants_me (participants, error) == 0)
    return FALSE;
  for (guint32 number = 0; participants_next (participants, &number, &info);)
    {
      guint32 held = shmobj_semaphore_get_held_by (semaphore, info.token);
      g_autofree char *role = g_strdup_printf ("holds %u of the semaphore", held);

      if (held > 0)
        add (found, info.pid, info.command, role);
      if (shmobj_semaphore_is_waited_for (semaphore, &info))
        add (found, info.pid, info.command, "waits for the semaphore");
    }
  return TRUE;
}

/* Also who holds its lock, and waits for that. */
static gboolean
list_of_condition (ShmobjManager *self,
                   ShmobjCondition *condition,
                   GVariantBuilder *found,
                   GError **error)
{
  Arena *arena = manager_get_arena (self, error);
  Participants *participants = arena != NULL ? arena_participants (arena) : NULL;
  ShmobjLock *lock = shmobj_condition_get_lock (condition);
  ParticipantInfo info;

  if (participants == NULL || participants_me (participants, error) == 0)
    return FALSE;
  for (guint32 number = 0; participants_next (participants, &number, &info);)
    if (shmobj_condition_is_waited_for (condition, &info))
      add (found, info.pid, info.command, "waits for the condition");
  return lock == NULL || list_of_lock (self, lock, found, error);
}

static gboolean
find_kind (ShmobjManager *self, const char *name, const char **kind, GError **error)
{
  GError *local_error = NULL;

  *kind = shmobj_manager_lookup (self, name, &local_error);
  if (*kind == NULL && local_error == NULL)
    g_set_error (&local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "Nothing in the manager is called “%.100s”", name);
  if (local_error != NULL)
    g_propagate_error (error, local_error);
  return *kind != NULL;
}

/**
 * shmobj_manager_list_participants:
 * @self: a manager
 * @name: (nullable): an object's name; %NULL for the manager itself
 * @error: return location for an error
 *
 * Lists who uses an object now, besides this process: the users of a queue and which of them wait,
 * the holder of a lock, those of a semaphore, and who waits for them or for a condition; for
 * everything else the users of the manager. For people to read: the next moment it may be
 * different, and of processes that belong to others, or run in a container, nothing may be known.
 *
 * Returns: (transfer full): an `a(uss)` of process id, command and role; or %NULL with an error:
 *   `G_IO_ERROR_NOT_FOUND` when nothing has that name
 *
 * Since: 1.0
 */
GVariant *
shmobj_manager_list_participants (ShmobjManager *self, const char *name, GError **error)
{
  GVariantBuilder found = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(uss)"));
  g_autoptr (ShmobjQueue) queue = NULL;
  g_autoptr (ShmobjLock) lock = NULL;
  g_autoptr (ShmobjSemaphore) semaphore = NULL;
  g_autoptr (ShmobjCondition) condition = NULL;
  const char *kind = "manager";
  gboolean good = FALSE;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  if (!manager_enter (self, error) || (name != NULL && !find_kind (self, name, &kind, error)))
    good = FALSE;
  else if (g_str_equal (kind, "queue"))
    good =
        (queue = shmobj_manager_open_queue (self, name, SHMOBJ_OPEN_EXISTING, 0, 0, NULL, error)) &&
        list_of_queue (queue, &found, error);
  else if (g_str_equal (kind, "lock"))
    good = (lock = shmobj_manager_open_lock (self, name, SHMOBJ_OPEN_EXISTING, NULL, error)) &&
           list_of_lock (self, lock, &found, error);
  else if (g_str_equal (kind, "semaphore"))
    good = (semaphore = shmobj_manager_open_semaphore (self, name, SHMOBJ_OPEN_EXISTING, 0, 0, TRUE,
                                                       NULL, error)) &&
           list_of_semaphore (self, semaphore, &found, error);
  else if (g_str_equal (kind, "condition"))
    good = (condition =
                shmobj_manager_open_condition (self, name, SHMOBJ_OPEN_EXISTING, NULL, error)) &&
           list_of_condition (self, condition, &found, error);
  else
    {
      list_users (manager_get_directory (self), &found);
      good = TRUE;
    }

  if (good)
    return g_variant_ref_sink (g_variant_builder_end (&found));
  g_variant_builder_clear (&found);
  return NULL;
}
