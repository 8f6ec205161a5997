/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_SHAREABLE (shmobj_shareable_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (ShmobjShareable, shmobj_shareable, SHMOBJ, SHAREABLE, GObject)

/**
 * ShmobjShareableInterface:
 * @parent_iface: the parent interface
 * @to_handle: what [method@Shmobj.Shareable.to_handle] calls
 *
 * The virtual methods of [iface@Shmobj.Shareable]. Only classes of this library implement it.
 *
 * Since: 1.0
 */
struct _ShmobjShareableInterface
{
  GTypeInterface parent_iface;

  GVariant *(*to_handle) (ShmobjShareable *self, GUnixFDList *fds, GError **error);
};

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_shareable_to_handle (ShmobjShareable *self,
                                      GUnixFDList *fds,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjShareable *shmobj_shareable_new_from_handle (GType expected,
                                                   GVariant *handle,
                                                   GUnixFDList *fds,
                                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_shareable_pass_to (ShmobjShareable *self,
                                   GSubprocessLauncher *launcher,
                                   const char *name,
                                   GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjShareable *shmobj_shareable_take_inherited (const char *name,
                                                  GType expected,
                                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
