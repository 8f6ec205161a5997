/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of an object, with any bytes in it: attaching refuses it, or what then is called gives
 * a result or an error.
 *
 * An input says of which class the image is, then what in a good image is overwritten where; mostly
 * in the places that steer us, because a byte somewhere in the data shows nothing. Some inputs are
 * the whole image themselves.
 */

#include "classes.h"

#include "base/flight.h"
#include "base/sys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPACITY 4096
#define QUEUE_DATA (OBJECT_OFFSET + LAYOUT_PAGE)
#define QUEUE_FLIGHT (QUEUE_DATA + 2 * LAYOUT_PAGE)
#define PIPE_DATA (OBJECT_OFFSET + 2 * LAYOUT_PAGE)
#define PLACES 6

typedef struct
{
  gsize offset, size;
} Place;

/* Where it hurts, by class. */
typedef struct
{
  ShmobjShareable *good; /* (owned) */
  GVariant *handle;      /* (owned) */
  GUnixFDList *list;     /* (owned): of the good object */
  guint8 *bytes;         /* (owned): what its memory holds */
  gsize size;
  Place place[PLACES];
} Image;

static ShmobjShareable *
good_queue (void)
{
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (7, CAPACITY, NULL);
  ShmobjMessage *kept;

  for (int i = 0; i < 5; i++)
    shmobj_queue_put (queue, g_variant_new ("(is)", i, "message"), 0, NULL, NULL);
  kept = shmobj_queue_receive (queue, 0, NULL, NULL);
  g_assert_true (shmobj_message_give_back (kept, NULL));
  shmobj_message_unref (kept);
  return SHMOBJ_SHAREABLE (g_steal_pointer (&queue));
}

static ShmobjShareable *
good_end (void)
{
  static ShmobjConnection *other; /* or its partner would be told of a hang-up */
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, CAPACITY, NULL);

  other = shmobj_pipe_steal_end (pipe, NULL);
  for (int i = 0; i < 3; i++)
    g_assert_true (
        shmobj_connection_send (other, g_variant_new ("(is)", i, "sent"), 0, NULL, NULL));
  return SHMOBJ_SHAREABLE (shmobj_pipe_steal_start (pipe, NULL));
}

/* Each of these with somebody's note. */
static ShmobjShareable *
good_semaphore (void)
{
  ShmobjSemaphore *semaphore = shmobj_semaphore_new (3, 9, NULL);

  g_assert_true (shmobj_semaphore_acquire (semaphore, 0, NULL, NULL));
  return SHMOBJ_SHAREABLE (semaphore);
}

static ShmobjShareable *
good_barrier (void)
{
  ShmobjBarrier *barrier = shmobj_barrier_new (3, NULL);
  guint ticket;

  g_assert_cmpint (shmobj_barrier_arrive (barrier, FALSE, &ticket, NULL), ==, 0);
  return SHMOBJ_SHAREABLE (barrier);
}

static ShmobjShareable *
good_object (guint class)
{
  switch (class)
    {
    case 0:
      return good_queue ();
    case 1:
      return good_end ();
    case 2:
      return SHMOBJ_SHAREABLE (shmobj_lock_new (NULL));
    case 3:
      return SHMOBJ_SHAREABLE (shmobj_event_new (NULL));
    case 4:
      return good_semaphore ();
    case 5:
      return SHMOBJ_SHAREABLE (shmobj_condition_new (NULL, NULL));
    case 6:
      return good_barrier ();
    default:
      return SHMOBJ_SHAREABLE (shmobj_shared_memory_new (5000, NULL));
    }
}

#define HEADER                                                                                     \
  {                                                                                                \
    0, sizeof (SegmentHeader)                                                                      \
  }
#define SLOTS                                                                                      \
  {                                                                                                \
    SLOTS_OFFSET, 3 * sizeof (Slot)                                                                \
  }
#define CELLS                                                                                      \
  { OBJECT_OFFSET, 8 }, { ARENA_CELLS_OFFSET, 12 * sizeof (ArenaCell) }

static const Place places[][PLACES] = {
  { { OBJECT_OFFSET, sizeof (RingShared) },
    { OBJECT_OFFSET, sizeof (RingShared) },
    HEADER,
    SLOTS,
    { QUEUE_DATA, 256 },
    { QUEUE_FLIGHT, 5 * sizeof (FlightEntry) } },
  { { OBJECT_OFFSET, sizeof (RingShared) },
    { OBJECT_OFFSET + LAYOUT_PAGE, sizeof (RingShared) },
    HEADER,
    SLOTS,
    { PIPE_DATA, 256 },
    { PIPE_DATA + 2 * LAYOUT_PAGE, 256 } },
  { CELLS, CELLS, HEADER, SLOTS },
  { CELLS, CELLS, HEADER, SLOTS },
  { CELLS, CELLS, HEADER, SLOTS },
  { CELLS, CELLS, HEADER, SLOTS },
  { CELLS, CELLS, HEADER, SLOTS },
  { { 0, 5000 }, { 0, 5000 }, { 0, 5000 }, { 0, 5000 }, { 0, 5000 }, { 0, 5000 } },
};

