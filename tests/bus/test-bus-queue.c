/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Queue and SharedMemory over the bus: nothing blocks the service, and no message is lost to
 * clients that leave. */

#include "bus-fixture.h"

#include "objects/shmobj-bindings.h"
#include <fcntl.h>
#include <sys/stat.h>

static GDBusConnection *bus;
static ShmobjManager *manager;

static ShmobjQueue *
must_open_queue (const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjQueue *queue =
      shmobj_manager_open_queue (manager, name, SHMOBJ_OPEN_DEFAULT, 0, 0, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static void
must_put (ShmobjQueue *queue, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (text));

  g_assert_true (shmobj_queue_put (queue, value, 0, NULL, &error));
  g_assert_no_error (error);
}

static void
test_put_get (void)
{
  g_autofree char *path =
      bus_open (bus, "queue", "q", "{'maxsize': <2>, 'capacity': <uint32 65536>}");
  g_autofree char *large = g_strnfill (100000, 'x');
  g_autofree char *arguments = g_strdup_printf ("(<'%s'>, int64 0)", large);

  bus_expect (bus, path, "org.freedesktop.DBus.Properties.GetAll", "('" IFACE ("Queue") "',)",
              "({'Size': <uint64 0>, 'MaxSize': <uint32 2>, 'Capacity': <uint64 65536>},)");
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 0,)", ERR ("Empty"));
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 20000,)", ERR ("Empty"));
  bus_expect (bus, path, IFACE ("Queue.Put"), "(<('a', 1)>, int64 0)", "()");
  bus_expect (bus, path, IFACE ("Queue.Put"), "(<signature ''>, int64 -1)", "()");
  bus_refuse (bus, path, IFACE ("Queue.Put"), "(<3>, int64 0)", ERR ("Full"));
  bus_refuse (bus, path, IFACE ("Queue.Put"), "(<3>, int64 20000)", ERR ("Full"));
  bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 0,)", "(<('a', 1)>,)");
  bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 -1,)", "(<signature ''>,)");
  bus_refuse (bus, path, IFACE ("Queue.Put"), arguments, ERR ("MessageTooLarge"));
  bus_refuse (bus, path, IFACE ("Queue.Put"), "(<handle 0>, int64 0)", ERR ("NotRepresentable"));
}

static void
test_options (void)
{
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', 'bad', {'maxsize': <-1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', 'bad', {'maxsize': <int64 4294967296>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', 'bad', {'capacity': <'much'>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open",
              "('queue', 'bad', {'capacity': <uint64 18446744073709551615>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', 'bad', {'size': <1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', 'bad', {'existing': <true>})",
              ERR ("NotFound"));
}

typedef struct
{
  GVariant *reply;
  GError *error;
  gboolean done;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &answer->error);
  answer->done = TRUE;
}

static void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->reply, g_variant_unref);
  g_clear_error (&answer->error);
}

static void
start_get (GDBusConnection *connection, const char *path, gint64 timeout_us, Answer *answer)
{
  *answer = (Answer){ 0 };
  g_dbus_connection_call (connection, SERVICE, path, IFACE ("Queue"), "Get",
                          g_variant_new ("(x)", timeout_us), NULL, G_DBUS_CALL_FLAGS_NONE, 60000,
                          NULL, on_answer, answer);
}

/* A Get that waits does not keep the service from anything, and ends with a message of another
 * process. */
