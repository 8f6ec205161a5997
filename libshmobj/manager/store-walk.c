/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A walk through all pages of a store's file, after an unclean end.
 *
 * LMDB believes its file: of 400 scribbled stores 364 killed whoever opened or used them. So what a
 * file says is compared with all that LMDB takes for granted, before LMDB maps it: each page is
 * where the tree has it and there once, each node within its page, the keys in order, the lists of
 * free pages free, and the header's sums right. Pages are read into memory of ours and each number
 * in them is checked before it is used, so no file can end the process that looks; a child process
 * is not needed for it, which in a program with threads could do little more than call exec().
 *
 * What rows say is not looked at: who reads a row checks it (rows.h).
 *
 *     page   number 8 | pad 2 | flags 2 | lower 2 | upper 2 | offsets of nodes … free … nodes
 *                                       | or pages 4, of one value
 *     node   size, or page 4 | flags, or page 2 | size of key 2 | key | value, or page of it
 */

#include "manager/store-private.h"

#include <errno.h>
#include <unistd.h>

#define PAGE_HEADER 16
#define NODE_HEADER 8
#define NO_PAGE (~(guint64) 0)
#define DEPTH_MAX 32 /* LMDB's cursors have no more */
#define KEY_MAX 511
#define FLAG_BRANCH 1
#define FLAG_LEAF 2
#define FLAG_OVERFLOW 4
#define FLAG_INTEGER_KEY 8 /* of a tree */
#define NODE_ELSEWHERE 1   /* its value has pages of its own */

typedef struct
{
  int fd;
  const char *path;
  GError **error;
  guint64 page_size, last_page;
  guint8 *claimed; /* (owned): a bit for each page */
  guint8 *buffer;  /* (owned): a page for each level */

  const HeaderTree *tree; /* that we are in */
  gboolean is_free_list;
  HeaderTree counted;
  guint8 last_key[KEY_MAX];
  gsize last_key_size; /* 0: none yet */
} Walk;

typedef struct
{
  const guint8 *key, *value;
  gsize key_size, value_size, size; /* of all of it, in its page */
  guint64 child;
  gboolean elsewhere;
} Node;

static guint16
u16_at (const guint8 *at)
{
  guint16 number;

  memcpy (&number, at, sizeof number);
  return number;
}

static guint64
u64_at (const guint8 *at)
{
  guint64 number;

  memcpy (&number, at, sizeof number);
  return number;
}

static gboolean
wrong (Walk *self, const char *what, guint64 number)
{
  return store_file_is_damaged (self->path, what, number, self->error);
}

static gboolean
read_at (Walk *self, guint64 page, gsize skip, gpointer data, gsize size)
{
  guint64 at = page * self->page_size + skip;

  for (gsize done = 0; done < size;)
    {
      gssize n = pread (self->fd, (guint8 *) data + done, size - done, at + done);

      if (n == 0 || (n < 0 && errno != EINTR))
        return wrong (self, "a page cannot be read", page);
      done += n > 0 ? n : 0;
    }
  return TRUE;
}

/* Each page belongs to one place only. */
static gboolean
claim (Walk *self, guint64 page, guint64 n)
{
  if (page < 2 || page > self->last_page || n == 0 || n > self->last_page - page + 1)
    return wrong (self, "a page is named that cannot be", page);
  for (guint64 i = page; i < page + n; i++)
    {
      if (self->claimed[i / 8] & (1 << i % 8))
        return wrong (self, "a page is in two places", i);
      self->claimed[i / 8] |= 1 << i % 8;
    }
  return TRUE;
}