static const Image *
image_of (guint class)
{
  static Image images[G_N_ELEMENTS (places)];
  Image *image = &images[class];
  struct stat st;

  if (image->bytes != NULL)
    return image;
  image->good = good_object (class);
  image->list = g_unix_fd_list_new ();
  image->handle = shmobj_shareable_to_handle (image->good, image->list, NULL);
  g_assert_cmpint (fstat (g_unix_fd_list_peek_fds (image->list, NULL)[0], &st), ==, 0);
  image->size = st.st_size;
  image->bytes = g_malloc (image->size);
  g_assert_cmpint (
      pread (g_unix_fd_list_peek_fds (image->list, NULL)[0], image->bytes, image->size, 0), ==,
      image->size);
  memcpy (image->place, places[class], sizeof image->place);
  return image;
}

/* ---- what an input does to it ---- */

static guint64
pick_value (Input *input, guint kind)
{
  static const guint64 edges[] = {
    0,    1,    CAPACITY - 8,    CAPACITY,    CAPACITY + 8, G_MAXUINT64,
    1024, 1025, G_MAXUINT64 - 7, G_MAXUINT32, 1ull << 40,   1ull << 63
  };

  if (kind == 0)
    return (guint64) input_word (input) << 32 | input_word (input);
  if (kind == 1)
    return edges[input_byte (input) % G_N_ELEMENTS (edges)];
  if (kind == 2)
    return (guint64) input_byte (input) << (input_byte (input) % 57);
  return input_byte (input) * 8;
}

static void
overwrite (const Image *image, Input *input, int fd)
{
  for (guint n = 1 + input_byte (input) % 8; n > 0; n--)
    {
      guint choice = input_byte (input);
      const Place *place = &image->place[choice % PLACES];
      gsize width = choice & 0x40 ? 4 : 8,
            offset = place->offset + input_word (input) % place->size / width * width;
      guint64 value = pick_value (input, input_byte (input) % 4);

      if (choice & 0x80) /* a little beside what is there */
        {
          guint64 there;

          g_assert_cmpint (pread (fd, &there, width, offset), ==, width);
          value = there + (guint64) (gint8) value * (choice & 0x20 ? 1 : 8);
        }
      if (offset + width <= image->size)
        g_assert_cmpint (pwrite (fd, &value, width, offset), ==, width);
    }
}

static int
make_memory (const Image *image, Input *input)
{
  guint choice = input_byte (input);
  int fd = sys_memfd ("fuzz");
  gsize size = image->size;

  g_assert_cmpint (fd, >=, 0);
  if (choice % 16 == 0)
    {
      size = input_word (input) % (2 * image->size);
      g_assert_cmpint (ftruncate (fd, size), ==, 0);
      g_assert_cmpint (pwrite (fd, input->data, MIN (size, input->size), 0), >=, 0);
    }
  else
    {
      if (choice % 16 == 1)
        size = input_word (input) % (2 * image->size);
      g_assert_cmpint (ftruncate (fd, size), ==, 0);
      g_assert_cmpint (pwrite (fd, image->bytes, MIN (size, image->size), 0), >=, 0);
      if (size == image->size)
        overwrite (image, input, fd);
    }
  if (choice < 250)
    g_assert_cmpint (
        fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | (choice > 245 ? F_SEAL_WRITE : 0)),
        ==, 0);
  return fd;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Input input = { data, size };
  const Image *image = image_of (input_byte (&input) % 16 * G_N_ELEMENTS (places) / 16);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (ShmobjShareable) object = NULL;
  g_autoptr (GError) error = NULL;
  int n_fds, fd = make_memory (image, &input);
  const int *fds = g_unix_fd_list_peek_fds (image->list, &n_fds);

  g_unix_fd_list_append (list, fd, NULL);
  close (fd);
  for (int i = 1; i < n_fds; i++)
    g_unix_fd_list_append (list, fds[i], NULL);
  object =
      shmobj_shareable_new_from_handle (G_OBJECT_TYPE (image->good), image->handle, list, &error);
  if (object != NULL)
    use_object (object, &input);
  expect_either (object != NULL, &error);
  return 0;
}
