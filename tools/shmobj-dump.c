/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rows of a store (manager/rows.h) as a stream, which no version of LMDB has to understand:
 *
 *     head    "shmobj store\n" and three zeros | stream version 4 | layout of rows 4 | check 8
 *     block   size of its rows 8 | rows | check 8
 *     row     size of key 4 | size of value 8 | key | value
 *     end     size 0 8 | number of rows 8 | check 8
 *
 * Numbers are little-endian, as rows are on all machines that we know. A check is the beginning of
 * the SHA-256 of all of the stream before it, so a block that is missing, doubled or in another
 * place is found as well as one that changed. Rows come in the order of their keys, as they are put
 * again. A block ends with the row that makes it 64 KiB, so memory is bounded by the largest row.
 *
 * What stands in segments (queues, locks, events, memories) is not in the store: their names are
 * left out, and told.
 */

#include "shmobj-dump.h"

#include "base/shmobj-error.h"
#include "manager/directory.h"
#include "manager/names.h"

#include <errno.h>
#include <string.h>

#define MAGIC "shmobj store\n\0\0" /* and the zero that ends it */
#define MAGIC_SIZE 16
#define STREAM_VERSION 1
#define CHECK_SIZE 8
#define BLOCK_SIZE (64 * 1024)
#define BLOCK_MAX (G_GUINT64_CONSTANT (5) << 30) /* LMDB's values end at 4 GiB */
#define ROW_HEAD 12
#define BATCH_BYTES (8 * 1024 * 1024) /* of a transaction */

G_STATIC_ASSERT (sizeof MAGIC == MAGIC_SIZE && G_BYTE_ORDER == G_LITTLE_ENDIAN);

typedef struct
{
  FILE *file;
  GChecksum *sum;
  guint64 offset;
  GError **error;
} Stream;

/* ---- bytes and their check ---- */

static gboolean
damaged (Stream *self, const char *what)
{
  g_set_error (self->error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "The file is damaged at byte %" G_GUINT64_FORMAT ": %s", self->offset, what);
  return FALSE;
}

static gboolean
failed (Stream *self, const char *doing)
{
  int code = errno;

  g_set_error (self->error, G_IO_ERROR, g_io_error_from_errno (code), "%s the file: %s", doing,
               g_strerror (code));
  return FALSE;
}

static void
check_of (Stream *self, guint8 check[CHECK_SIZE])
{
  GChecksum *copy = g_checksum_copy (self->sum);
  guint8 digest[32];
  gsize size = sizeof digest;

  g_checksum_get_digest (copy, digest, &size);
  g_checksum_free (copy);
  memcpy (check, digest, CHECK_SIZE);
}

static gboolean
write_bytes (Stream *self, gconstpointer data, gsize size)
{
  if (fwrite (data, 1, size, self->file) != size)
    return failed (self, "Writing");
  g_checksum_update (self->sum, data, size);
  self->offset += size;
  return TRUE;
}

static gboolean
write_check (Stream *self)
{
  guint8 check[CHECK_SIZE];

  check_of (self, check);
  return write_bytes (self, check, sizeof check);
}

static gboolean
read_bytes (Stream *self, gpointer data, gsize size)
{
  if (fread (data, 1, size, self->file) != size)
    return ferror (self->file) ? failed (self, "Reading") : damaged (self, "it ends there");
  g_checksum_update (self->sum, data, size);
  self->offset += size;
  return TRUE;
}

static gboolean
read_check (Stream *self)
{
  guint8 wanted[CHECK_SIZE], check[CHECK_SIZE];

  check_of (self, wanted);
  if (!read_bytes (self, check, sizeof check))
    return FALSE;
  return memcmp (wanted, check, sizeof check) == 0 ||
         damaged (self, "what is before it is not what was written");
}

/* ---- out of a store ---- */

typedef struct
{
  Stream stream;
  GByteArray *block;
  GPtrArray *left_out;
  guint64 rows;
  guint64 id;           /* of the object that we are in */
  gboolean is_left_out; /* it is */
} Writer;

static gboolean
write_block (Writer *self)
{
  guint64 size = self->block->len;
  gboolean written = write_bytes (&self->stream, &size, sizeof size) &&
                     write_bytes (&self->stream, self->block->data, size) &&
                     write_check (&self->stream);

  g_byte_array_set_size (self->block, 0);
  return written;
}

