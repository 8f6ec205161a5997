/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The difference between two sequences: Myers' greedy algorithm ("An O(ND) Difference Algorithm
 * and Its Variations", 1986), given up beyond DIFFERENCES_MAX.
 *
 * A path leads from (0, 0) to (n_old, n_new): a step right removes an item, one down adds one, a
 * diagonal keeps one. Round d finds how far one comes with d steps on each diagonal k = x - y. The
 * reach of every round is kept, and the path found backwards.
 */

#include "manager/list-diff.h"

#define DIFFERENCES_MAX 256

typedef struct
{
  gint n, m;
  DiffEqual equal;
  gconstpointer data;
  gint *reach[DIFFERENCES_MAX + 1]; /* (owned): of round d, x for k = -d … d; -1: nowhere */
} Search;

static gint
reach_of (const Search *self, gint d, gint k)
{
  return k < -d || k > d ? -1 : self->reach[d][k + d];
}

/* Where round @d begins on diagonal @k, coming from diagonal *@from; -1: nowhere. */
static gint
begin (const Search *self, gint d, gint k, gint *from)
{
  gint right = reach_of (self, d - 1, k - 1), down = reach_of (self, d - 1, k + 1);

  right = right >= 0 && right < self->n ? right + 1 : -1;
  down = down >= 0 && down - k <= self->m ? down : -1;
  *from = right > down ? k - 1 : k + 1;
  return MAX (right, down);
}

static gint
slide (const Search *self, gint x, gint k)
{
  while (x >= 0 && x < self->n && x - k < self->m && self->equal (self->data, x, x - k))
    x++;
  return x;
}

/* The number of steps that are needed; -1: more than we try. */
static gint
search (Search *self)
{
  for (gint d = 0; d <= DIFFERENCES_MAX; d++)
    {
      self->reach[d] = g_new (gint, 2 * d + 1);
      for (gint k = -d; k <= d; k++)
        {
          gint from;

          self->reach[d][k + d] = -1;
          if ((d - k) % 2 == 0)
            self->reach[d][k + d] = slide (self, d == 0 ? 0 : begin (self, d, k, &from), k);
        }
      if (reach_of (self, d, self->n - self->m) == self->n)
        return d;
    }
  return -1;
}

/* From the end: merged with the step behind it when nothing is kept between them. */
static void
push_step (GArray *steps, gint x, gint y, gboolean removes)
{
  DiffStep *last = steps->len > 0 ? &g_array_index (steps, DiffStep, steps->len - 1) : NULL;
  DiffStep step = { x, y, removes, !removes };

  if (last == NULL || last->old_at != (guint) x + removes || last->new_at != (guint) y + !removes)
    {
      g_array_append_val (steps, step);
      return;
    }
  last->old_at = x;
  last->new_at = y;
  last->removed += removes;
  last->added += !removes;
}

static void
walk_back (const Search *self, gint d, GArray *steps)
{
  gint x = self->n, y = self->m;

  for (; d > 0; d--)
    {
      gint from, start = begin (self, d, x - y, &from);
      gboolean removes = from < x - y;

      x = start - removes;
      y = x - from;
      push_step (steps, x, y, removes);
    }
  for (guint i = 0; i < steps->len / 2; i++)
    {
      DiffStep *one = &g_array_index (steps, DiffStep, i),
               *other = &g_array_index (steps, DiffStep, steps->len - 1 - i), kept = *one;

      *one = *other;
      *other = kept;
    }
}

GArray *
list_diff (guint n_old, guint n_new, DiffEqual equal, gconstpointer data)
{
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (DiffStep));
  Search self = { .n = n_old, .m = n_new, .equal = equal, .data = data };
  DiffStep all = { 0, 0, n_old, n_new };
  gint d;

  if (n_old == 0 || n_new == 0 || n_old > G_MAXINT / 2 || n_new > G_MAXINT / 2)
    {
      if (n_old + n_new > 0)
        g_array_append_val (steps, all);
      return steps;
    }

  d = search (&self);
  if (d >= 0)
    walk_back (&self, d, steps);
  else
    g_array_append_val (steps, all);
  for (gint i = 0; i <= DIFFERENCES_MAX; i++)
    g_free (self.reach[i]);
  return steps;
}
