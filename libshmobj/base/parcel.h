/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

/* Messages that come with descriptors: what travels beside the ring (base/parcel.c). */

#define PARCEL_FDS_MAX 253 /* more the kernel does not take in one packet */

/* Behind a header of kind FRAME_PARCEL; then come the message's bytes and its type. */
typedef struct
{
  guint64 id;     /* its packet says the same */
  guint64 header; /* the message's own */
  guint32 n_fds;
  guint32 spare;
} ParcelRecord;

G_STATIC_ASSERT (sizeof (ParcelRecord) == 24);

struct _Parcel
{
  guint64 id;              /* what the message and its packet are called */
  guint n_fds;             /* given: how many to send; taken: how many came */
  gboolean found;          /* its packet lies in the socket */
  gboolean bad;            /* taken: the packet was missing, or another one than the message says */
  int code;                /* of RING_UNSENT: the kernel's reason */
  int fds[PARCEL_FDS_MAX]; /* (owned) by who took them; borrowed for sending */
};

/* Nothing came. */
static inline void
parcel_clear (Parcel *parcel)
{
  parcel->id = 0;
  parcel->n_fds = 0;
  parcel->found = parcel->bad = FALSE;
}

/* @frame as it goes into a ring together with descriptors; to be cleared. FALSE: no memory. */
gboolean parcel_wrap (const ShmobjFrame *frame, guint n_fds, ShmobjFrame *wrapped);

/* Puts what parcel_wrap() made; never waits for the other side. RING_UNSENT: the descriptors do not
 * go, @parcel's code says why, and nothing was put. */
RingStatus ring_try_put_parcel (Ring *ring,
                                guint32 me,
                                ShmobjFrame *wrapped,
                                Parcel *parcel,
                                gboolean may_grow,
                                gint64 deadline_us);

/* For the ring. Under the write guard: names the next packet; sends it, when all but publishing is
 * done. */
void parcel_name (Ring *ring, ShmobjFrame *wrapped);
RingStatus parcel_send (Ring *ring, Parcel *parcel);
/* Under the read guard: reads the message whose header is @word, as read_record() does, and looks
 * at its packet; then, once the message is final, lets go of that. */
RingStatus
parcel_read (Ring *ring, RingGet *get, guint64 word, const void *record, gsize available);
void parcel_end (Ring *ring, const Parcel *parcel);
/* Under both guards, while the ring is empty: drops what the dead left. */
void parcel_settle (Ring *ring);
