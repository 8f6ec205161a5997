/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-container.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LIST (shmobj_list_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
SHMOBJ_DECLARE_CONTAINER (ShmobjList, shmobj_list, LIST)

/**
 * ShmobjCompareFunc:
 * @a: an item
 * @b: another one
 * @user_data: (closure): what was given with the function
 *
 * Tells how two items are to be ordered.
 *
 * Returns: less than 0 if @a comes before @b, more than 0 if it comes behind it, else 0
 *
 * Since: 1.0
 */
typedef int (*ShmobjCompareFunc) (GVariant *a, GVariant *b, gpointer user_data);

SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_list_get_length (ShmobjList *self, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_list_get (ShmobjList *self, gint64 index, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant **
shmobj_list_get_range (ShmobjList *self, gint64 start, gint64 end, gsize *n_values, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_list_get_packed (ShmobjList *self, gint64 start, gint64 end, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_list_index (ShmobjList *self, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_list_count (ShmobjList *self, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_contains (ShmobjList *self, GVariant *value, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_append (ShmobjList *self, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_extend (ShmobjList *self, GVariant **values, gsize n_values, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_insert (ShmobjList *self, gint64 position, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_set (ShmobjList *self, gint64 index, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_list_pop (ShmobjList *self, gint64 index, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_remove_value (ShmobjList *self, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_delete_range (ShmobjList *self, gint64 start, gint64 end, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_clear (ShmobjList *self, GError **error);

/* shmobj-list-slices.c */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_set_range (
    ShmobjList *self, gint64 start, gint64 end, GVariant **values, gsize n_values, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_set_slice (ShmobjList *self,
                                gint64 start,
                                gint64 end,
                                gint64 step,
                                GVariant **values,
                                gsize n_values,
                                GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_list_delete_slice (ShmobjList *self, gint64 start, gint64 end, gint64 step, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant **shmobj_list_splice (ShmobjList *self,
                               gint64 position,
                               gint64 n_removals,
                               GVariant **additions,
                               gsize n_additions,
                               gsize *n_removed,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* shmobj-list-order.c */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_reverse (ShmobjList *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_repeat (ShmobjList *self, gint64 times, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_list_sort (ShmobjList *self, ShmobjCompareFunc compare, gpointer user_data, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_reorder (
    ShmobjList *self, guint64 revision, const guint64 *order, gsize n_order, GError **error);

G_END_DECLS
