/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _ShmobjManager ShmobjManager;

/* As G_DECLARE_FINAL_TYPE(), with class structures that nobody outside of the library sees: it
 * alone derives from ShmobjContainer. */
#define SHMOBJ_DECLARE_CONTAINER(TypeName, type_name, OBJ_NAME)                                    \
  GType type_name##_get_type (void);                                                               \
  typedef struct _##TypeName TypeName;                                                             \
  typedef struct _##TypeName##Class TypeName##Class;                                               \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (TypeName, g_object_unref)                                         \
  G_GNUC_UNUSED static inline TypeName *SHMOBJ_##OBJ_NAME (gpointer ptr)                           \
  {                                                                                                \
    return G_TYPE_CHECK_INSTANCE_CAST (ptr, type_name##_get_type (), TypeName);                    \
  }                                                                                                \
  G_GNUC_UNUSED static inline gboolean SHMOBJ_IS_##OBJ_NAME (gpointer ptr)                         \
  {                                                                                                \
    return G_TYPE_CHECK_INSTANCE_TYPE (ptr, type_name##_get_type ());                              \
  }

#define SHMOBJ_TYPE_CONTAINER (shmobj_container_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
SHMOBJ_DECLARE_CONTAINER (ShmobjContainer, shmobj_container, CONTAINER)

SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_container_get_name (ShmobjContainer *self);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjManager *shmobj_container_get_manager (ShmobjContainer *self);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_container_get_revision (ShmobjContainer *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_container_get_read_only (ShmobjContainer *self);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_container_get_reference (ShmobjContainer *self,
                                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_container_wait (ShmobjContainer *self,
                               guint64 since,
                               gint64 timeout_us,
                               GCancellable *cancellable,
                               GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_container_wait_async (ShmobjContainer *self,
                                  guint64 since,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_container_wait_finish (ShmobjContainer *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_container_get_fd (ShmobjContainer *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_container_watch (ShmobjContainer *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_container_unwatch (ShmobjContainer *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_container_close (ShmobjContainer *self);

G_END_DECLS
