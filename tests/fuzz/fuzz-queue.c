/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any sequence of calls on a Queue, beside a GQueue that does the same: each must give what the
 * other gives.
 *
 * Two objects on one segment are used by turns. The oracle knows no bytes of a ring, so of "full"
 * it only knows when it must be (maxsize) and when it cannot be (nothing is in the queue).
 */

#include "fuzz.h"

#include <shmobj.h>

#define HELD_MAX 6

typedef struct
{
  guint number; /* which comes first when it returns */
  guint delivered;
  GVariant *value; /* (owned) */
} Item;

typedef struct
{
  ShmobjQueue *queue[2]; /* (owned) */
  guint maxsize;
  guint64 capacity;
  GQueue waiting; /* of Item: what comes next is its head */
  struct
  {
    ShmobjMessage *message; /* (owned) */
    Item *item;             /* (owned) */
  } held[HELD_MAX];
  guint n_held, numbers;
  gboolean shut, at_once;
} Game;

static void
item_free (gpointer data)
{
  Item *item = data;

  g_variant_unref (item->value);
  g_free (item);
}

static int
compare_numbers (gconstpointer a, gconstpointer b, gpointer data)
{
  return (int) ((const Item *) a)->number - (int) ((const Item *) b)->number;
}

/* ---- putting ---- */

static GVariant *
pick_message (const Game *game, Input *input)
{
  static const guint8 zeros[64 * 1024];
  guint choice = input_byte (input);
  gsize size = choice % 8 == 0 ? input_word (input) % (game->capacity + 64) : choice * 3;

  if (choice % 3 == 0)
    return g_variant_ref_sink (g_variant_new ("(us)", choice, "a pair"));
  if (choice % 3 == 1)
    return g_variant_ref_sink (g_variant_new_take_string (g_strnfill (MIN (size, 900), 'x')));
  return g_variant_ref_sink (
      g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, zeros, MIN (size, sizeof zeros), 1));
}

static void
remember (Game *game, GVariant *value)
{
  Item *item = g_new (Item, 1);

  *item = (Item){ game->numbers++, 0, g_variant_ref (value) };
  g_queue_push_tail (&game->waiting, item);
}

/* Messages that came back lie in the pool: they do not count against maxsize. */
static guint
in_ring (const Game *game)
{
  guint n = 0;

  for (const GList *link = game->waiting.head; link != NULL; link = link->next)
    n += ((const Item *) link->data)->delivered == 0;
  return n;
}

/* A put in vain: was there a reason? */
static void
expect_refusal (const Game *game, GVariant *value, GError *error)
{
  gsize stored = 8 + g_variant_get_size (value);

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    stored += strlen (g_variant_get_type_string (value));
  if (game->shut)
    g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  else if (stored > game->capacity)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  else
    {
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
      g_assert_cmpuint (in_ring (game), >, 0);
    }
  expect_error (&error);
}

static void
put (Game *game, ShmobjQueue *queue, Input *input)
{
  g_autoptr (GVariant) value = pick_message (game, input);
  gboolean full = game->maxsize != 0 && in_ring (game) >= game->maxsize;
  GError *error = NULL;

  if (shmobj_queue_put (queue, value, 0, NULL, &error))
    {
      g_assert_false (full || game->shut);
      remember (game, value);
      return;
    }
  expect_refusal (game, value, error);
}

static void
put_many (Game *game, ShmobjQueue *queue, Input *input)
{
  GVariant *values[4];
  gsize n = 1 + input_byte (input) % G_N_ELEMENTS (values), put;
  GError *error = NULL;

  for (gsize i = 0; i < n; i++)
    values[i] = pick_message (game, input);
  put = shmobj_queue_put_many (queue, values, n, 0, NULL, &error);
  g_assert_cmpuint (put, <=, n);
  for (gsize i = 0; i < put; i++)
    remember (game, values[i]);
  g_assert_true (game->maxsize == 0 || in_ring (game) <= game->maxsize);
  if (put == 0)
    expect_refusal (game, values[0], error);
  else
    g_clear_error (&error);
  for (gsize i = 0; i < n; i++)
    g_variant_unref (values[i]);
}

/* ---- getting ---- */

/* Nothing came: that is right when nothing is there. */
static void
expect_nothing (const Game *game, GError *error)
{
  if (game->at_once || (game->shut && game->waiting.length == 0 && game->n_held == 0))
    g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  else
    {
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
      g_assert_cmpuint (game->waiting.length, ==, 0);
    }
  expect_error (&error);
}

static Item *
expect_first (Game *game, GVariant *value)
{
  Item *item = g_queue_pop_head (&game->waiting);

  g_assert_false (game->at_once);
  g_assert_nonnull (item);
  g_assert_true (g_variant_is_of_type (value, g_variant_get_type (item->value)));
  g_assert_cmpmem (g_variant_get_data (value), g_variant_get_size (value),
                   g_variant_get_data (item->value), g_variant_get_size (item->value));
  return item;
}

static void
get (Game *game, ShmobjQueue *queue)
{
  GError *error = NULL;
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, &error);

  if (value == NULL)
    expect_nothing (game, error);
  else
    item_free (expect_first (game, value));
}

/* A message that comes back is a batch of its own. */
static void
get_many (Game *game, ShmobjQueue *queue, Input *input)
{
  GError *error = NULL;
  guint most = 1 + input_byte (input) % 6;
  gsize n = 0;
  GVariant **values = shmobj_queue_get_many (queue, most, 0, NULL, &n, &error);

  if (values == NULL)
    {
      expect_nothing (game, error);
      return;
    }
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <=, most);
  for (gsize i = 0; i < n; i++)
    {
      item_free (expect_first (game, values[i]));
      g_variant_unref (values[i]);
    }
  g_free (values);
}