static void
test_get_waits (void)
{
  g_autofree char *path = bus_open (bus, "queue", "waiting", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("waiting");
  g_autoptr (GVariant) size = NULL;
  Answer first, second;

  start_get (bus, path, -1, &first);
  start_get (bus, path, 10 * G_USEC_PER_SEC, &second);
  size = bus_property (bus, path, IFACE ("Queue"), "Size");
  g_assert_cmpuint (g_variant_get_uint64 (size), ==, 0);
  g_assert_false (first.done || second.done);

  must_put (queue, "'one'");
  bus_until (first.done || second.done);
  must_put (queue, "'two'");
  bus_until (first.done && second.done);
  g_assert_no_error (first.error);
  g_assert_no_error (second.error);
  answer_clear (&first);
  answer_clear (&second);
}

static void
start_acquire (GDBusConnection *connection, const char *path, Answer *answer)
{
  *answer = (Answer){ 0 };
  g_dbus_connection_call (connection, SERVICE, path, IFACE ("Lock"), "Acquire",
                          g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, 60000, NULL, on_answer, answer);
}

/* Ten clients with thirty calls each that wait for messages, room, and a lock that is held: every
 * other call is answered, and each message goes to one of those who wait. */
static void
test_hundreds_wait (void)
{
  enum
  {
    CLIENTS = 10,
    CALLS = 30,
    ALL = CLIENTS * CALLS
  };
  g_autofree char *path = bus_open (bus, "queue", "crowded", "{}");
  g_autofree char *lock_path = bus_open (bus, "lock", "crowded lock", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("crowded");
  g_autoptr (ShmobjLock) lock = shmobj_manager_open_lock (manager, "crowded lock", 0, NULL, NULL);
  GDBusConnection *clients[CLIENTS];
  g_autofree Answer *gets = g_new0 (Answer, ALL);
  Answer acquires[CLIENTS];
  gboolean seen[ALL] = { FALSE };

  g_assert_true (shmobj_lock_acquire (lock, -1, NULL, NULL));
  for (guint i = 0; i < CLIENTS; i++)
    {
      clients[i] = bus_connect ();
      start_acquire (clients[i], lock_path, &acquires[i]);
      for (guint j = 0; j < CALLS; j++)
        start_get (clients[i], path, 20 * G_USEC_PER_SEC, &gets[i * CALLS + j]);
    }
  for (gint32 i = 0; i < ALL; i++)
    {
      g_variant_unref (bus_property (bus, path, IFACE ("Queue"), "Size"));
      g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (i), 0, NULL, NULL));
    }
  for (guint i = 0; i < ALL; i++)
    {
      g_autoptr (GVariant) value = NULL;
      gint32 number;

      bus_until (gets[i].done);
      g_assert_no_error (gets[i].error);
      g_variant_get (gets[i].reply, "(v)", &value);
      number = g_variant_get_int32 (value);
      g_assert_false (seen[number]);
      seen[number] = TRUE;
      answer_clear (&gets[i]);
    }

  /* the lock goes from one to the next, as each leaves */
  g_assert_true (shmobj_lock_release (lock, NULL));
  for (guint left = CLIENTS; left > 0; left--)
    {
      guint i = 0;

      bus_until (({
        for (i = 0; i < CLIENTS && (clients[i] == NULL || !acquires[i].done); i++)
          ;
        i < CLIENTS;
      }));
      g_assert_no_error (acquires[i].error);
      answer_clear (&acquires[i]);
      g_assert_true (g_dbus_connection_close_sync (clients[i], NULL, NULL));
      g_clear_object (&clients[i]);
    }
}

/* A process of its own: waits in Get, says so, and goes on waiting. */
static int
client_that_waits (const char *path)
{
  g_autoptr (GDBusConnection) connection = bus_connect ();
  g_autoptr (GVariant) size = NULL;
  Answer answer;

  start_get (connection, path, -1, &answer);
  size =
      bus_property (connection, path, IFACE ("Queue"), "Size"); /* answered after the Get began */
  g_print ("%s\n", g_dbus_connection_get_unique_name (connection));
  bus_until (FALSE);
  return 0;
}

static GSubprocess *
spawn_client (const char *what, const char *path, char **line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  GSubprocess *client =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "/proc/self/exe", what, path, NULL);

  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (client));
  *line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (*line);
  return client;
}

static gboolean
is_on_the_bus (const char *name)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
      g_variant_new ("(s)", name), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  gboolean has_owner;

  g_variant_get (reply, "(b)", &has_owner);
  return has_owner;
}

static void
test_killed_client (void)
{
  g_autofree char *path = bus_open (bus, "queue", "killed", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("killed");

  for (guint round = 0; round < 20; round++)
    {
      g_autofree char *name = NULL;
      g_autoptr (GSubprocess) client = spawn_client ("--wait", path, &name);
      g_autofree char *text = g_strdup_printf ("%u", round);
      g_autofree char *expected = g_strdup_printf ("(<%u>,)", round);

      g_subprocess_force_exit (client);
      while (is_on_the_bus (name))
        g_usleep (200);
      must_put (queue, text); /* the service hears of both at once */
      bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 -1,)", expected);
      g_assert_true (g_subprocess_wait (client, NULL, NULL));
    }
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 0);
}

/* Closing a connection, many times, while messages come. */
static void
test_leaving_clients (void)
{
  g_autofree char *path = bus_open (bus, "queue", "leaving", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("leaving");

  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (GDBusConnection) leaver = bus_connect ();
      g_autoptr (GVariant) size = NULL;
      Answer answer;

      start_get (leaver, path, -1, &answer);
      size = bus_property (leaver, path, IFACE ("Queue"), "Size");
      g_assert_true (g_dbus_connection_close_sync (leaver, NULL, NULL));
      while (is_on_the_bus (g_dbus_connection_get_unique_name (leaver)))
        g_usleep (200);
      must_put (queue, "'kept'");
      bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 -1,)", "(<'kept'>,)");
      bus_until (answer.done);
      answer_clear (&answer);
    }
}

