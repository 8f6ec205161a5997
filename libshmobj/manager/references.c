/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* References: items that lead to other objects of the same manager.
 *
 * A reference is a value like any other, of type `o`: the path that the object has on D-Bus by its
 * id, with what tells this store from all others. (“_id” is no beginning of a name's path: there an
 * underscore is followed by two hexadecimal digits.)
 *
 *     /org/shmobj/Manager1/_id_<identity, 16 hexadecimal digits>_<id>
 *
 * An object is kept by its name, by each reference to it, and by who has it open. References are
 * counted in a row of the object that they lead to:
 *
 *                      has a name                     has none
 *     count 0          –                              row 'a': removed with its last holder
 *     count above 0    row 'r', nameless = 0          row 'r', nameless = 1
 *
 * The count changes in the transaction that writes or removes the item's row. So whoever dies
 * where, both are there or neither is: nothing needs to be repaired. When the last reference goes,
 * the object gets its row 'a' in the same transaction, and is removed in later ones (nameless.c).
 *
 * How many of an object's own items are references stands in its header. Where there are none,
 * which is nearly always, nobody looks at items that go.
 *
 * References inside of other values (in a tuple, say) are not counted, so they are refused.
 */

#include "manager/references.h"

#include "base/shmobj-error.h"
#include "manager/names.h"
#include "manager/shmobj-manager-bindings.h"

#include <stdio.h>
#include <sys/random.h>

#define TEXT_SIZE (REFERENCE_PREFIX_SIZE + 16 + 1 + 20 + 1)

static void
write_text (const Reference *reference, char text[TEXT_SIZE])
{
  snprintf (text, TEXT_SIZE, REFERENCE_PREFIX "%016" G_GINT64_MODIFIER "x_%" G_GUINT64_FORMAT,
            reference->identity, reference->id);
}

gboolean
shmobj_frame_is_reference (const ShmobjFrame *frame)
{
  guint64 id;

  return reference_of_frame (frame, &id);
}

char *
reference_to_string (const Reference *reference)
{
  char text[TEXT_SIZE];

  write_text (reference, text);
  return g_strdup (text);
}

gboolean
reference_parse (gconstpointer text, gsize size, Reference *reference)
{
  char copy[TEXT_SIZE], again[TEXT_SIZE];

  if (size > sizeof copy || size <= REFERENCE_PREFIX_SIZE + 17)
    return FALSE;
  memcpy (copy, text, size);
  if (copy[size - 1] != '\0')
    return FALSE;

  reference->identity = g_ascii_strtoull (copy + REFERENCE_PREFIX_SIZE, NULL, 16);
  reference->id = g_ascii_strtoull (copy + REFERENCE_PREFIX_SIZE + 17, NULL, 10);
  write_text (reference, again);
  return reference->id != MANAGER_ID && size == strlen (again) + 1 &&
         memcmp (copy, again, size) == 0;
}

static gboolean
refuse_value (GError **error, const char *why)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE, "%s", why);
  return FALSE;
}

static gboolean
has_reference_inside (GVariant *value)
{
  gsize n;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH))
    return g_str_has_prefix (g_variant_get_string (value, NULL), REFERENCE_PREFIX);
  if (!g_variant_is_container (value) || (strchr (g_variant_get_type_string (value), 'o') == NULL &&
                                          strchr (g_variant_get_type_string (value), 'v') == NULL))
    return FALSE;

  n = g_variant_n_children (value);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (has_reference_inside (child))
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_inside (const ShmobjFrame *frame, GError **error)
{
  g_autoptr (GVariant) value = NULL;
  ShmobjFrame view = *frame;

  view.owned = NULL;
  value = shmobj_frame_steal_variant (&view, error);
  if (value == NULL)
    return FALSE;
  return !has_reference_inside (value) ||
         refuse_value (error,
                       "A reference to an object cannot lie inside of another value; make it "
                       "an item of its own in a list or a dict, and put a reference to that");
}

gboolean
reference_check_frame (const ShmobjFrame *frame, GError **error)
{
  Reference reference;

  if (G_LIKELY (frame->type_length == 0) || frame->size <= REFERENCE_PREFIX_SIZE ||
      (memchr (frame->type, 'o', frame->type_length) == NULL &&
       memchr (frame->type, 'v', frame->type_length) == NULL))
    return TRUE;
  if (reference_is_frame (frame))
    return reference_parse (frame->data, frame->size, &reference) ||
           refuse_value (error,
                         "The object path begins as a reference and is none; take references "
                         "from shmobj_container_get_reference()");
  if (frame->type_length == 1 && *frame->type == 'o')
    return TRUE;
  return memmem (frame->data, frame->size, REFERENCE_PREFIX, REFERENCE_PREFIX_SIZE) == NULL ||
         check_inside (frame, error);
}

guint64
references_new_identity (void)
{
  guint64 identity = 0;

  /* Not g_random_int(): two forked children would draw the same. */
  while (getrandom (&identity, sizeof identity, 0) != sizeof identity || identity == 0)
    ;
  return identity;
}

guint64
references_get_identity (StoreTxn *txn)
{
  guint8 key[ROW_KEY_PREFIX];
  ManagerRecord record;
  StoreBytes value;

  row_key (key, MANAGER_ID, ROW_RECORD);
  if (!store_get (txn, key, sizeof key, &value))
    return 0;
  if (value.size != sizeof record)
    return store_corrupt (txn);
  memcpy (&record, value.data, sizeof record);
  return record.identity;
}

