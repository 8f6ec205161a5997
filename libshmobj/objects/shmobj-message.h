/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-queue.h"
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_MESSAGE_KIND (shmobj_message_kind_get_type ())

/**
 * ShmobjMessageKind:
 * @SHMOBJ_MESSAGE_KIND_BYTES: plain bytes; read as a value they are `ay`
 * @SHMOBJ_MESSAGE_KIND_VALUE: a #GVariant
 * @SHMOBJ_MESSAGE_KIND_PICKLE: a private pickle of Python, for Python readers that ask for it
 *
 * What a message is.
 *
 * Since: 1.0
 */
typedef enum
{
  SHMOBJ_MESSAGE_KIND_BYTES = 1,
  SHMOBJ_MESSAGE_KIND_VALUE = 2,
  SHMOBJ_MESSAGE_KIND_PICKLE = 3,
} ShmobjMessageKind;

SHMOBJ_AVAILABLE_IN_1_0
GType shmobj_message_kind_get_type (void) G_GNUC_CONST;

#define SHMOBJ_TYPE_MESSAGE (shmobj_message_get_type ())

/**
 * ShmobjMessage:
 *
 * A message that was received from a [class@Shmobj.Queue] and is not done with.
 *
 * The queue keeps it on record until [method@Shmobj.Message.done]. If the process that received it
 * dies before that, the message returns to the front of the queue and goes to another reader,
 * marked as redelivered. So does one that is given back, or freed without having been done.
 *
 * One that came through a [class@Shmobj.Connection], perhaps with descriptors, is done with from
 * the start.
 *
 * Since: 1.0
 */
typedef struct _ShmobjMessage ShmobjMessage;

SHMOBJ_AVAILABLE_IN_1_0
GType shmobj_message_get_type (void) G_GNUC_CONST;

SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_message_ref (ShmobjMessage *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_message_unref (ShmobjMessage *self);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_message_get_value (ShmobjMessage *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_message_get_bytes (ShmobjMessage *self) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GUnixFDList *shmobj_message_get_fd_list (ShmobjMessage *self);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessageKind shmobj_message_get_kind (ShmobjMessage *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_message_get_redelivered (ShmobjMessage *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_message_done (ShmobjMessage *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_message_give_back (ShmobjMessage *self, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_queue_receive (ShmobjQueue *self,
                                     gint64 timeout_us,
                                     GCancellable *cancellable,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_receive_async (ShmobjQueue *self,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_queue_receive_finish (ShmobjQueue *self,
                                            GAsyncResult *result,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_queue_join (ShmobjQueue *self, gint64 timeout_us, GCancellable *cancellable, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_join_async (ShmobjQueue *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_join_finish (ShmobjQueue *self, GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ShmobjMessage, shmobj_message_unref)

G_END_DECLS
