/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Where those who share a pipe's name meet: sockets and locks in a directory of the user
 * (objects/meeting.c). All descriptors are close-on-exec. */

typedef struct
{
  int socket;      /* (owned): listens */
  int lock;        /* (owned): open for as long as the name is ours */
  char *directory; /* (owned) */
  guint32 owner;   /* fork_generation() of who took the name */
} MeetingPlace;

#define MEETING_PLACE_INIT ((MeetingPlace){ -1, -1, NULL, 0 })

/* Errors: INVALID_ARGUMENT, EXISTS, PERMISSION_DENIED, NOT_FOUND (no runtime directory), and what
 * the kernel says. */
gboolean meeting_open (MeetingPlace *place, const char *name, GError **error);
/* Takes the name away, if this process took it, and closes. */
void meeting_close (MeetingPlace *place, const char *name);

/* The next caller of our own user who still waits: a socket. -1 without an error: nobody. */
int meeting_answer (int listening, GError **error);

/* A socket to who listens. -1 without an error: too many wait there. Errors: NOT_FOUND, and those
 * of meeting_open(). */
int meeting_call (const char *name, GError **error);

/* An object's handle over that socket. FALSE without an error: the caller is gone. */
gboolean meeting_give (int socket, GObject *object, GError **error);
/* NULL without an error: it is not there yet. PEER_GONE: it will not come. */
GObject *meeting_take (int socket, GType expected, GError **error);
