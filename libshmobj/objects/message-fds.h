/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/parcel.h"

#include <gio/gunixfdlist.h>

/* Descriptors that go with a message (objects/message-fds.c). */

/* Where too much is under way between all processes of the user nothing tells when there is room:
 * one looks again after so long. */
#define MESSAGE_FDS_LIMIT_SLICE_US 5000

/* A list's descriptors, lent to @parcel for sending. FALSE with G_IO_ERROR_MESSAGE_TOO_LARGE. */
gboolean message_fds_lend (GUnixFDList *fds, Parcel *parcel, GError **error);
/* Those that came; NULL: none did. */
GUnixFDList *message_fds_take (Parcel *parcel);

/* By the code of RING_UNSENT: is it worth waiting; is it because nobody is there; and the error. */
gboolean message_fds_may_go_later (int code);
gboolean message_fds_is_over (int code);
void message_fds_set_unsent_error (int code, GError **error);
/* Of a message that came without what belongs to it. */
void message_fds_set_bad_error (const Parcel *parcel, GError **error);