/* Into a buffer that is too small nothing is got. */
static void
get_into (Game *game, ShmobjQueue *queue, Input *input)
{
  g_autofree guint8 *buffer = g_malloc (1 + 300);
  gsize size = input_byte (input);
  GError *error = NULL;
  gssize got = shmobj_queue_get_into (queue, buffer, size, 0, &error);
  Item *item = g_queue_peek_head (&game->waiting);

  if (got >= 0)
    {
      g_assert_nonnull (item);
      g_assert_false (game->at_once);
      g_assert_cmpmem (buffer, got, g_variant_get_data (item->value),
                       g_variant_get_size (item->value));
      g_assert_cmpuint (got, <=, size);
      item_free (g_queue_pop_head (&game->waiting));
    }
  else if (item == NULL || game->at_once)
    expect_nothing (game, error);
  else
    expect_error (&error);
}

/* ---- messages in hand ---- */

static void
receive (Game *game, ShmobjQueue *queue)
{
  GError *error = NULL;
  ShmobjMessage *message;
  g_autoptr (GVariant) value = NULL;
  Item *item;

  if (game->n_held == HELD_MAX)
    return;
  message = shmobj_queue_receive (queue, 0, NULL, &error);
  if (message == NULL)
    {
      if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY)) /* the pool is full */
        {
          g_assert_cmpuint (game->n_held, >, 0);
          expect_error (&error);
          return;
        }
      expect_nothing (game, error);
      return;
    }
  value = shmobj_message_get_value (message, &error);
  g_assert_no_error (error);
  item = expect_first (game, value);
  g_assert_cmpuint (shmobj_message_get_redelivered (message), ==, item->delivered);
  item->delivered++;
  game->held[game->n_held].message = message;
  game->held[game->n_held++].item = item;
}

static void
end_message (Game *game, Input *input)
{
  guint choice = input_byte (input), which;
  ShmobjMessage *message;
  GError *error = NULL;
  Item *item;

  if (game->n_held == 0)
    return;
  which = choice / 4 % game->n_held;
  message = game->held[which].message;
  item = game->held[which].item;
  game->held[which] = game->held[--game->n_held];

  if (choice % 2 == 0)
    {
      g_assert_true (shmobj_message_done (message, &error));
      item_free (item);
    }
  else
    {
      if (choice % 4 == 1)
        g_assert_true (shmobj_message_give_back (message, &error));
      g_queue_insert_sorted (&game->waiting, item, compare_numbers, NULL);
    }
  g_assert_no_error (error);
  shmobj_message_unref (message);
}

/* ---- the game ---- */

static void
shut (Game *game, ShmobjQueue *queue, Input *input)
{
  guint choice = input_byte (input);
  GError *error = NULL;

  if (choice % 4 != 0)
    return;
  g_assert_true (shmobj_queue_shutdown (queue, choice & 0x80, &error));
  g_assert_no_error (error);
  game->shut = TRUE;
  game->at_once |= (choice & 0x80) != 0;
}

static void
one_call (Game *game, Input *input)
{
  guint choice = input_byte (input);
  ShmobjQueue *queue = game->queue[choice >> 7];

  switch (choice % 16)
    {
    case 0:
    case 1:
    case 2:
    case 3:
      put (game, queue, input);
      break;
    case 4:
      put_many (game, queue, input);
      break;
    case 5:
    case 6:
    case 7:
      get (game, queue);
      break;
    case 8:
      get_many (game, queue, input);
      break;
    case 9:
      get_into (game, queue, input);
      break;
    case 10:
    case 11:
      receive (game, queue);
      break;
    case 12:
    case 13:
      end_message (game, input);
      break;
    case 14:
      g_assert_cmpint (shmobj_queue_wait (queue, G_IO_IN, 0), ==,
                       game->waiting.length > 0 || game->at_once ||
                           (game->shut && game->n_held == 0));
      break;
    default:
      shut (game, queue, input);
      break;
    }
  g_assert_cmpuint (shmobj_queue_get_size (game->queue[0]), ==, game->waiting.length);
  g_assert_cmpuint (shmobj_queue_get_size (game->queue[1]), ==, game->waiting.length);
}

static void
begin (Game *game, Input *input)
{
  static const guint64 capacities[] = { 4096, 4104, 12 * 1024, 64 * 1024, 256 * 1024 };
  static const guint maxsizes[] = { 0, 0, 1, 3, 10 };
  guint choice = input_byte (input);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  g_autoptr (GError) error = NULL;

  game->capacity = capacities[choice % G_N_ELEMENTS (capacities)];
  game->maxsize = maxsizes[choice / 8 % G_N_ELEMENTS (maxsizes)];
  game->queue[0] = shmobj_queue_new (game->maxsize, game->capacity, &error);
  g_assert_no_error (error);
  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (game->queue[0]), list, &error);
  g_assert_no_error (error);
  game->queue[1] =
      SHMOBJ_QUEUE (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, list, &error));
  g_assert_no_error (error);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Input input = { data, size };
  Game game = { 0 };

  begin (&game, &input);
  while (input.size > 0)
    one_call (&game, &input);
  while (game.n_held > 0)
    end_message (&game, &input);
  while (game.waiting.length > 0 && !game.at_once)
    get (&game, game.queue[1]);
  g_queue_clear_full (&game.waiting, item_free);
  g_object_unref (game.queue[0]);
  g_object_unref (game.queue[1]);
  return 0;
}
