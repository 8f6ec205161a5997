/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of a manager, and how objects come and go.
 *
 * A name leads to an id; ids are never used twice, so a handle to something that was removed finds
 * nothing, and never something else. Opening what exists is a read. Making it is one write, in
 * which the name is looked up again: of two processes that create the same name one makes it and
 * the other opens it.
 *
 * In a transaction over several objects the rows are that transaction's, as all others; only the id
 * is the store's at once (store-transaction.c), and is lost when the transaction comes to nothing.
 *
 * An object that loses its name lives on, by its id, for those who have it and for the references
 * to it (references.c). When there are none of these a row 'a' remembers it, so that it can be
 * removed when nobody has it any more (nameless.c).
 */

#include "manager/names.h"

#include "base/shmobj-error.h"
#include "manager/address.h"
#include "manager/references.h"

#define OBJECT_BYTES 4096 /* about what a new object needs */
#define IDS_AT_A_TIME 16  /* that a transaction takes */

static const char *const kinds[] = {
  [KIND_LIST] = "list",           [KIND_DICT] = "dict",           [KIND_QUEUE] = "queue",
  [KIND_LOCK] = "lock",           [KIND_EVENT] = "event",         [KIND_MEMORY] = "shared-memory",
  [KIND_VALUE] = "value",         [KIND_SEMAPHORE] = "semaphore", [KIND_BARRIER] = "barrier",
  [KIND_CONDITION] = "condition",
};

const char *
kind_to_string (ObjectKind kind)
{
  return kind < G_N_ELEMENTS (kinds) && kinds[kind] != NULL ? kinds[kind] : "unknown";
}

gboolean
kind_is_container (ObjectKind kind)
{
  return kind == KIND_LIST || kind == KIND_DICT || kind == KIND_VALUE;
}

static gsize
name_key (const char *name, guint8 key[STORE_KEY_MAX])
{
  gsize size = strlen (name);

  row_key (key, MANAGER_ID, ROW_NAME);
  memcpy (key + ROW_KEY_PREFIX, name, size);
  return ROW_KEY_PREFIX + size;
}

gboolean
names_lookup (StoreTxn *txn, const char *name, ObjectKind *kind, guint64 *id)
{
  guint8 key[STORE_KEY_MAX];
  gsize size = name_key (name, key);
  StoreBytes value;
  NameRow row;

  if (!store_get (txn, key, size, &value))
    return FALSE;
  if (value.size != sizeof row)
    return store_corrupt (txn);
  memcpy (&row, value.data, sizeof row);
  *kind = row.kind;
  *id = row.id;
  return TRUE;
}

/* What there is under the name must be what is asked for. */
static gboolean
check_found (const NameOpen *how, ObjectKind kind, GError **error)
{
  if (how->flags & SHMOBJ_OPEN_EXCLUSIVE)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "There is a %s “%s” already",
                 kind_to_string (kind), how->name);
  else if (kind != how->kind)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND, "“%s” is a %s, not a %s", how->name,
                 kind_to_string (kind), kind_to_string (how->kind));
  else
    return TRUE;
  return FALSE;
}

/* The first of @n. */
static guint64
take_ids (StoreTxn *txn, guint n)
{
  guint8 key[ROW_KEY_PREFIX];
  ManagerRecord record;
  StoreBytes value;

  row_key (key, MANAGER_ID, ROW_RECORD);
  if (!store_get (txn, key, sizeof key, &value))
    record = (ManagerRecord){ .next_id = 1, .identity = references_new_identity () };
  else if (value.size == sizeof record)
    memcpy (&record, value.data, sizeof record);
  else
    return store_corrupt (txn);
  record.next_id += n;
  store_put (txn, key, sizeof key, &record, sizeof record);
  return record.next_id - n;
}

static gboolean
take_for_transaction (StoreTxn *txn, gpointer data, GError **error)
{
  StoreNumbers *numbers = data;

  numbers->next = take_ids (txn, IDS_AT_A_TIME);
  numbers->end = numbers->next + IDS_AT_A_TIME;
  return TRUE;
}

