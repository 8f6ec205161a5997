/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of lists and dicts that have no name: with their last holder.
 *
 * Who lets go of an object looks whether it has a name, which costs a read. If it has none he asks
 * for its exclusive lock, and with that removes its rows: nobody has it, and who comes by a handle
 * meanwhile finds it locked (holds.c), then gone.
 *
 * The killed let go without looking. So who makes a nameless object looks at two others and removes
 * those that nobody holds: what is left behind goes at least as fast as new ones come. The rest is
 * swept by the next one who finds himself alone in the manager. He asks for each object, too: by
 * the time he sweeps, others may have come and made some (tried without: their objects were gone).
 */

#include "manager/nameless.h"

#define LOOKS 2

static gboolean
do_end (StoreTxn *txn, gpointer data, GError **error)
{
  guint64 *id = data;

  if (names_is_nameless (txn, *id))
    names_drop_object (txn, *id);
  return TRUE;
}

static gboolean
is_nameless (Store *store, guint64 id)
{
  gboolean nameless;
  StoreTxn txn;

  if (!store_read_begin (store, &txn, NULL))
    return FALSE;
  nameless = names_is_nameless (&txn, id);
  return store_read_end (&txn, NULL) && nameless;
}

void
nameless_end (Store *store, Holds *holds, guint64 id, gint64 timeout_us)
{
  StoreWrite write = { .func = do_end, .data = &id, .timeout_us = timeout_us };

  if (!is_nameless (store, id) || !holds_begin_exclusive (holds, id))
    return;
  store_write (store, &write, NULL); /* if it fails: those who look around come by */
  holds_end_exclusive (holds, id);
}

static gboolean
next_nameless (Store *store, guint64 *cursor)
{
  gboolean found;
  StoreTxn txn;

  if (!store_read_begin (store, &txn, NULL))
    return FALSE;
  found = names_next_nameless (&txn, *cursor, cursor);
  return store_read_end (&txn, NULL) && found;
}

void
nameless_sweep (Store *store, Holds *holds, gint64 timeout_us)
{
  guint64 id = 0;

  while (next_nameless (store, &id))
    nameless_end (store, holds, id, timeout_us);
}

void
nameless_look_around (Store *store, Holds *holds, gint64 timeout_us)
{
  for (guint i = 0; i < LOOKS; i++)
    {
      if (!next_nameless (store, &holds->looked_at))
        {
          holds->looked_at = 0;
          return;
        }
      nameless_end (store, holds, holds->looked_at, timeout_us);
    }
}
