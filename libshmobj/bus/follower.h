/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* What has changed in a list, a dict or a value, as its signal Changed says it (bus/follower.c). */

typedef struct _BusFollower BusFollower;

/* @body: of the signal; floating. */
typedef void (*BusChanged) (GVariant *body, gpointer data);

/* What is there now is no news. NULL with an error: NOT_SUPPORTED for other kinds of objects. */
BusFollower *bus_follower_new (GObject *object, BusChanged changed, gpointer data, GError **error);
void bus_follower_free (BusFollower *follower);

/* Tells of all changes since the last time. What was told before an error stays told. */
gboolean bus_follower_catch_up (BusFollower *follower, GError **error);
/* Up to which it has told. */
guint64 bus_follower_get_revision (BusFollower *follower);
/* Tells that all has to be read again. */
void bus_follower_tell_reread (BusFollower *follower);