/* The value of a node that is elsewhere: its pages are there. */
static gboolean
check_overflow (Walk *self, guint64 page, gsize size)
{
  guint8 header[PAGE_HEADER];
  guint32 pages;

  if (page < 2 || page > self->last_page)
    return wrong (self, "a value's page is named that cannot be", page);
  if (!read_at (self, page, 0, header, sizeof header))
    return FALSE;
  memcpy (&pages, header + 12, sizeof pages);
  if (u64_at (header) != page || u16_at (header + 10) != FLAG_OVERFLOW ||
      pages < (PAGE_HEADER - 1 + size) / self->page_size + 1)
    return wrong (self, "a value's first page is none", page);
  self->counted.overflow_pages += pages;
  return claim (self, page, pages);
}

/* A list of free pages, largest first, behind their count. */
static gboolean
check_free_pages (Walk *self, const Node *node)
{
  g_autofree guint64 *list = NULL;
  gsize size = node->value_size;

  if (size < sizeof *list || size > self->last_page * 2 * sizeof *list)
    return wrong (self, "a list of free pages has an impossible size", size);
  list = g_try_malloc (size);
  if (list == NULL)
    {
      g_set_error (self->error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "Checking “%s”: no memory for its free pages", self->path);
      return FALSE;
    }
  if (!node->elsewhere)
    memcpy (list, node->value, size);
  else if (!read_at (self, u64_at (node->value), PAGE_HEADER, list, size))
    return FALSE;

  if (list[0] > size / sizeof *list - 1)
    return wrong (self, "a list of free pages is too long", list[0]);
  for (guint64 i = 1; i <= list[0]; i++)
    {
      if (i > 1 && list[i] >= list[i - 1])
        return wrong (self, "free pages are out of order", list[i]);
      if (!claim (self, list[i], 1))
        return FALSE;
    }
  return TRUE;
}

static gboolean
find_node (Walk *self, const guint8 *page, guint i, gboolean leaf, Node *node)
{
  guint upper = u16_at (page + 14), at = u16_at (page + PAGE_HEADER + 2 * i);
  const guint8 *start = page + at;
  guint16 flags;

  if (at < upper || at % 2 != 0 || at + NODE_HEADER > self->page_size)
    return wrong (self, "an entry is not in its page", u64_at (page));

  flags = u16_at (start + 4);
  *node = (Node){ .key = start + NODE_HEADER, .key_size = u16_at (start + 6) };
  if (leaf)
    {
      node->value = node->key + node->key_size;
      node->value_size = u16_at (start) | (gsize) u16_at (start + 2) << 16;
      node->elsewhere = flags == NODE_ELSEWHERE;
      if (flags != 0 && !node->elsewhere)
        return wrong (self, "an entry has an unknown kind", flags);
    }
  else
    node->child = u16_at (start) | (guint64) u16_at (start + 2) << 16 | (guint64) flags << 32;

  node->size = NODE_HEADER + node->key_size;
  if (leaf)
    node->size += node->elsewhere ? sizeof (guint64) : node->value_size;
  node->size += node->size % 2;
  if (at + node->size > self->page_size)
    return wrong (self, "an entry is larger than its page", u64_at (page));
  return TRUE;
}

static int
compare_keys (Walk *self, const Node *node)
{
  int order;

  if (self->is_free_list)
    {
      guint64 a = u64_at (node->key), b = u64_at (self->last_key);

      return a < b ? -1 : a > b;
    }
  order = memcmp (node->key, self->last_key, MIN (node->key_size, self->last_key_size));
  return order != 0
             ? order
             : (node->key_size > self->last_key_size) - (node->key_size < self->last_key_size);
}

static gboolean
check_leaf_node (Walk *self, const guint8 *page, const Node *node)
{
  gsize least = self->is_free_list ? sizeof (guint64) : 1;
  gsize most = self->is_free_list ? sizeof (guint64) : KEY_MAX;

  if (node->key_size < least || node->key_size > most)
    return wrong (self, "a key has an impossible size", node->key_size);
  if (self->last_key_size > 0 && compare_keys (self, node) <= 0)
    return wrong (self, "keys are out of order", u64_at (page));
  memcpy (self->last_key, node->key, node->key_size);
  self->last_key_size = node->key_size;

  self->counted.entries++;
  if (node->elsewhere && !check_overflow (self, u64_at (node->value), node->value_size))
    return FALSE;
  return !self->is_free_list || check_free_pages (self, node);
}

