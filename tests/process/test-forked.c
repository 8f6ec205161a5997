/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A parent that already uses GDBus, GTask's pool and threads of its own forks: the child can use
 * every object at once. */

#include <shmobj.h>

#include "sanitizer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  ShmobjQueue *there, *back;
  ShmobjConnection *start, *end;
  ShmobjLock *lock;
  ShmobjEvent *event;
  ShmobjSharedMemory *memory;
} Objects;

static Objects
make_objects (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 0, &error);
  Objects o = {
    .there = shmobj_queue_new (0, 0, &error),
    .back = shmobj_queue_new (1, 0, &error),
    .start = shmobj_pipe_steal_start (pipe, &error),
    .end = shmobj_pipe_steal_end (pipe, &error),
    .lock = shmobj_lock_new (&error),
    .event = shmobj_event_new (&error),
    .memory = shmobj_shared_memory_new (4096, &error),
  };

  g_assert_no_error (error);
  return o;
}

static void
drop_objects (Objects *o)
{
  g_object_unref (o->there);
  g_object_unref (o->back);
  g_object_unref (o->start);
  g_object_unref (o->end);
  g_object_unref (o->lock);
  g_object_unref (o->event);
  g_object_unref (o->memory);
}

static gboolean
put (ShmobjQueue *queue, int number)
{
  return shmobj_queue_put (queue, g_variant_new_int32 (number), 10 * G_USEC_PER_SEC, NULL, NULL);
}

static int
get (ShmobjQueue *queue)
{
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 10 * G_USEC_PER_SEC, NULL, NULL);

  return value != NULL ? g_variant_get_int32 (value) : -1;
}

static void
on_got (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GVariant) value = shmobj_queue_get_finish (SHMOBJ_QUEUE (source), result, NULL);

  *(int *) data = value != NULL ? g_variant_get_int32 (value) : -2;
}

/* In the child: each object once, waits that succeed and waits that do not, and a main loop of its
 * own. 0, or which step failed. */
static int
use_everything (Objects *o)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GVariant) message = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("child", 5);
  int got = -1;

  if (get (o->there) != 1 || !put (o->back, 2))
    return 1;
  if (shmobj_queue_get (o->there, 2000, NULL, NULL) != NULL)
    return 2;
  message = shmobj_connection_receive (o->end, 10 * G_USEC_PER_SEC, NULL, NULL);
  if (message == NULL || !shmobj_connection_send (o->end, message, 0, NULL, NULL))
    return 3;
  if (shmobj_lock_acquire (o->lock, 2000, NULL, NULL)) /* the parent has it */
    return 4;
  if (!shmobj_event_wait (o->event, 10 * G_USEC_PER_SEC, NULL, NULL))
    return 5;
  if (!shmobj_shared_memory_write_bytes (o->memory, 0, bytes, NULL))
    return 6;

  g_main_context_push_thread_default (context);
  shmobj_queue_get_async (o->there, 10 * G_USEC_PER_SEC, NULL, on_got, &got);
  if (!put (o->back, 3))
    return 7;
  while (got == -1)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return got == 4 ? 0 : 8;
}

static gpointer
be_busy (gpointer stop)
{
  while (!g_atomic_int_get ((gint *) stop))
    {
      if (MAY_FORK_BESIDE_ALLOCATING_THREADS)
        g_free (g_strdup_printf ("%d", g_random_int ()));
      g_main_context_wakeup (NULL);
    }
  return NULL;
}

