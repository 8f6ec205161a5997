/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dict's mirror: for each key, as it is stored, the bytes of its value. One walk over the dict
 * compares all of it; keys that the walk did not meet were removed. A walk that fails has updated
 * what it met, and said so in @keys, so nothing of that is lost.
 *
 * What was changed and changed back is not seen. That must not happen to who has seen what it was
 * in between: for him the key is in doubt, which is an entry with no bytes at all. */

#include "manager/dict-mirror.h"

#include <string.h>

typedef struct
{
  GBytes *value;   /* (owned) */
  gboolean is_met; /* by the walk that is under way */
} Entry;

typedef struct
{
  GHashTable *mirror;
  GPtrArray *keys;
} Walk;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_bytes_unref (entry->value);
  g_free (entry);
}

GHashTable *
dict_mirror_new (void)
{
  return g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref,
                                entry_free);
}

static gboolean
is_equal (GBytes *bytes, const StoreBytes *stored)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  return size == stored->size && memcmp (data, stored->data, size) == 0;
}

static gboolean
meet (const StoreBytes *key, const StoreBytes *value, gpointer data)
{
  Walk *walk = data;
  g_autoptr (GBytes) name = g_bytes_new (key->data, key->size);
  Entry *entry = g_hash_table_lookup (walk->mirror, name);

  if (entry != NULL && is_equal (entry->value, value))
    {
      entry->is_met = TRUE;
      return TRUE;
    }
  entry = g_new (Entry, 1);
  *entry = (Entry){ g_bytes_new (value->data, value->size), TRUE };
  g_hash_table_replace (walk->mirror, g_bytes_ref (name), entry);
  g_ptr_array_add (walk->keys, g_steal_pointer (&name));
  return TRUE;
}

static gboolean
remove_if_not_met (gpointer key, gpointer value, gpointer keys)
{
  Entry *entry = value;
  gboolean is_met = entry->is_met;

  entry->is_met = FALSE;
  if (!is_met)
    g_ptr_array_add (keys, g_bytes_ref (key));
  return !is_met;
}

gboolean
dict_mirror_update (GHashTable *mirror, Dict *dict, GPtrArray *keys)
{
  Walk walk = { mirror, keys };

  if (!dict_each (dict, TRUE, meet, &walk) || dict->txn->failure != 0)
    return FALSE;
  g_hash_table_foreach_remove (mirror, remove_if_not_met, keys);
  return TRUE;
}

void
dict_mirror_doubt (GHashTable *mirror, GBytes *key)
{
  Entry *entry = g_new (Entry, 1);

  *entry = (Entry){ g_bytes_new (NULL, 0), FALSE };
  g_hash_table_replace (mirror, g_bytes_ref (key), entry);
}

GBytes *
dict_mirror_lookup (GHashTable *mirror, GBytes *key)
{
  Entry *entry = g_hash_table_lookup (mirror, key);

  return entry != NULL ? entry->value : NULL;
}
