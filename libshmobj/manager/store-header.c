/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deaths in the last nanoseconds of a commit, and readers that are late.
 *
 *     data.mdb   [ header of even commits ][ header of odd commits ][ pages … ]
 *     lock.mdb   … number of the last commit (published), readers …
 *
 * A commit fills the older header, then publishes its number. LMDB's readers and writers follow the
 * published number, so what is half filled does not matter to them. But two follow the headers'
 * own numbers and take the larger: the writer that finds the mutex of a dead one, and the first
 * process to open the store, which resets lock.mdb. In a map that is written directly the stores
 * into the header have no order: LMDB 0.9.24 as Debian 12 builds it for x86-64 stores the number
 * before the root of the rows. A writer killed between these two instructions left the newest
 * number on the root of two commits ago, whose pages are free: the next writer aborted.
 *
 * So a header whose number is ahead of the published one is taken back: its number becomes 0, one
 * store, and the header of the commit before counts, which is whole. The call that wrote it had not
 * returned and nobody has seen it: readers follow the published number.
 *
 *   - Every writer looks, inside the gate, before LMDB does: three loads.
 *   - Who opens holds a read lock on LMDB's byte of lock.mdb while it asks whether others have the
 *     store open. With others there, the lock stays (with the mapping), so that LMDB joins them and
 *     resets nothing, although they may die at this moment. Alone, nobody writes: it takes back
 *     what is to be taken back, gives up the lock, and LMDB resets lock.mdb.
 *
 * A published number 0 is that of an opener who died inside that reset, and says nothing; a store's
 * maker commits once (store.c), so no other has it. In a durable store a header is one write() of
 * less than a page, which no death divides: whole if it is there, so nothing is taken back.
 *
 * Readers. Between reading the published number and copying its header a reader may be put to sleep
 * for two commits, and wakes into the header that a third one fills: LMDB does not notice. The copy
 * is good if the same number is still published after it; else it is made anew.
 */

#include "manager/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FORMAT 0x00010001u /* 0.9.20 and later; the layout is part of it */
#define LOCK_NUMBER (8 + sizeof (pthread_mutex_t))
#define LOCK_BYTES 4096
#define PAGE_SIZE_MAX 65536

G_STATIC_ASSERT (G_STRUCT_OFFSET (Header, number) == 128 && sizeof (Header) == 136);

static gboolean
is_known (const guint8 *lock_file)
{
  guint32 words[2];

  if (lock_file == NULL || store_data_version () != 1)
    return FALSE;
  memcpy (words, lock_file, sizeof words);
  return words[0] == HEADER_MAGIC && words[1] == LOCK_FORMAT;
}

/* The first @size bytes, or fewer; NULL with errno. A child that inherited the mapping would also
 * keep the lock that came with its file. */
static guint8 *
map_file (int fd, gsize size, int protection)
{
  guint8 *map = mmap (NULL, size, protection, MAP_SHARED, fd, 0);

  if (map == MAP_FAILED)
    return NULL;
  madvise (map, size, MADV_DONTFORK);
  return map;
}

/* The size of a file that is open, if that worked. */
static gsize
size_of (int fd)
{
  struct stat seen;

  return fd >= 0 && fstat (fd, &seen) == 0 ? seen.st_size : 0;
}

static int
lock_byte (int fd, int command, short type, short *found)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  int rc;

  do
    rc = fcntl (fd, command, &lock);
  while (rc != 0 && errno == EINTR);

  if (found != NULL)
    *found = lock.l_type;
  return rc == 0 ? 0 : errno;
}