static gboolean
create_unless_there (StoreTxn *txn, gpointer data, GError **error)
{
  NameOpen *how = data;
  guint8 key[STORE_KEY_MAX];
  ObjectKind kind = 0;
  NameRow row;

  if (how->name != NULL && names_lookup (txn, how->name, &kind, &how->id))
    return check_found (how, kind, error);

  row = (NameRow){ .id = how->given != 0 ? how->given : take_ids (txn, 1), .kind = how->kind };
  how->id = row.id;
  if (how->name != NULL)
    store_put (txn, key, name_key (how->name, key), &row, sizeof row);
  else
    names_set_nameless (txn, row.id);
  return how->create (txn, row.id, how->data, error);
}

static gboolean
look (Store *store, NameOpen *how, gboolean *found, GError **error)
{
  ObjectKind kind = 0;
  StoreTxn txn;

  if (!store_read_begin (store, &txn, error))
    return FALSE;
  *found = names_lookup (&txn, how->name, &kind, &how->id);
  if (!store_read_end (&txn, error))
    return FALSE;
  return !*found || check_found (how, kind, error);
}

static gboolean
check_flags (const NameOpen *how, GError **error)
{
  if ((how->flags & SHMOBJ_OPEN_EXISTING) == 0 || (how->flags & SHMOBJ_OPEN_EXCLUSIVE) == 0)
    return how->name == NULL || address_check_name (how->name, kind_to_string (how->kind), error);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "“Existing” and “exclusive” exclude each other (opening the %s “%s”)",
               kind_to_string (how->kind), how->name != NULL ? how->name : "");
  return FALSE;
}

gboolean
names_open (Store *store, NameOpen *how, GError **error)
{
  gboolean found = FALSE, never_create;

  if (!check_flags (how, error) || (how->name != NULL && !look (store, how, &found, error)))
    return FALSE;
  if (found)
    return TRUE;

  never_create = (how->flags & SHMOBJ_OPEN_EXISTING) != 0 || how->flags == SHMOBJ_OPEN_READ_ONLY;
  if (never_create)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no %s “%s”",
                   kind_to_string (how->kind), how->name != NULL ? how->name : "");
      return FALSE;
    }
  if (!store_transaction_take_number (store, take_for_transaction, how->timeout_us, &how->given,
                                      error))
    return FALSE;
  return store_write (store,
                      &(StoreWrite){ .func = create_unless_there,
                                     .data = how,
                                     .timeout_us = how->timeout_us,
                                     .cancellable = how->cancellable,
                                     .bytes = OBJECT_BYTES + how->bytes },
                      error);
}

gboolean
names_remove (StoreTxn *txn, const char *name, ObjectKind *kind, guint64 *id, GError **error)
{
  guint8 key[STORE_KEY_MAX];

  if (!names_lookup (txn, name, kind, id))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no object “%s”", name);
      return FALSE;
    }
  store_delete (txn, key, name_key (name, key));
  references_lose_name (txn, *id);
  store_touch (txn, *id); /* who watches it by its name (bus/watches.c) is to see that */
  return TRUE;
}

void
names_drop_object (StoreTxn *txn, guint64 id)
{
  guint8 key[ROW_KEY_NUMBER];
  StoreScan scan;

  row_key (key, id, ROW_RECORD);
  store_scan_begin (&scan, txn, key, ROW_KEY_PREFIX - 1); /* every tag */
  while (store_scan_next (&scan))
    store_scan_delete (&scan);
  store_scan_end (&scan);

  names_unset_nameless (txn, id);
}

static gboolean
get_nameless (StoreTxn *txn, guint64 id, StoreBytes *value)
{
  guint8 key[ROW_KEY_NUMBER];

  row_key_number (key, MANAGER_ID, ROW_NAMELESS, id);
  return store_get (txn, key, sizeof key, value);
}