/* What is in front of the nodes. Their number, or 0. */
static guint
check_page_header (Walk *self, const guint8 *page, guint64 number, gboolean leaf)
{
  guint lower = u16_at (page + 12), upper = u16_at (page + 14), n;

  if (u64_at (page) != number)
    wrong (self, "a page has another page's number", number);
  else if (u16_at (page + 10) != (leaf ? FLAG_LEAF : FLAG_BRANCH))
    wrong (self, "a page is of the wrong kind", number);
  else if (lower < PAGE_HEADER || lower % 2 != 0 || lower > upper || upper > self->page_size)
    wrong (self, "a page has impossible bounds", number);
  else
    {
      n = (lower - PAGE_HEADER) / 2;
      if (n >= (leaf || self->is_free_list ? 1 : 2))
        return n;
      wrong (self, "a page has too few entries", number);
    }
  return 0;
}

static gboolean
walk_page (Walk *self, guint64 number, guint level)
{
  guint8 *page = self->buffer + (level - 1) * self->page_size;
  gboolean leaf = level == self->tree->depth;
  gsize used = 0;
  guint n;

  if (!claim (self, number, 1) || !read_at (self, number, 0, page, self->page_size))
    return FALSE;
  n = check_page_header (self, page, number, leaf);
  if (n == 0)
    return FALSE;

  if (leaf)
    self->counted.leaf_pages++;
  else
    self->counted.branch_pages++;
  for (guint i = 0; i < n; i++)
    {
      Node node = { 0 };

      if (!find_node (self, page, i, leaf, &node) ||
          (leaf ? !check_leaf_node (self, page, &node) : !walk_page (self, node.child, level + 1)))
        return FALSE;
      used += node.size;
    }
  return used == self->page_size - u16_at (page + 14) ||
         wrong (self, "a page's entries overlap", number);
}

static gboolean
walk_tree (Walk *self, const HeaderTree *tree, gboolean is_free_list)
{
  HeaderTree *counted = &self->counted;

  self->tree = tree;
  self->is_free_list = is_free_list;
  self->last_key_size = 0;
  *counted = (HeaderTree){ 0 };

  if (tree->flags != (is_free_list ? FLAG_INTEGER_KEY : 0) || (!is_free_list && tree->pad != 0))
    return wrong (self, "a tree is of an unknown kind", tree->flags);
  if (tree->depth > DEPTH_MAX || (tree->depth == 0) != (tree->root == NO_PAGE))
    return wrong (self, "a tree has an impossible depth", tree->depth);
  if (tree->depth > 0 && !walk_page (self, tree->root, 1))
    return FALSE;

  return (tree->entries == counted->entries && tree->branch_pages == counted->branch_pages &&
          tree->leaf_pages == counted->leaf_pages &&
          tree->overflow_pages == counted->overflow_pages) ||
         wrong (self, "a tree has another size than its header says", counted->entries);
}

/* The header has passed store_check_file()'s look. */
gboolean
store_walk (int fd, const char *path, const Header *header, GError **error)
{
  guint64 page_size = header->trees[0].pad;
  g_autofree guint8 *claimed = g_try_malloc0 (header->last_page / 8 + 1);
  g_autofree guint8 *buffer = g_try_malloc (DEPTH_MAX * page_size);
  Walk self = {
    .fd = fd,
    .path = path,
    .error = error,
    .page_size = page_size,
    .last_page = header->last_page,
    .claimed = claimed,
    .buffer = buffer,
  };

  if (claimed == NULL || buffer == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "Checking “%s”: no memory for it", path);
      return FALSE;
    }
  return walk_tree (&self, &header->trees[1], FALSE) && walk_tree (&self, &header->trees[0], TRUE);
}
