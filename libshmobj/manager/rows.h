/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/* Every row of a store: what its key is and what stands in it. Changing anything here means a new
 * LAYOUT_VERSION (directory.h); a new kind of object does not, for to those who do not know it it
 * is of another kind than they want.
 *
 * A key is the object's id (8 bytes, big-endian, so that an object's rows lie together and in
 * order), a tag, and what the tag says. Object 0 is the manager itself.
 *
 *     id  tag
 *     0   ' '                     ManagerRecord
 *     0   'n'  name               NameRow: which object has this name
 *     0   'a'  id                 an object that has no name and to which nothing refers: removed
 *                                 with its last holder. Empty, or one byte: its removing has begun
 *     0   'r'  id                 ReferenceRow: how many items of others refer to the object
 *     id  ' '                     the object's record: ObjectHeader and what its kind adds; of a
 *                                 value that is its frame
 *     id  'o'  order              dict: the key (a frame in normal form) that was set order-th
 *     id  'k'  key or its hash    dict: KeyRow, the key's frame, the value's frame
 *     id  't'  number             list: a leaf (chunk.h) or a node (list-tree.c) of its tree
 *     id  'v'  number             list: one item that is too large for a chunk (a frame)
 *
 * Numbers in keys are big-endian, everything else has the machine's byte order.
 */

#define MANAGER_ID G_GUINT64_CONSTANT (0)

typedef enum
{
  ROW_RECORD = ' ',
  ROW_NAME = 'n',
  ROW_NAMELESS = 'a',
  ROW_REFERENCES = 'r',
  ROW_ORDER = 'o',
  ROW_KEY = 'k',
  ROW_TREE = 't',
  ROW_VALUE = 'v',
} RowTag;

typedef enum
{
  KIND_LIST = 1,
  KIND_DICT = 2,
  KIND_QUEUE = 3,
  KIND_LOCK = 4,
  KIND_EVENT = 5,
  KIND_MEMORY = 6,
  KIND_VALUE = 7,
  KIND_SEMAPHORE = 9,
  KIND_BARRIER = 11,
  KIND_CONDITION = 10,
} ObjectKind;

typedef struct
{
  guint64 next_id;
  guint64 identity; /* drawn when the store was new: references name it */
} ManagerRecord;

typedef struct
{
  guint64 id;
  guint64 kind;
} NameRow;

typedef struct
{
  guint64 count;    /* never 0: then there is no row */
  guint64 nameless; /* the object has no name: with the last reference it gets a row 'a' */
} ReferenceRow;

typedef struct
{
  guint32 kind;
  guint32 references; /* its items that are references; G_MAXUINT32 stays: so many or more */
  guint64 revision;   /* grows with each change */
  guint64 length;     /* items; bytes of a segment */
} ObjectHeader;

typedef struct
{
  ObjectHeader object;
  guint64 next_order;
} DictRecord;

typedef struct
{
  guint64 order;
  guint64 key_size; /* of the key's frame, which follows; the value's frame is the rest */
} KeyRow;

typedef struct
{
  ObjectHeader object;
  guint64 next_number; /* for rows 't' and 'v' */
  guint64 root;        /* number of the tree's root; meaningless while height is 0 */
  guint64 in_tree;     /* items in the tree; the rest are in the tail, a chunk that follows */
  guint32 height;      /* 0: no tree; 1: the root is a leaf */
  guint32 reserved;
} ListRecord;

#define ROW_KEY_PREFIX 9 /* id and tag */
#define ROW_KEY_NUMBER 17

static inline void
row_key (guint8 key[ROW_KEY_PREFIX], guint64 id, RowTag tag)
{
  id = GUINT64_TO_BE (id);
  memcpy (key, &id, sizeof id);
  key[8] = tag;
}

static inline void
row_key_number (guint8 key[ROW_KEY_NUMBER], guint64 id, RowTag tag, guint64 number)
{
  row_key (key, id, tag);
  number = GUINT64_TO_BE (number);
  memcpy (key + ROW_KEY_PREFIX, &number, sizeof number);
}