static void
put_nameless (StoreTxn *txn, guint64 id, gsize mark_size)
{
  guint8 key[ROW_KEY_NUMBER];

  row_key_number (key, MANAGER_ID, ROW_NAMELESS, id);
  store_put (txn, key, sizeof key, "", mark_size);
}

gboolean
names_is_nameless (StoreTxn *txn, guint64 id)
{
  StoreBytes value;

  return get_nameless (txn, id, &value);
}

void
names_set_nameless (StoreTxn *txn, guint64 id)
{
  put_nameless (txn, id, 0);
}

gboolean
names_unset_nameless (StoreTxn *txn, guint64 id)
{
  guint8 key[ROW_KEY_NUMBER];

  row_key_number (key, MANAGER_ID, ROW_NAMELESS, id);
  return store_delete (txn, key, sizeof key);
}

void
names_begin_removing (StoreTxn *txn, guint64 id)
{
  put_nameless (txn, id, 1);
}

gboolean
names_is_removing (StoreTxn *txn, guint64 id)
{
  StoreBytes value;

  return get_nameless (txn, id, &value) && value.size > 0;
}

gboolean
names_next_nameless (StoreTxn *txn, guint64 after, guint64 *id)
{
  guint8 key[ROW_KEY_NUMBER];
  gboolean found;
  StoreScan scan;

  row_key_number (key, MANAGER_ID, ROW_NAMELESS, after);
  store_scan_begin_after (&scan, txn, key, ROW_KEY_PREFIX, key, sizeof key);
  found = store_scan_next (&scan) && scan.key.size == ROW_KEY_NUMBER;
  if (found)
    {
      memcpy (id, scan.key.data + ROW_KEY_PREFIX, sizeof *id);
      *id = GUINT64_FROM_BE (*id);
    }
  store_scan_end (&scan);
  return found;
}

gboolean
names_get_header (StoreTxn *txn, guint64 id, ObjectHeader *header)
{
  guint8 key[ROW_KEY_PREFIX];
  StoreBytes value;

  row_key (key, id, ROW_RECORD);
  if (id == MANAGER_ID || !store_get (txn, key, sizeof key, &value))
    return FALSE;
  if (value.size < sizeof *header)
    return store_corrupt (txn);
  memcpy (header, value.data, sizeof *header);
  return TRUE;
}

gboolean
names_get_record (
    StoreTxn *txn, guint64 id, ObjectKind kind, gsize size, StoreBytes *record, GError **error)
{
  guint8 key[ROW_KEY_PREFIX];
  ObjectHeader header;

  row_key (key, id, ROW_RECORD);
  if (!store_get (txn, key, sizeof key, record))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "The %s %" G_GUINT64_FORMAT " was removed", kind_to_string (kind), id);
      return FALSE;
    }
  if (record->size < MAX (size, sizeof header))
    return store_corrupt (txn);

  memcpy (&header, record->data, sizeof header);
  if (header.kind == (guint32) kind)
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
               "Object %" G_GUINT64_FORMAT " is a %s, not a %s", id, kind_to_string (header.kind),
               kind_to_string (kind));
  return FALSE;
}

GVariant *
names_list (StoreTxn *txn)
{
  guint8 prefix[ROW_KEY_PREFIX];
  GVariantBuilder builder;
  StoreScan scan;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sst)"));
  row_key (prefix, MANAGER_ID, ROW_NAME);
  store_scan_begin (&scan, txn, prefix, sizeof prefix);
  while (store_scan_next (&scan))
    {
      g_autofree char *name =
          g_strndup ((const char *) scan.key.data + ROW_KEY_PREFIX, scan.key.size - ROW_KEY_PREFIX);
      ObjectHeader header;
      NameRow row;

      if (scan.value.size != sizeof row || !g_utf8_validate (name, -1, NULL))
        {
          store_corrupt (txn);
          break;
        }
      memcpy (&row, scan.value.data, sizeof row);
      if (names_get_header (txn, row.id, &header))
        g_variant_builder_add (&builder, "(sst)", name, kind_to_string (row.kind), header.length);
    }
  store_scan_end (&scan);
  return g_variant_builder_end (&builder);
}
