/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of a queue's asynchronous calls share: each kind of call, how it is made to wait,
 * and what ends its wait. */

#include "queue-fixture.h"

#define FOREVER_US (-1)

/* One queue, seen through two handles, and what a call needs. */
typedef struct
{
  ShmobjQueue *queue, *other;
  ShmobjLoan *block; /* of the queue, to put */
} Scene;

typedef void (*Start) (Scene *scene,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer data);

typedef struct
{
  const char *name;
  void (*block) (ShmobjQueue *queue); /* from now on the call waits */
  void (*free) (ShmobjQueue *queue);  /* and now one such call need not; waits itself */
  Start start;
  /* Checks what came of it and gives it back; FALSE with an error. */
  gboolean (*finish) (ShmobjQueue *queue, GAsyncResult *result, GError **error);
  GQuark (*domain) (void); /* of the error when the time is over */
  int code;
  guint frees_for_two; /* how often to free() for two calls */
} Kind;

static inline guint64
statistic (ShmobjQueue *queue, const char *key)
{
  g_autoptr (GVariant) all = shmobj_queue_get_statistics (queue, NULL);
  guint64 value = G_MAXUINT64;

  g_assert_true (g_variant_lookup (all, key, "t", &value));
  return value;
}

/* Messages and blocks, wherever they are. */
static inline char *
state_of (ShmobjQueue *queue)
{
  return g_strdup_printf ("puts %" G_GUINT64_FORMAT " gets %" G_GUINT64_FORMAT
                          " in flight %" G_GUINT64_FORMAT " lent %" G_GUINT64_FORMAT,
                          statistic (queue, "puts"), statistic (queue, "gets"),
                          statistic (queue, "in-flight"), statistic (queue, "lent"));
}

static inline ShmobjQueue *
second_handle (ShmobjQueue *queue)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (queue), fds, NULL);
  g_autoptr (GError) error = NULL;
  ShmobjShareable *other =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, fds, &error);

  g_assert_no_error (error);
  return SHMOBJ_QUEUE (other);
}

static inline void
scene_init (Scene *scene)
{
  g_autoptr (GError) error = NULL;

  scene->queue = new_queue (1, 4096);
  scene->other = second_handle (scene->queue);
  scene->block = shmobj_queue_loan (scene->queue, 5, 0, NULL, &error);
  g_assert_no_error (error);
  memcpy (shmobj_loan_get_data (scene->block, NULL), "hello", 5);
}

static inline void
scene_clear (Scene *scene)
{
  g_clear_object (&scene->block);
  g_clear_object (&scene->queue);
  g_clear_object (&scene->other);
}

/* ---- what one waits for ---- */

static inline void
leave_empty (ShmobjQueue *queue)
{
}

static inline void
put_hello (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;

  shmobj_queue_put_data (queue, (const guint8 *) "hello", 5, -1, NULL, &error);
  g_assert_no_error (error);
}

static inline void
take_one_away (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = shmobj_queue_get_bytes (queue, -1, NULL, &error);

  g_assert_no_error (error);
  g_bytes_unref (bytes);
}

/* All of the pool that is free. */
static inline void
put_all_blocks (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjLoan) block = shmobj_queue_loan (queue, 4000, 0, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (shmobj_queue_put_loan (queue, block, 4000, 0, NULL, &error));
}

/* ---- each kind ---- */

#define CALL(name)                                                                                 \
  static inline void start_##name (Scene *scene, gint64 timeout_us, GCancellable *cancellable,     \
                                   GAsyncReadyCallback callback, gpointer data)                    \
  {                                                                                                \
    shmobj_queue_##name##_async (scene->queue, timeout_us, cancellable, callback, data);           \
  }
CALL (receive)
CALL (take)
CALL (get)
CALL (get_bytes)
CALL (join)
#undef CALL

static inline void
start_get_many (Scene *scene,
                gint64 timeout_us,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer data)
{
  shmobj_queue_get_many_async (scene->queue, 1, timeout_us, cancellable, callback, data);
}

static inline void
start_put (Scene *scene,
           gint64 timeout_us,
           GCancellable *cancellable,
           GAsyncReadyCallback callback,
           gpointer data)
{
  shmobj_queue_put_async (scene->queue, g_variant_new_bytestring ("hello"), timeout_us, cancellable,
                          callback, data);
}

static inline void
start_put_bytes (Scene *scene,
                 gint64 timeout_us,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer data)
{
  g_autoptr (GBytes) bytes = g_bytes_new ("hello", 5);

  shmobj_queue_put_bytes_async (scene->queue, bytes, timeout_us, cancellable, callback, data);
}

static inline void
start_put_many (Scene *scene,
                gint64 timeout_us,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer data)
{
  GVariant *values[1] = { g_variant_new_bytestring ("hello") };

  shmobj_queue_put_many_async (scene->queue, values, 1, timeout_us, cancellable, callback, data);
}

static inline void
start_put_loan (Scene *scene,
                gint64 timeout_us,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer data)
{
  g_autoptr (ShmobjLoan) block = g_steal_pointer (&scene->block);

  if (block == NULL) /* for the second call */
    block = shmobj_queue_loan (scene->queue, 5, 0, NULL, NULL);
  shmobj_queue_put_loan_async (scene->queue, block, 5, timeout_us, cancellable, callback, data);
}