/* The headers of the file, if both are where LMDB has them. */
static void
find_numbers (StoreHeaders *self)
{
  Header *first = (Header *) (self->data_file + HEADER_OFFSET), *second;
  gsize page_size = first->trees[0].pad; /* copied once */

  if (page_size % sizeof (guint64) != 0 ||
      page_size + HEADER_OFFSET + sizeof (Header) > self->data_size)
    return;
  second = (Header *) (self->data_file + page_size + HEADER_OFFSET);
  if (first->magic != HEADER_MAGIC || first->version != 1 || second->magic != HEADER_MAGIC ||
      second->version != 1)
    return;

  self->numbers[0] = (gpointer) &first->number;
  self->numbers[1] = (gpointer) &second->number;
}

static int
map_data_file (StoreHeaders *self, const char *path)
{
  g_autofree char *file = g_build_filename (path, "data.mdb", NULL);
  int fd = open (file, O_RDWR | O_CLOEXEC | O_NOFOLLOW), code = 0;

  if (fd < 0)
    return errno;
  self->data_size = MIN (size_of (fd), 2 * PAGE_SIZE_MAX);
  if (self->data_size >= HEADER_OFFSET + sizeof (Header))
    {
      self->data_file = map_file (fd, self->data_size, PROT_READ | PROT_WRITE);
      code = self->data_file == NULL ? errno : 0;
    }
  close (fd);
  if (self->data_file != NULL)
    find_numbers (self);
  return code;
}

/* With the descriptor of lock.mdb. The lock outlives it if we are not alone. A child forked at this
 * moment has a copy: then somebody may join where nobody is, which does no harm. */
static int
look_around (StoreHeaders *self, int fd)
{
  short found;
  int code = lock_byte (fd, F_OFD_SETLKW, F_RDLCK, NULL);

  if (code == 0)
    code = lock_byte (fd, F_OFD_GETLK, F_WRLCK, &found);
  if (code != 0 || found != F_UNLCK)
    return code;

  self->alone = TRUE;
  store_headers_opened (self);
  store_headers_mend (self);
  self->published = NULL;
  return lock_byte (fd, F_OFD_SETLK, F_UNLCK, NULL);
}

gboolean
store_headers_nobody_inside (const char *path)
{
  g_autofree char *file = g_build_filename (path, "lock.mdb", NULL);
  int fd = open (file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  gboolean nobody;
  short found;

  if (fd < 0)
    return FALSE;
  nobody = lock_byte (fd, F_OFD_GETLK, F_WRLCK, &found) == 0 && found == F_UNLCK;
  close (fd);
  return nobody;
}

/* Closes lock.mdb before LMDB has it: later that would drop LMDB's locks. */
int
store_headers_open (StoreHeaders *self, const char *path, StoreFlags flags)
{
  g_autofree char *file = g_build_filename (path, "lock.mdb", NULL);
  int fd, code = 0;

  *self = (StoreHeaders){ 0 };
  if (!(flags & STORE_DURABLE))
    code = map_data_file (self, path);

  fd = code == 0 ? open (file, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
  self->alone = size_of (fd) < LOCK_BYTES; /* LMDB makes a new one */
  if (!self->alone)
    {
      self->lock_file = map_file (fd, LOCK_BYTES, PROT_READ);
      code = self->lock_file == NULL ? errno : look_around (self, fd);
    }
  if (fd >= 0)
    close (fd);
  if (code != 0)
    store_headers_close (self);
  return code;
}

void
store_headers_opened (StoreHeaders *self)
{
  if (is_known (self->lock_file))
    self->published = (gconstpointer) (self->lock_file + LOCK_NUMBER);
}

void
store_headers_close (StoreHeaders *self)
{
  if (self->lock_file != NULL)
    munmap (self->lock_file, LOCK_BYTES);
  if (self->data_file != NULL)
    munmap (self->data_file, self->data_size);
  *self = (StoreHeaders){ 0 };
}

void
store_headers_take_back (StoreHeaders *self)
{
  guint64 published = atomic_load (self->published);
  guint next = (published + 1) & 1;

  if (published != 0 && atomic_load (self->numbers[next]) == published + 1 &&
      atomic_load (self->numbers[next ^ 1]) == published)
    atomic_store (self->numbers[next], 0);
}