static void
in_pool (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

/* The text of a file of /proc about one of our threads; "" when it has ended. */
static char *
read_of_thread (const char *thread, const char *file)
{
  g_autofree char *path = g_build_filename ("/proc/self/task", thread, file, NULL);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* Does any thread but this one run? */
static gboolean
others_run (void)
{
  g_autoptr (GDir) threads = g_dir_open ("/proc/self/task", 0, NULL);
  gboolean running = FALSE;
  const char *thread;

  while (!running && (thread = g_dir_read_name (threads)) != NULL)
    if (atoi (thread) != getpid ())
      {
        g_autofree char *stat = read_of_thread (thread, "stat");
        const char *state = strrchr (stat, ')');

        running = state != NULL && state[2] != 'S';
      }
  return running;
}

/* GLib 2.74 has one lock for the notifications of all GObjects, and a child that is forked while
 * GDBus's thread is inside hangs at its first property. No reply is on its way here, so once that
 * thread sleeps it does so for good. */
static void
await_sleep_of_others (void)
{
  while (others_run ())
    g_usleep (1000);
}

static void
use_gdbus_and_threads (GDBusConnection **bus)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) names = NULL;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  *bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  g_assert_no_error (error);
  names = g_dbus_connection_call_sync (*bus, "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                                       "ListNames", NULL, NULL, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_task_run_in_thread_sync (task, in_pool);
  await_sleep_of_others ();
}

static void
one_child (Objects *o)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) echoed = NULL;
  g_autoptr (GBytes) bytes = NULL;
  int status;
  pid_t child;

  g_assert_true (shmobj_lock_acquire (o->lock, -1, NULL, &error));
  child = fork ();
  if (child == 0)
    _exit (use_everything (o));

  g_assert_true (put (o->there, 1));
  g_assert_cmpint (get (o->back), ==, 2);
  g_assert_true (
      shmobj_connection_send (o->start, g_variant_new_string ("hello"), -1, NULL, &error));
  echoed = shmobj_connection_receive (o->start, 10 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (echoed, NULL), ==, "hello");
  g_assert_true (shmobj_event_set (o->event, &error));
  g_assert_cmpint (get (o->back), ==, 3);
  g_assert_true (put (o->there, 4));
  waitpid (child, &status, 0);
  g_assert_cmpint (status >> 8, ==, 0);
  g_assert_cmpint (status, ==, 0);

  bytes = shmobj_shared_memory_read_bytes (o->memory, 0, 5, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "child", 5);
  g_assert_true (shmobj_event_clear (o->event, &error));
  g_assert_true (shmobj_lock_release (o->lock, &error));
}

static void
test_child_of_a_gdbus_user (void)
{
  g_autoptr (GDBusConnection) bus = NULL;
  gint stop = FALSE;
  GThread *threads[2];
  Objects o;

  use_gdbus_and_threads (&bus);
  o = make_objects ();
  for (int i = 0; i < 2; i++)
    threads[i] = g_thread_new ("busy", be_busy, &stop);
  for (int i = 0; i < 100; i++)
    one_child (&o);
  g_atomic_int_set (&stop, TRUE);
  for (int i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  drop_objects (&o);
}

/* A child that keeps the objects and lives on does not make its dead parent look alive. */
static void
test_child_outlives_parent (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (&error);
  g_autoptr (ShmobjEvent) locked = shmobj_event_new (&error), go = shmobj_event_new (&error);
  pid_t parent = fork ();

  g_assert_no_error (error);
  if (parent == 0)
    {
      pid_t child;

      if (!shmobj_lock_acquire (lock, -1, NULL, NULL))
        _exit (1);
      child = fork ();
      if (child == 0)
        {
          shmobj_event_set (locked, NULL);
          shmobj_event_wait (go, 60 * G_USEC_PER_SEC, NULL, NULL);
          _exit (0);
        }
      for (;;)
        pause ();
    }
  g_assert_true (shmobj_event_wait (locked, 60 * G_USEC_PER_SEC, NULL, &error));
  kill (parent, SIGKILL);
  g_assert_true (shmobj_lock_acquire (lock, 30 * G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (shmobj_lock_get_abandoned (lock));
  g_assert_true (shmobj_event_set (go, &error));
  waitpid (parent, NULL, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forked/child-of-a-gdbus-user-uses-everything", test_child_of_a_gdbus_user);
  g_test_add_func ("/forked/child-does-not-keep-its-dead-parent-alive", test_child_outlives_parent);
  return g_test_run ();
}
