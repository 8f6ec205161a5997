/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Conditions (libshmobj/base/condition.c): three who each want a thing and wait for it, and one who
 * brings the first to whom it wakes and perhaps the rest to all. Any of them may be killed at any
 * step, but for the first waiter: which of them it is makes no difference. The second one's time may
 * be over.
 *
 * What is here: seats with a token, a ticket and the bit that says woken, the ticket before which
 * all are woken, and passing on the wake-up of a dead one. A lock is one step here, and so is taking
 * it over; lock.pml has the rest. Who waits looks after each slice of time, so it may look at any
 * moment; what makes it sooner is not here. Things are brought in the very step that wakes, for what
 * a program leaves half done inside of its lock is its own business.
 *
 * Checked: when nobody can take a step, no thing is there while somebody living waits for it; no
 * more are woken than were notified, but for one with each death between waking another one and
 * emptying the seat of the dead one.
 *
 * Each of these makes it wrong, and Spin must find that:
 *   LATE         sits down after it gave the lock back
 *   EARLY        stands up before it has the lock again
 *   UNSEEN       stands up when its time is over, and does not see that it was woken
 *   EMPTY_FIRST  empties the seat of the dead one, and then wakes another one
 *   BY_STORE     stores its token in the seat of the dead one: two of them may
 */

#define WAITERS 3
#define BRINGER 3
#define NOBODY 7
#ifndef KILLS
#define KILLS 2
#endif

byte lock = NOBODY;
byte things;
byte tickets, all;
byte owner[WAITERS] = NOBODY, ticket[WAITERS];
bit woken[WAITERS];
bit killed[4]; /* does nothing more */
bit dead[4];   /* and the kernel has closed its files: the others can see it */
bit sits[WAITERS];
bit ended[4];  /* in good order */
byte kills;
byte due; /* wake-ups that nobody had yet */

#define waits_there(seat) (owner[seat] != NOBODY && !woken[seat] && ticket[seat] >= all)
#define left_by_dead(seat) \
  (owner[seat] != NOBODY && woken[seat] && ticket[seat] >= all && dead[owner[seat]])
#define is_woken (owner[me] != me || woken[me] || ticket[me] < all)

inline take_lock ()
{
  atomic { (lock == NOBODY || dead[lock]) -> lock = me }
}

inline give_lock ()
{
  lock = NOBODY
}

inline choose (seat)
{
  if
  :: waits_there (seat) && (pick == NOBODY || ticket[seat] < ticket[pick]) -> pick = seat
  :: else -> skip
  fi
}

/* The one with the oldest ticket; @brings comes with it. */
inline wake_one (brings)
{
  do
  :: atomic {
       pick = NOBODY;
       choose (0);
       choose (1);
       choose (2);
       seen = (pick == NOBODY -> NOBODY : owner[pick])
     };
     if
     :: pick == NOBODY -> atomic { things = things + brings; break }
     :: pick != NOBODY && dead[seen] ->
        d_step {
          if
          :: waits_there (pick) && owner[pick] == seen -> owner[pick] = NOBODY; ticket[pick] = 0
          :: else -> skip
          fi
        }
     :: pick != NOBODY && !dead[seen] ->
        atomic {
          if
          :: waits_there (pick) && owner[pick] == seen ->
             woken[pick] = 1;
             things = things + brings;
             due = due + brings;
             break
          :: else -> skip
          fi
        }
     fi
  od;
  atomic { pick = NOBODY; seen = NOBODY }
}

inline empty_seat ()
{
  d_step { owner[place] = NOBODY; woken[place] = 0; ticket[place] = 0 }
}

/* Takes over the seat of a dead one, wakes another one, empties the seat. */
inline pass_on ()
{
  atomic {
    if
    :: left_by_dead (0) -> place = 0
    :: left_by_dead (1) -> place = 1
    :: left_by_dead (2) -> place = 2
    :: else -> goto passed
    fi;
#ifdef BY_STORE
  };
  atomic {
#endif
    owner[place] = me
  };
#ifdef EMPTY_FIRST
  empty_seat ();
  wake_one (0);
#else
  wake_one (0);
  between = 1; /* from here until the seat is empty a death wakes one too many */
  d_step { owner[place] = NOBODY; woken[place] = 0; ticket[place] = 0; between = 0 };
#endif
passed:
  place = NOBODY
}

inline sit_down ()
{
  d_step { ticket[me] = tickets; tickets++; woken[me] = 0; owner[me] = me; sits[me] = 1 }
}

inline stand_up ()
{
  got = (owner[me] == me && woken[me] && ticket[me] >= all);
  owner[me] = NOBODY;
  woken[me] = 0;
  ticket[me] = 0;
  sits[me] = 0
}

#define WANTING 0
#define WAITING 1
#define WOKEN 2
#define DONE 3

proctype waiter (byte me)
{
  byte phase, pick = NOBODY, seen = NOBODY, place = NOBODY;
  bit between, got;

  {
    do
    :: phase == WANTING ->
       take_lock ();
       if
       :: d_step { things > 0 -> things--; lock = NOBODY; phase = DONE }
       :: atomic { things == 0 -> phase = WAITING };
#ifdef LATE
          give_lock ();
          sit_down ()
#else
          sit_down ();
          give_lock ()
#endif
       fi
    :: phase == WAITING ->
  end_waits:
       if
       :: is_woken -> phase = WOKEN
       :: !is_woken && (left_by_dead (0) || left_by_dead (1) || left_by_dead (2)) -> pass_on ()
       :: atomic { !is_woken && me == 1 -> /* its time is over */
#ifdef UNSEEN
            skip }; d_step {
            owner[me] = NOBODY; woken[me] = 0; sits[me] = 0;
#else
            stand_up ();
            got = 0;
#endif
            phase = DONE
          }
       fi
    :: phase == WOKEN ->
#ifdef EARLY
       d_step { stand_up (); got = 0; phase = WANTING }
#else
       take_lock ();
       d_step {
         stand_up ();
         assert (due >= got);
         due = due - got;
         got = 0;
         lock = NOBODY;
         if
         :: things > 0 -> things--; phase = DONE
         :: else -> phase = WANTING
         fi
       }
#endif
    :: phase == DONE -> break
    od
  } unless { killed[me] };
  if
  :: killed[me] ->
     d_step { due = due + between; between = 0; got = 0; sits[me] = 0; phase = 0;
              pick = NOBODY; seen = NOBODY; place = NOBODY };
     dead[me] = 1
  :: else -> ended[me] = 1
  fi
}

proctype bringer (byte me)
{
  byte pick = NOBODY, seen = NOBODY;

  {
    take_lock ();
    wake_one (1);
    give_lock ();
    if
    :: take_lock ();
       d_step { all = tickets; things = things + 2; lock = NOBODY }
    :: skip
    fi
  } unless { killed[me] };
  if
  :: killed[me] -> dead[me] = 1
  :: else -> ended[me] = 1
  fi
}

#define waits_for_it(process) (sits[process] && !killed[process])
#define stuck (things > 0 && (waits_for_it (0) || waits_for_it (1) || waits_for_it (2)))

init
{
  atomic {
    run waiter (0);
    run waiter (1);
    run waiter (2);
    run bringer (3)
  };
  do
  :: kills < KILLS ->
     atomic {
       if
       :: !killed[1] && !ended[1] -> killed[1] = 1
       :: !killed[2] && !ended[2] -> killed[2] = 1
       :: !killed[3] && !ended[3] -> killed[3] = 1
       :: else -> skip
       fi;
       kills++
     }
  :: break
  od;
  timeout;
  assert (!stuck)
}
