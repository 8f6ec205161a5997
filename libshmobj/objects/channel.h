/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

#include <gio/gio.h>

/* What Queue and Connection have in common: frames through a ring, and the errors that a ring can
 * give (objects/channel.c). */

#define CHANNEL_CAPACITY_DEFAULT                                                                   \
  G_GUINT64_CONSTANT (0x10000000) /* 256 MiB, of which only what is used is reserved */

/* FALSE with G_IO_ERROR_INVALID_ARGUMENT: out of [RING_SIZE_MIN, RING_CAPACITY_MAX]. 0 becomes the
 * default; rounded up to 8. */
gboolean channel_check_capacity (guint64 *capacity, GError **error);

/* The kinds that a value can be read from. */
#define CHANNEL_READABLE (RING_ACCEPT (SHMOBJ_FRAME_BYTES) | RING_ACCEPT (SHMOBJ_FRAME_VARIANT))

typedef struct
{
  const char *noun; /* "queue", "pipe" */
  gint64 timeout_us;
  GCancellable *cancellable; /* (nullable) */
  gboolean *interrupted;     /* (nullable): set, and the call ends without an error, when a signal
                                handler ran */
} ChannelCall;

/* One frame in, one out. @frame then owns its bytes. On failure nothing was put or taken. */
gboolean
channel_put (Ring *ring, const ShmobjFrame *frame, const ChannelCall *call, GError **error);
gboolean
channel_get (Ring *ring, guint accept, ShmobjFrame *frame, const ChannelCall *call, GError **error);

/* A get whose message stays on record until it is done; see base/flight.h. */
gboolean channel_receive (Ring *ring,
                          guint accept,
                          ShmobjFrame *frame,
                          FlightTicket *ticket,
                          const ChannelCall *call,
                          GError **error);

/* Several: all of them unless the time runs out first. How many; 0 with an error. */
gsize channel_put_many (
    Ring *ring, const ShmobjFrame *frames, gsize n, const ChannelCall *call, GError **error);

/* Several, to the empty array @frames (of ShmobjFrames, which it owns): waits for the first, and
 * takes with it what is there, up to @most. */
GArray *channel_new_frames (void);
gboolean channel_get_many (
    Ring *ring, guint accept, guint most, GArray *frames, const ChannelCall *call, GError **error);
/* One try of it; @refused is what could not be taken. */
RingStatus channel_try_get_many (
    Ring *ring, guint32 me, guint accept, guint most, GArray *frames, ShmobjFrame *refused);
/* As values; NULL with @error: none of them is one. */
GPtrArray *channel_values_of (GArray *frames, GError **error);
/* Takes @values over; as an array with a NULL behind the last. */
GVariant **channel_values_end (GPtrArray *values, gsize *n_values);

/* The same for those who wait in their own way: one try or one wait. With @parcel (nullable), also
 * messages with descriptors. */
RingStatus channel_get_frame (Ring *ring,
                              guint32 me,
                              guint accept,
                              ShmobjFrame *frame,
                              FlightTicket *ticket,
                              Parcel *parcel,
                              const RingPatience *patience);
void channel_set_error (
    Ring *ring, const char *noun, RingStatus status, const ShmobjFrame *frame, GError **error);
/* Nobody is at the other end. */
void channel_set_over_error (const char *noun, GError **error);

/* TRUE when a get (G_IO_IN) or a put of a small message (G_IO_OUT) may succeed; FALSE when the time
 * ran out or a signal handler ran. */
gboolean channel_wait (Ring *ring, GIOCondition condition, gint64 timeout_us);