static void
test_pickle (void)
{
  g_autofree char *path = bus_open (bus, "queue", "pickles", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("pickles");
  g_autoptr (GError) error = NULL;
  ShmobjFrame frame;
  gboolean interrupted;

  shmobj_frame_set_pickle (&frame, "\x80\x05N.", 4);
  g_assert_true (shmobj_queue_put_frame (queue, &frame, 0, &interrupted, &error));
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 0,)", ERR ("Incompatible"));
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 -1,)", ERR ("Incompatible"));
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
}

static void
test_not_representable (void)
{
  g_autofree char *path = bus_open (bus, "queue", "odd", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("odd");
  g_autoptr (GVariant) back = NULL, empty = g_variant_ref_sink (g_variant_new ("()"));

  must_put (queue, "()");
  must_put (queue, "'plain'");
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 0,)", ERR ("NotRepresentable"));
  bus_refuse (bus, path, IFACE ("Queue.Receive"), "(int64 -1,)", ERR ("NotRepresentable"));
  back = shmobj_queue_get (queue, 0, NULL, NULL);
  g_assert_true (g_variant_equal (back, empty));
  bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 0,)", "(<'plain'>,)");
}

/* Receive, Confirm, Return, Keep: tickets count from 1 for each queue. */
static void
test_receive (void)
{
  g_autofree char *path = bus_open (bus, "queue", "tickets", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("tickets");
  g_autoptr (GDBusConnection) other = bus_connect ();

  must_put (queue, "'a'");
  must_put (queue, "'b'");
  bus_expect (bus, path, IFACE ("Queue.Receive"), "(int64 0,)", "(uint64 1, <'a'>, uint32 0)");
  bus_refuse (other, path, IFACE ("Queue.Confirm"), "([uint64 1],)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("Queue.Confirm"), "([uint64 1, 77],)", ERR ("NotFound"));
  bus_expect (bus, path, IFACE ("Queue.Return"), "([uint64 1],)", "()");
  bus_refuse (bus, path, IFACE ("Queue.Confirm"), "([uint64 1],)", ERR ("NotFound"));

  bus_expect (bus, path, IFACE ("Queue.Receive"), "(int64 0,)", "(uint64 2, <'a'>, uint32 1)");
  bus_expect (bus, path, IFACE ("Queue.Receive"), "(int64 -1,)", "(uint64 3, <'b'>, uint32 0)");
  bus_refuse (bus, path, IFACE ("Queue.Receive"), "(int64 0,)", ERR ("Empty"));
  bus_expect (bus, path, IFACE ("Queue.Keep"), "([uint64 3, 2],)", "()");
  bus_expect (bus, path, IFACE ("Queue.Confirm"), "([uint64 2, 3, 2],)", "()");
  bus_expect (bus, path, IFACE ("Queue.Confirm"), "(@at [],)", "()");

  /* another client leaves with one in its hands */
  must_put (queue, "'c'");
  bus_expect (other, path, IFACE ("Queue.Receive"), "(int64 0,)", "(uint64 4, <'c'>, uint32 0)");
  bus_expect (other, path, IFACE ("Queue.Keep"), "([uint64 4],)", "()");
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  bus_expect (bus, path, IFACE ("Queue.Receive"), "(int64 -1,)", "(uint64 5, <'c'>, uint32 1)");
}

/* The service is killed with messages in its clients' hands. */
static void
test_receive_and_killed_service (void)
{
  g_autofree char *path = bus_open (bus, "queue", "killed tickets", "{}");
  g_autoptr (ShmobjQueue) queue = must_open_queue ("killed tickets");
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GVariant) reply = NULL, value = NULL;

  must_put (queue, "'a'");
  reply = bus_call (bus, path, IFACE ("Queue.Receive"), "(int64 0,)");
  kill (bus_service_pid (bus), SIGKILL);
  message = shmobj_queue_receive (queue, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_message_get_redelivered (message), ==, 1);
  value = shmobj_message_get_value (message, &error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "a");
  g_assert_true (shmobj_message_done (message, &error));
  bus_refuse (bus, path, IFACE ("Queue.Confirm"), "([uint64 1],)", ERR ("NotFound"));
}

static GVariant *
attach (const char *path, const char *method, GUnixFDList **fds)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_with_unix_fd_list_sync (
      bus, SERVICE, path, method, "Attach", NULL, G_VARIANT_TYPE ("(sa{sv}ah)"),
      G_DBUS_CALL_FLAGS_NONE, -1, NULL, fds, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

static void
test_attach (void)
{
  g_autofree char *path = bus_open (bus, "queue", "attached", "{}");
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) handle = attach (path, IFACE ("Queue"), &fds);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) queue =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, fds, &error);

  g_assert_no_error (error);
  must_put (SHMOBJ_QUEUE (queue), "'by handle'");
  bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 0,)", "(<'by handle'>,)");
}

