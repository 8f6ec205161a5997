/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fork.h"
#include "base/segment.h"

/* Who uses a segment, and who of them is alive (base/participants.c). One per process and mapped
 * segment. */
typedef struct
{
  Segment *segment;         /* whose slots these are; outlives us */
  _Atomic (guint32) token;  /* ours, of generation `joined`; 0 before we joined */
  _Atomic (guint32) joined; /* the fork generation in which we took our slot */
  int fd; /* (owned): the description that carries our lock; -1 before we joined */
  ForkHook hook;
  /* what participants_in_company() found: 1 + the arrivals until when we were alone, or until when
   * we need not ask again */
  _Atomic (guint64) alone_at;
  _Atomic (gint64) company_until_us;
} Participants;

/* A token is a slot and a generation, never 0, and leaves the top bit free for users of the word.
 */
#define TOKEN_BITS 31
#define TOKEN_MASK 0x7fffffffu
#define TOKEN_SLOT(t) ((t) & (SLOT_COUNT - 1))

void participants_init (Participants *self, Segment *segment);
void participants_clear (Participants *self); /* leaves */

guint32 participants_join (Participants *self, GError **error);

/* Our token; 0 before the first use in a process. */
static inline guint32
participants_token (Participants *self)
{
  guint32 token = atomic_load_explicit (&self->token, memory_order_acquire);

  return G_LIKELY (fork_is_still (atomic_load_explicit (&self->joined, memory_order_relaxed)))
             ? token
             : 0;
}

/* The same; joins at the first use. 0 with an error: no free slot (G_IO_ERROR_NO_SPACE names the
 * limit), no descriptors (G_IO_ERROR_TOO_MANY_OPEN_FILES). */
static inline guint32
participants_me (Participants *self, GError **error)
{
  guint32 token = participants_token (self);

  return G_LIKELY (token != 0) ? token : participants_join (self, error);
}

/* The kernel's word on whether the one who took @token is gone. FALSE for ourselves. Only after we
 * joined. */
gboolean participants_is_dead (Participants *self, guint32 token);

/* Something like "process 4711 (python3)" for messages. */
char *participants_describe (Participants *self, guint32 token);

/* One who is alive, for people to read: a copy of what he wrote about himself. */
typedef struct
{
  guint32 token, pid;
  char command[17];
  guint64 waits_for; /* an offset, as participants_offset_of() has it; 0: nothing that we know of */
} ParticipantInfo;

/* The next one from slot *@number on, besides ourselves; *@number moves behind it. FALSE: there is
 * no other. Only after we joined. */
gboolean participants_next (Participants *self, guint32 *number, ParticipantInfo *info);

/* For people: that we, @me, wait for what is at @place in the segment; NULL: no longer. Of several
 * threads that wait the last one is told of. */
void participants_wait_for (Participants *self, guint32 me, const void *place);
guint64 participants_offset_of (const Participants *self, const void *place);

/* Is anybody else alive? For those who ask often: who was in company is so for a second, and who
 * was alone until somebody joins. Only after we joined. */
gboolean participants_in_company (Participants *self);