static inline void
start_loan (Scene *scene,
            gint64 timeout_us,
            GCancellable *cancellable,
            GAsyncReadyCallback callback,
            gpointer data)
{
  shmobj_queue_loan_async (scene->queue, 3000, timeout_us, cancellable, callback, data);
}

static inline gboolean
finish_receive (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  g_autoptr (ShmobjMessage) message = shmobj_queue_receive_finish (queue, result, error);
  g_autoptr (GBytes) bytes = message != NULL ? shmobj_message_get_bytes (message) : NULL;
  gsize size;

  if (message == NULL)
    return FALSE;
  g_assert_cmpmem (g_bytes_get_data (bytes, &size), size, "hello", 5);
  g_assert_true (shmobj_message_done (message, NULL));
  return TRUE;
}

static inline gboolean
finish_take (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  g_autoptr (ShmobjLoan) loan = shmobj_queue_take_finish (queue, result, error);
  gsize size;

  if (loan == NULL)
    return FALSE;
  g_assert_cmpmem (shmobj_loan_get_data (loan, &size), size, "hello", 5);
  g_assert_true (shmobj_loan_is_taken (loan));
  g_assert_true (shmobj_loan_release (loan, NULL));
  return TRUE;
}

static inline gboolean
is_hello (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING) &&
         g_variant_get_size (value) == 5 && memcmp (g_variant_get_data (value), "hello", 5) == 0;
}

static inline gboolean
finish_get (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) value = shmobj_queue_get_finish (queue, result, error);

  g_assert_true (value == NULL || is_hello (value));
  return value != NULL;
}

static inline gboolean
finish_get_bytes (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  g_autoptr (GBytes) bytes = shmobj_queue_get_bytes_finish (queue, result, error);
  gsize size;

  if (bytes == NULL)
    return FALSE;
  g_assert_cmpmem (g_bytes_get_data (bytes, &size), size, "hello", 5);
  return TRUE;
}

static inline gboolean
finish_get_many (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  gsize n = 7;
  g_autofree GVariant **values = shmobj_queue_get_many_finish (queue, result, &n, error);

  g_assert_cmpuint (n, ==, values != NULL ? 1 : 0);
  if (values == NULL)
    return FALSE;
  g_assert_true (is_hello (values[0]));
  g_variant_unref (values[0]);
  return TRUE;
}

static inline gboolean
finish_put_many (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  gsize put = shmobj_queue_put_many_finish (queue, result, error);

  g_assert_cmpuint (put, <=, 1);
  return put == 1;
}

static inline gboolean
finish_loan (ShmobjQueue *queue, GAsyncResult *result, GError **error)
{
  g_autoptr (ShmobjLoan) loan = shmobj_queue_loan_finish (queue, result, error);

  if (loan == NULL)
    return FALSE;
  g_assert_cmpuint (shmobj_loan_get_size (loan), ==, 3000);
  memset (shmobj_loan_get_data (loan, NULL), 1, 3000);
  g_assert_true (shmobj_loan_release (loan, NULL));
  return TRUE;
}

#define OUR_ERROR(code) shmobj_error_quark, SHMOBJ_ERROR_##code

static const Kind kinds[] = {
  { "get", leave_empty, put_hello, start_get, finish_get, OUR_ERROR (EMPTY), 2 },
  { "get_bytes", leave_empty, put_hello, start_get_bytes, finish_get_bytes, OUR_ERROR (EMPTY), 2 },
  { "get_many", leave_empty, put_hello, start_get_many, finish_get_many, OUR_ERROR (EMPTY), 2 },
  { "receive", leave_empty, put_hello, start_receive, finish_receive, OUR_ERROR (EMPTY), 2 },
  { "take", leave_empty, put_hello, start_take, finish_take, OUR_ERROR (EMPTY), 2 },
  { "put", put_hello, take_one_away, start_put, shmobj_queue_put_finish, OUR_ERROR (FULL), 2 },
  { "put_bytes", put_hello, take_one_away, start_put_bytes, shmobj_queue_put_bytes_finish,
    OUR_ERROR (FULL), 2 },
  { "put_many", put_hello, take_one_away, start_put_many, finish_put_many, OUR_ERROR (FULL), 2 },
  { "put_loan", put_hello, take_one_away, start_put_loan, shmobj_queue_put_loan_finish,
    OUR_ERROR (FULL), 2 },
  { "loan", put_all_blocks, take_one_away, start_loan, finish_loan, OUR_ERROR (FULL), 1 },
  { "join", put_hello, take_one_away, start_join, shmobj_queue_join_finish, g_io_error_quark,
    G_IO_ERROR_TIMED_OUT, 1 },
};

/* ---- waiting for one ---- */

static inline void
keep_result (GObject *source, GAsyncResult *result, gpointer place)
{
  g_assert_null (*(GAsyncResult **) place);
  *(GAsyncResult **) place = g_object_ref (result);
}

static inline gboolean
finish (const Kind *kind, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) over = g_steal_pointer (result);
  g_autoptr (GObject) queue = g_async_result_get_source_object (over);

  return kind->finish (SHMOBJ_QUEUE (queue), over, error);
}

static inline gboolean
wait_and_finish (const Kind *kind, GAsyncResult **result, GError **error)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return finish (kind, result, error);
}

static inline void
assert_waits (GAsyncResult **result)
{
  for (int i = 0; i < 3; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_null (*result);
}
