/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a message (libshmobj/base/ring-seat.c): a writer, two readers, any of whom may be
 * killed at any step, asleep or awake, or stopped while asleep.
 *
 * What is here: the word that counts and carries the sleeper's bit, raising that bit under both
 * guards, FUTEX_WAKE_OP, which publishes, clears and wakes in one step, and the seat: who may sleep
 * on the word, who queues for it and takes it over. Who queues looks after each slice of time, so it
 * may look at any moment. The one in the seat sleeps without a timer. A wake may go to one who is
 * being killed, but not to one who is seen to be dead: the kernel closes his files, and so gives up
 * his slot, after he has left the futex. (Without that two sleep on the word, and the wake may go to
 * the dead one: Spin found it.) The read guard is one step here; what a death inside it leaves is in
 * ring.pml.
 *
 * Checked: it does not stay so for ever that a message is there and a reader lives and is not stopped.
 * Every process
 * that can take a step at last takes one (spin's weak fairness).
 *
 * Each of these makes it wrong, and Spin must find that:
 *   TWO_STEPS      the writer publishes, and then wakes
 *   NO_GUARD       the bit is raised without the write guard
 *   ONLY_THE_DEAD  a seat is taken over from a dead one, and not from one who was woken and did not act
 *   NO_TAKEOVER    nor from a dead one
 */

#define MESSAGES 2
#ifndef KILLS
#define KILLS 2
#endif
#define NOBODY 3

byte published, taken; /* the word's count, and the readers' */
bit flag;              /* the word's bit */
byte seat = NOBODY, write_guard = NOBODY;
bit asleep[2];         /* in the kernel, on the word */
bit killed[3];       /* does nothing more */
bit dead[3];         /* and the kernel has closed its files: the others can see it */
bit stopped[2];       /* while it slept: does nothing more, and is not dead */
byte kills;

#define WRITER 2
#define free_for_me(guard) (guard == NOBODY || dead[guard])
#define message_there (published != taken)

/* One of those who sleep on the word, whichever the kernel likes, also one who is being killed. */
#define wake_one \
  if \
  :: asleep[0] -> asleep[0] = 0 \
  :: asleep[1] -> asleep[1] = 0 \
  :: !asleep[0] && !asleep[1] -> skip \
  fi

proctype writer ()
{
  byte old;
  bit old_flag;

  {
    do
    :: published < MESSAGES ->
       atomic { free_for_me (write_guard) -> write_guard = WRITER; old = published; old_flag = flag };
       if
       :: !old_flag -> d_step { published = old + 1; flag = 0 } /* a plain store of the whole word */
       :: else ->
#ifdef TWO_STEPS
          d_step { published = old + 1; flag = 0 };
          atomic { wake_one }
#else
          atomic { published = published + 1; flag = 0; wake_one }
#endif
       fi;
       atomic { write_guard = NOBODY; old = 0; old_flag = 0 }
    :: else -> break
    od
  } unless { killed[WRITER] };
  killed[WRITER] -> dead[WRITER] = 1
}

/* Under both guards: still nothing there, and still in the seat? Then the bit goes up. */
#ifdef NO_GUARD
#define lock_both skip
#define unlock_both skip
#else
#define lock_both atomic { free_for_me (write_guard) -> write_guard = me }
#define unlock_both write_guard = NOBODY
#endif

#define LOOKING 0
#define QUEUEING 1
#define IN_SEAT 2

/* Who finds no message sits down, or queues behind who sits there. */
#define look \
  atomic { \
    if \
    :: message_there -> taken++; if :: seat == me -> seat = NOBODY :: else -> skip fi \
    :: !message_there && seat == me -> phase = IN_SEAT \
    :: !message_there && seat == NOBODY -> seat = me; phase = IN_SEAT \
    :: !message_there && seat != NOBODY && seat != me -> seen = seat; phase = QUEUEING \
    fi \
  }

/* After a slice: is the one in the seat one that will not act? */
#define queue \
  if \
  :: seat != seen -> phase = LOOKING \
  :: seat == seen && is_sleepy -> \
     lock_both; \
     atomic { if :: !flag && seat == seen -> seat = me :: else -> skip fi }; \
     unlock_both; \
     phase = LOOKING \
  :: atomic { may_inherit && seat == seen -> seat = me; phase = LOOKING } \
  fi

#if defined(NO_TAKEOVER) || defined(ONLY_THE_DEAD)
#define is_sleepy false
#else
#define is_sleepy (!flag && message_there)
#endif
#ifdef NO_TAKEOVER
#define may_inherit false
#else
#define may_inherit dead[seen]
#endif

proctype reader (byte me)
{
  byte value, seen, phase;

  {
    do
    :: phase == LOOKING -> look
    :: phase == QUEUEING -> queue
    :: phase == IN_SEAT ->
       lock_both;
       if
       :: atomic { message_there || seat != me -> phase = LOOKING };
          unlock_both
       :: atomic { !message_there && seat == me -> value = published };
          flag = 1;
          unlock_both;
          /* the kernel looks at the word once more, then it is asleep */
          atomic { if :: published == value && flag -> asleep[me] = 1 :: else -> skip fi };
          !asleep[me] && !stopped[me];
          phase = LOOKING
       fi
    od
  } unless { killed[me] };
  asleep[me] = 0;
  dead[me] = 1
}

active proctype killer ()
{
  do
  :: kills < KILLS ->
     atomic {
       if
       :: !killed[0] -> killed[0] = 1
       :: !killed[1] -> killed[1] = 1
       :: !killed[2] -> killed[2] = 1
       :: asleep[0] && !killed[0] -> stopped[0] = 1
       :: asleep[1] && !killed[1] -> stopped[1] = 1
       fi;
       kills++
     }
  :: break
  od
}

init
{
  atomic {
    run writer ();
    run reader (0);
    run reader (1)
  }
}

#define lives(reader) (!killed[reader] && !stopped[reader])
#define stuck (message_there && (lives (0) || lives (1)))
ltl nobody_sleeps_beside_a_message { ! <> [] stuck }
