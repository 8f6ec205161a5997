/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-container.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_DICT (shmobj_dict_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
SHMOBJ_DECLARE_CONTAINER (ShmobjDict, shmobj_dict, DICT)

SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_dict_get_length (ShmobjDict *self, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_get (ShmobjDict *self, GVariant *key, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_lookup (ShmobjDict *self, GVariant *key, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_contains (ShmobjDict *self, GVariant *key, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant **shmobj_dict_keys (ShmobjDict *self, gsize *n_keys, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_items (ShmobjDict *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_set (ShmobjDict *self, GVariant *key, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_set_default (ShmobjDict *self, GVariant *key, GVariant *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_update (ShmobjDict *self, GVariant *items, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_pop (ShmobjDict *self, GVariant *key, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_pop_item (ShmobjDict *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_remove (ShmobjDict *self, GVariant *key, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_clear (ShmobjDict *self, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_wait_key (ShmobjDict *self,
                                GVariant *key,
                                GVariant *unlike,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_dict_wait_key_async (ShmobjDict *self,
                                 GVariant *key,
                                 GVariant *unlike,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_dict_wait_key_finish (ShmobjDict *self,
                                       GAsyncResult *result,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