static gboolean
get_row (StoreTxn *txn, guint64 id, ReferenceRow *row)
{
  guint8 key[ROW_KEY_NUMBER];
  StoreBytes value;

  row_key_number (key, MANAGER_ID, ROW_REFERENCES, id);
  if (!store_get (txn, key, sizeof key, &value))
    return FALSE;
  if (value.size != sizeof *row)
    return store_corrupt (txn);
  memcpy (row, value.data, sizeof *row);
  return row->count > 0 || store_corrupt (txn);
}

static void
put_row (StoreTxn *txn, guint64 id, const ReferenceRow *row)
{
  guint8 key[ROW_KEY_NUMBER];

  row_key_number (key, MANAGER_ID, ROW_REFERENCES, id);
  if (row->count > 0)
    store_put (txn, key, sizeof key, row, sizeof *row);
  else
    store_delete (txn, key, sizeof key);
}

/* Is there a container to refer to, in this manager? Refuses the transaction if not. */
static gboolean
check_target (StoreTxn *txn, const Reference *reference)
{
  ObjectHeader header;

  if (reference->identity != references_get_identity (txn))
    return store_refuse (txn,
                         g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                                      "Object %" G_GUINT64_FORMAT " is of another manager: only "
                                      "objects of the same manager can be items; put a copy of "
                                      "what it holds",
                                      reference->id));
  if (!names_get_header (txn, reference->id, &header) || names_is_removing (txn, reference->id))
    return store_refuse (txn,
                         g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                                      "Object %" G_GUINT64_FORMAT " was removed, so nothing can "
                                      "refer to it; keep objects open until they are items",
                                      reference->id));
  if (!kind_is_container (header.kind))
    return store_refuse (txn,
                         g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                                      "Object %" G_GUINT64_FORMAT " is a %s; only lists, dicts "
                                      "and values can be items",
                                      reference->id, kind_to_string (header.kind)));
  return TRUE;
}

void
references_add (StoreTxn *txn, ObjectHeader *holder, const ShmobjFrame *frame)
{
  ReferenceRow row = { 0 };
  Reference reference;

  if (G_LIKELY (!reference_is_frame (frame)) ||
      !reference_parse (frame->data, frame->size, &reference) || !check_target (txn, &reference))
    return;

  if (!get_row (txn, reference.id, &row))
    row.nameless = names_unset_nameless (txn, reference.id);
  row.count++;
  put_row (txn, reference.id, &row);
  if (holder->references < G_MAXUINT32)
    holder->references++;
}

gboolean
references_find (const ObjectHeader *holder, const StoreBytes *stored, guint64 *id)
{
  FrameHeader header;
  ShmobjFrame frame;

  if (G_LIKELY (holder->references == 0) ||
      !frame_check_header (stored->data, stored->size, &header))
    return FALSE;
  frame = (ShmobjFrame){ .kind = header.kind,
                         .data = stored->data + sizeof header,
                         .size = header.size,
                         .type = (const char *) stored->data + sizeof header + header.size,
                         .type_length = header.type_length };
  return reference_of_frame (&frame, id);
}

static void
note_orphan (StoreTxn *txn, guint64 id)
{
  Orphans *orphans = txn->notes;

  if (orphans == NULL)
    return;
  if (orphans->n < ORPHANS_MAX)
    orphans->ids[orphans->n] = id;
  orphans->n++;
}

void
references_drop (StoreTxn *txn, ObjectHeader *holder, guint64 id)
{
  ReferenceRow row;

  if (holder->references > 0 && holder->references < G_MAXUINT32)
    holder->references--;
  if (!get_row (txn, id, &row))
    {
      store_corrupt (txn);
      return;
    }

  row.count--;
  put_row (txn, id, &row);
  if (row.count > 0 || !row.nameless)
    return;
  if (!names_is_removing (txn, id))
    names_set_nameless (txn, id);
  note_orphan (txn, id);
}

void
references_drop_all (StoreTxn *txn, ReferencesOf *of)
{
  for (guint i = 0; i < of->ids->len && txn->failure == 0; i++)
    references_drop (txn, of->holder, g_array_index (of->ids, guint64, i));
  g_clear_pointer (&of->ids, g_array_unref);
}

guint64
references_count (StoreTxn *txn, guint64 id)
{
  ReferenceRow row = { 0 };

  return get_row (txn, id, &row) ? row.count : 0;
}

gboolean
references_next_nameless (StoreTxn *txn, guint64 after, guint64 *id)
{
  guint8 key[ROW_KEY_NUMBER];
  gboolean found = FALSE;
  ReferenceRow row;
  StoreScan scan;

  row_key_number (key, MANAGER_ID, ROW_REFERENCES, after);
  store_scan_begin_after (&scan, txn, key, ROW_KEY_PREFIX, key, sizeof key);
  while (!found && store_scan_next (&scan))
    {
      if (scan.key.size != ROW_KEY_NUMBER || scan.value.size != sizeof row)
        {
          store_corrupt (txn);
          break;
        }
      memcpy (&row, scan.value.data, sizeof row);
      memcpy (id, scan.key.data + ROW_KEY_PREFIX, sizeof *id);
      *id = GUINT64_FROM_BE (*id);
      found = row.nameless != 0;
    }
  store_scan_end (&scan);
  return found;
}

void
references_lose_name (StoreTxn *txn, guint64 id)
{
  ReferenceRow row;

  if (!get_row (txn, id, &row))
    {
      names_set_nameless (txn, id);
      return;
    }
  row.nameless = TRUE;
  put_row (txn, id, &row);
}