/* A value too large for a GByteArray of rows is a block of its own. */
static gboolean
write_row (Writer *self, const StoreBytes *key, const StoreBytes *value)
{
  guint8 head[ROW_HEAD];
  guint32 key_size = key->size;
  guint64 value_size = value->size, size = ROW_HEAD + key_size + value_size;

  memcpy (head, &key_size, sizeof key_size);
  memcpy (head + sizeof key_size, &value_size, sizeof value_size);
  self->rows++;
  if (size >= BLOCK_SIZE)
    return (self->block->len == 0 || write_block (self)) &&
           write_bytes (&self->stream, &size, sizeof size) &&
           write_bytes (&self->stream, head, sizeof head) &&
           write_bytes (&self->stream, key->data, key_size) &&
           write_bytes (&self->stream, value->data, value_size) && write_check (&self->stream);

  g_byte_array_append (self->block, head, sizeof head);
  g_byte_array_append (self->block, key->data, key_size);
  g_byte_array_append (self->block, value->data, value_size);
  return self->block->len < BLOCK_SIZE || write_block (self);
}

static gboolean
is_carried (Writer *self, const StoreBytes *key, const StoreBytes *value)
{
  ObjectHeader header;
  NameRow name;
  guint64 id;

  if (key->size < ROW_KEY_PREFIX)
    return TRUE;
  memcpy (&id, key->data, sizeof id);
  id = GUINT64_FROM_BE (id);

  if (id == MANAGER_ID && key->data[8] == ROW_NAME && value->size == sizeof name)
    {
      memcpy (&name, value->data, sizeof name);
      if (kind_is_container (name.kind))
        return TRUE;
      g_ptr_array_add (self->left_out, g_strdup_printf ("%s %.*s", kind_to_string (name.kind),
                                                        (int) (key->size - ROW_KEY_PREFIX),
                                                        key->data + ROW_KEY_PREFIX));
      return FALSE;
    }
  if (id != MANAGER_ID && key->data[8] == ROW_RECORD && value->size >= sizeof header)
    {
      memcpy (&header, value->data, sizeof header);
      self->id = id;
      self->is_left_out = !kind_is_container (header.kind);
    }
  return id != self->id || !self->is_left_out;
}

static gboolean
write_head (Stream *self)
{
  guint32 versions[2] = { STREAM_VERSION, DIRECTORY_LAYOUT };

  return write_bytes (self, MAGIC, MAGIC_SIZE) && write_bytes (self, versions, sizeof versions) &&
         write_check (self);
}

static gboolean
write_rows (Writer *self, StoreTxn *txn)
{
  gboolean written = TRUE;
  StoreScan scan;

  store_scan_begin_after (&scan, txn, "", 0, "", 0); /* all of them */
  while (written && store_scan_next (&scan))
    if (is_carried (self, &scan.key, &scan.value))
      written = write_row (self, &scan.key, &scan.value);
  store_scan_end (&scan);
  return written && (self->block->len == 0 || write_block (self));
}

gboolean
dump_write (Store *store, FILE *file, GPtrArray *left_out, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GByteArray) block = g_byte_array_new ();
  Writer self = { .stream = { file, sum, 0, error }, .block = block, .left_out = left_out };
  guint64 end[2] = { 0 };
  StoreTxn txn;
  gboolean written;

  if (!store_read_begin (store, &txn, error))
    return FALSE;
  written = write_head (&self.stream) && write_rows (&self, &txn);
  if (!store_read_end (&txn, written ? error : NULL) || !written)
    return FALSE;

  end[1] = self.rows;
  return write_bytes (&self.stream, end, sizeof end) && write_check (&self.stream) &&
         (fflush (file) == 0 || failed (&self.stream, "Writing"));
}

/* ---- into a store ---- */

typedef struct
{
  Stream stream;
  Store *store; /* NULL: only looks */
  GByteArray *batch;
  guint8 last_key[STORE_KEY_MAX];
  gsize last_key_size;
  guint64 rows;
} Reader;

/* The row at @at of @size bytes; 0 when there is none. */
static gsize
parse_row (const guint8 *at, gsize size, StoreBytes *key, StoreBytes *value)
{
  guint32 key_size;
  guint64 value_size;

  if (size < ROW_HEAD)
    return 0;
  memcpy (&key_size, at, sizeof key_size);
  memcpy (&value_size, at + sizeof key_size, sizeof value_size);
  if (key_size == 0 || key_size > STORE_KEY_MAX || key_size > size - ROW_HEAD ||
      value_size > size - ROW_HEAD - key_size)
    return 0;
  *key = (StoreBytes){ at + ROW_HEAD, key_size };
  *value = (StoreBytes){ key->data + key_size, value_size };
  return ROW_HEAD + key_size + value_size;
}

