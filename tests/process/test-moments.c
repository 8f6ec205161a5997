/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever looks at many items sees one moment, while another process replaces all of them at once,
 * and also when that process is killed. */

#include <shmobj.h>

#include "../fork-child.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 3000
#define KEYS 300
#define ROUNDS 40

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjDict *dict;
  GVariant *ones[ITEMS], *twos[ITEMS];
  GVariant *dict_ones, *dict_twos; /* made before the fork: types are behind a lock of GLib's */
  pid_t writer;
} Scene;

static void
rewrite (Scene *scene, gboolean twos)
{
  g_autoptr (GError) error = NULL;

  shmobj_list_set_range (scene->list, 0, G_MAXINT64, twos ? scene->twos : scene->ones, ITEMS,
                         &error);
  g_assert_no_error (error);
  shmobj_dict_update (scene->dict, twos ? scene->dict_twos : scene->dict_ones, &error);
  g_assert_no_error (error);
}

static GVariant *
all_keys (int number)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(vv)"));
  for (int i = 0; i < KEYS; i++)
    g_variant_builder_add (&builder, "(vv)", g_variant_new_int32 (i), g_variant_new_int32 (number));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
set_up (Scene *scene)
{
  g_autoptr (GError) error = NULL;

  scene->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  scene->list = shmobj_manager_open_list (scene->manager, NULL, SHMOBJ_OPEN_DEFAULT, NULL, &error);
  g_assert_no_error (error);
  scene->dict = shmobj_manager_open_dict (scene->manager, NULL, SHMOBJ_OPEN_DEFAULT, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < ITEMS; i++)
    {
      scene->ones[i] = g_variant_ref_sink (g_variant_new_int32 (1));
      scene->twos[i] = g_variant_ref_sink (g_variant_new_int32 (2));
    }
  scene->dict_ones = all_keys (1);
  scene->dict_twos = all_keys (2);
  rewrite (scene, FALSE);

  if ((scene->writer = fork_child ()) > 0)
    return;
  for (gboolean twos = TRUE;; twos = !twos)
    rewrite (scene, twos);
}

static void
kill_writer (Scene *scene)
{
  kill (scene->writer, SIGKILL);
  waitpid (scene->writer, NULL, 0);
}

static void
tear_down (Scene *scene)
{
  for (int i = 0; i < ITEMS; i++)
    {
      g_variant_unref (scene->ones[i]);
      g_variant_unref (scene->twos[i]);
    }
  g_variant_unref (scene->dict_ones);
  g_variant_unref (scene->dict_twos);
  g_object_unref (scene->list);
  g_object_unref (scene->dict);
  g_object_unref (scene->manager);
}

/* Until the writer has replaced all items once more. */
static void
wait_for_change (ShmobjList *list)
{
  guint64 revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL);

  while (shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL) == revision)
    sched_yield ();
}

/* What all items are. */
static int
walk (ShmobjList *list, gboolean wait)
{
  g_autoptr (ShmobjListIter) iter = shmobj_list_iterator (list);
  g_autoptr (GError) error = NULL;
  int first = 0, n = 0;
  GVariant *value;

  while ((value = shmobj_list_iter_next_value (iter, &error)) != NULL)
    {
      if (n++ == 0)
        first = g_variant_get_int32 (value);
      if (n == ITEMS / 2 && wait)
        wait_for_change (list);
      g_assert_cmpint (g_variant_get_int32 (value), ==, first);
      g_variant_unref (value);
    }
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, ITEMS);
  return first;
}

static int
read_range (ShmobjList *list)
{
  g_autoptr (GError) error = NULL;
  gsize n;
  g_autofree GVariant **values = shmobj_list_get_range (list, 0, G_MAXINT64, &n, &error);
  int first;

  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, ITEMS);
  first = g_variant_get_int32 (values[0]);
  for (gsize i = 0; i < n; i++)
    {
      g_assert_cmpint (g_variant_get_int32 (values[i]), ==, first);
      g_variant_unref (values[i]);
    }
  return first;
}

static int
read_items (ShmobjDict *dict)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) items = shmobj_dict_items (dict, &error);
  int first = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (items), ==, KEYS);
  for (gsize i = 0; i < KEYS; i++)
    {
      g_autoptr (GVariant) value = NULL;

      g_variant_get_child (items, i, "(vv)", NULL, &value);
      if (i == 0)
        first = g_variant_get_int32 (value);
      g_assert_cmpint (g_variant_get_int32 (value), ==, first);
    }
  return first;
}

static void
test_one_moment (void)
{
  gboolean seen[3][3] = { { FALSE } }; /* by each way to look, each state */
  Scene scene;

  set_up (&scene);
  for (guint i = 0; i < ROUNDS || !(seen[0][1] && seen[0][2] && seen[1][1] && seen[1][2] &&
                                    seen[2][1] && seen[2][2]);
       i++)
    {
      seen[0][walk (scene.list, TRUE)] = TRUE;
      seen[1][read_range (scene.list)] = TRUE;
      seen[2][read_items (scene.dict)] = TRUE;
    }
  kill_writer (&scene);
  g_assert_cmpint (walk (scene.list, FALSE), ==, read_range (scene.list));
  read_items (scene.dict);
  tear_down (&scene);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/moments/a-look-at-many-items-is-one-moment", test_one_moment);
  return g_test_run ();
}