static void
test_memory (void)
{
  g_autofree char *path = bus_open (bus, "shared-memory", "bytes", "{'size': <uint64 100>}");
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) handle = attach (path, IFACE ("SharedMemory"), &fds);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) memory =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHARED_MEMORY, handle, fds, &error);
  g_autoptr (GBytes) bytes = NULL;

  g_assert_no_error (error);
  bus_expect (bus, path, IFACE ("SharedMemory.Write"), "(uint64 90, b'over dbus')", "()");
  bus_expect (bus, path, IFACE ("SharedMemory.Read"), "(uint64 90, uint64 4)",
              "([byte 0x6f, 0x76, 0x65, 0x72],)");
  bytes = shmobj_shared_memory_read_bytes (SHMOBJ_SHARED_MEMORY (memory), 90, 9, &error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), 9, "over dbus", 9);
  bus_refuse (bus, path, IFACE ("SharedMemory.Read"), "(uint64 90, uint64 11)",
              ERR ("InvalidArgument"));
  bus_refuse (bus, path, IFACE ("SharedMemory.Read"), "(uint64 18446744073709551615, uint64 1)",
              ERR ("InvalidArgument"));
  bus_refuse (bus, path, IFACE ("SharedMemory.Write"), "(uint64 95, b'too long')",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('shared-memory', 'none', @a{sv} {})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open",
              "('shared-memory', 'huge', {'size': <uint64 18446744073709551615>})",
              ERR ("NoSpace"));
}

/* As a Flatpak looks from outside: .flatpak-info at the root of the process. */
static int
client_in_a_sandbox (const char *path)
{
  g_autoptr (GDBusConnection) connection = bus_connect ();
  g_autofree char *root = g_dir_make_tmp ("shmobj-sandbox-XXXXXX", NULL);
  g_autofree char *info = g_build_filename (root, ".flatpak-info", NULL);
  g_autofree char *failure = NULL;

  g_assert_true (g_file_set_contents (info, "[Application]\n", -1, NULL));
  if (chroot (root) != 0)
    failure = g_strdup ("no rights");
  else
    (void) bus_try (connection, path, IFACE ("Queue.Attach"), g_variant_new ("()"), &failure);
  g_print ("answer %s\nroot %s\n", failure != NULL ? failure : "attached", root);
  return 0;
}

static void
test_sandbox (void)
{
  g_autofree char *path = bus_open (bus, "queue", "inside", "{}");
  g_autofree char *out = NULL;
  g_autofree char *info = NULL;
  char *answer, *root;
  const char *argv[] = { "/proc/self/exe", "--sandbox", path, NULL };
  g_autoptr (GError) error = NULL;

  g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &out, NULL, NULL, &error);
  g_assert_no_error (error);
  answer = strstr (out, "answer ");
  root = strstr (out, "root ");
  g_assert_true (answer != NULL && root != NULL);
  root = g_strchomp (root + strlen ("root "));
  if (g_str_has_prefix (answer, "answer no rights"))
    g_test_skip ("only root can change its root");
  else
    g_assert_true (g_str_has_prefix (answer, "answer " ERR ("PermissionDenied") "\n"));
  info = g_build_filename (root, ".flatpak-info", NULL);
  g_assert_cmpint (unlink (info), ==, 0);
  g_assert_cmpint (rmdir (root), ==, 0);
}

int
main (int argc, char **argv)
{
  int result;

  if (argc == 3 && g_str_equal (argv[1], "--wait"))
    return client_that_waits (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--sandbox"))
    return client_in_a_sandbox (argv[2]);

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  manager = bus_manager ();
  g_test_add_func ("/bus-queue/put-and-get", test_put_get);
  g_test_add_func ("/bus-queue/bad-options-are-refused", test_options);
  g_test_add_func ("/bus-queue/waiting-blocks-nobody", test_get_waits);
  g_test_add_func ("/bus-queue/hundreds-wait-and-nobody-is-held-up", test_hundreds_wait);
  g_test_add_func ("/bus-queue/killed-client-takes-no-message", test_killed_client);
  g_test_add_func ("/bus-queue/leaving-client-takes-no-message", test_leaving_clients);
  g_test_add_func ("/bus-queue/pickle-stays", test_pickle);
  g_test_add_func ("/bus-queue/not-representable-stays", test_not_representable);
  g_test_add_func ("/bus-queue/receive-and-confirm", test_receive);
  g_test_add_func ("/bus-queue/killed-service-returns-what-it-had",
                   test_receive_and_killed_service);
  g_test_add_func ("/bus-queue/attach", test_attach);
  g_test_add_func ("/bus-queue/shared-memory", test_memory);
  g_test_add_func ("/bus-queue/sandboxed-gets-no-descriptors", test_sandbox);
  result = g_test_run ();
  g_object_unref (manager);
  g_object_unref (bus);
  return result;
}