static gboolean
check_rows (Reader *self, const guint8 *rows, gsize size)
{
  StoreBytes key, value;

  for (gsize at = 0, row; at < size; at += row)
    {
      int order;

      row = parse_row (rows + at, size - at, &key, &value);
      if (row == 0)
        return damaged (&self->stream, "before it is a row that is none");
      order = memcmp (key.data, self->last_key, MIN (key.size, self->last_key_size));
      if (order < 0 || (order == 0 && key.size <= self->last_key_size))
        return damaged (&self->stream, "rows before it are out of order");
      memcpy (self->last_key, key.data, key.size);
      self->last_key_size = key.size;
      self->rows++;
    }
  return TRUE;
}

/* Inside a write transaction, perhaps twice. */
static gboolean
put_rows (StoreTxn *txn, gpointer data, GError **error)
{
  const GByteArray *batch = data;
  StoreBytes key, value;

  for (gsize at = 0; at < batch->len; at += ROW_HEAD + key.size + value.size)
    {
      if (parse_row (batch->data + at, batch->len - at, &key, &value) == 0)
        return store_corrupt (txn);
      store_put (txn, key.data, key.size, value.data, value.size);
    }
  return TRUE;
}

static gboolean
flush (Reader *self)
{
  StoreWrite write = {
    .func = put_rows, .data = self->batch, .timeout_us = -1, .bytes = self->batch->len
  };
  gboolean written = self->batch->len == 0 || store_write (self->store, &write, self->stream.error);

  g_byte_array_set_size (self->batch, 0);
  return written;
}

static gboolean
read_head (Stream *self)
{
  guint8 magic[MAGIC_SIZE];
  guint32 versions[2];

  if (!read_bytes (self, magic, sizeof magic))
    return FALSE;
  if (memcmp (magic, MAGIC, sizeof magic) != 0)
    {
      self->offset = 0;
      return damaged (self, "it is not what “shmobj export” writes");
    }
  if (!read_bytes (self, versions, sizeof versions) || !read_check (self))
    return FALSE;
  if (versions[0] == STREAM_VERSION && versions[1] == DIRECTORY_LAYOUT)
    return TRUE;
  g_set_error (self->error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
               "The file has version %u with rows of layout %u; this program reads version %u with "
               "layout %u",
               versions[0], versions[1], STREAM_VERSION, DIRECTORY_LAYOUT);
  return FALSE;
}

/* The rows of one block are added to the batch. */
static gboolean
read_block (Reader *self, guint64 size)
{
  gsize before = self->batch->len;

  if (size > BLOCK_MAX || size > G_MAXUINT - before)
    return damaged (&self->stream, "a block is impossibly large");

  /* in pieces: a size that is wrong ends with the file, before memory does */
  for (guint64 done = 0; done < size;)
    {
      gsize piece = MIN (size - done, BATCH_BYTES);

      g_byte_array_set_size (self->batch, before + done + piece);
      if (!read_bytes (&self->stream, self->batch->data + before + done, piece))
        return FALSE;
      done += piece;
    }
  if (!read_check (&self->stream) || !check_rows (self, self->batch->data + before, size))
    return FALSE;
  if (self->store == NULL)
    g_byte_array_set_size (self->batch, 0);
  return self->batch->len < BATCH_BYTES || flush (self);
}

static gboolean
read_end (Reader *self)
{
  guint64 rows;

  if (!read_bytes (&self->stream, &rows, sizeof rows) || !read_check (&self->stream))
    return FALSE;
  if (rows != self->rows)
    return damaged (&self->stream, "rows are missing");
  return getc (self->stream.file) == EOF || damaged (&self->stream, "more follows");
}

static gboolean
read_all (FILE *file, Store *store, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GByteArray) batch = g_byte_array_new ();
  Reader self = { .stream = { file, sum, 0, error }, .store = store, .batch = batch };
  guint64 size;

  if (fseek (file, 0, SEEK_SET) != 0)
    return failed (&self.stream, "Going to the start of");
  if (!read_head (&self.stream))
    return FALSE;
  for (;;)
    {
      if (!read_bytes (&self.stream, &size, sizeof size))
        return FALSE;
      if (size == 0)
        return read_end (&self) && (store == NULL || flush (&self));
      if (!read_block (&self, size))
        return FALSE;
    }
}

gboolean
dump_check (FILE *file, GError **error)
{
  return read_all (file, NULL, error);
}

gboolean
dump_load (FILE *file, Store *store, GError **error)
{
  return read_all (file, store, error);
}
