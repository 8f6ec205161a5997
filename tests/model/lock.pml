/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks and their recovery (libshmobj/base/lock.c; a guard is taken over in the same way): three
 * processes that take a lock and give it back, any of whom may be killed at any step, and another
 * one then starts in the slot of the dead one.
 *
 * What is here: the word with its owner's token, taking and taking over by compare-and-swap, tokens
 * of a slot and a generation, and joining, which gets the slot's lock from the kernel and then
 * stores the new generation. Sleepers look after each slice of time, so they may look at any moment;
 * the bit that says that somebody sleeps only makes it sooner, and is not here.
 *
 * Checked: never are two inside who live; who comes after one who died inside is told; it does not
 * stay so for ever that somebody wants the lock and nobody living has it.
 *
 * Each of these makes it wrong, and Spin must find that:
 *   BY_STORE       the heir stores his token: two of them may
 *   SILENT         who inherits is not told
 *   NO_GENERATION  a token is only the slot: the dead one's lock looks like the next one's
 *   NO_TAKEOVER    nobody inherits
 */

#define PROCESSES 3
#define KILLS 2
#define TURNS 1 /* of each, those who follow in its slot included */

/* 0 is nobody. */
#ifdef NO_GENERATION
#define token_of(slot) (slot + 1)
#else
#define token_of(slot) (slot + 4 * generation[slot] + 1)
#endif
#define slot_of(token) ((token - 1) % 4)

byte word; /* the owner's token */
byte generation[PROCESSES];
bit has_slot[PROCESSES]; /* the kernel's word */
bit killed[PROCESSES];
bit wants[PROCESSES], holds[PROCESSES], inside[PROCESSES];
bit half_done; /* somebody is inside, or died there */
byte kills;

#define is_dead(token) (!has_slot[slot_of (token)] || token_of (slot_of (token)) != token)
#ifdef NO_TAKEOVER
#define may_inherit false
#else
#define may_inherit (word != 0 && word != mine && is_dead (word))
#endif
#ifdef SILENT
#define told_by_death 0
#else
#define told_by_death 1
#endif

inline take ()
{
  if
  :: atomic { word == 0 -> word = mine; holds[me] = 1; told = 0 }
#ifdef BY_STORE
  :: may_inherit -> atomic { word = mine; holds[me] = 1; told = 1 }
#else
  :: atomic { may_inherit -> word = mine; holds[me] = 1; told = told_by_death }
#endif
  fi
}

inline take_turn ()
{
  wants[me] = 1;
  take ();
  d_step {
    wants[me] = 0;
    assert (!inside[0] && !inside[1] && !inside[2]);
    assert (!half_done || told);
    inside[me] = 1;
    half_done = 1
  };
  d_step { inside[me] = 0; half_done = 0 };
  d_step {
    holds[me] = 0;
    word = (word == mine -> 0 : word)
  }
}

proctype user (byte me)
{
  byte turns, mine;
  bit told;

  do
  :: turns < TURNS ->
     {
       has_slot[me] = 1;
       generation[me]++;
       mine = token_of (me);
       do
       :: turns < TURNS -> take_turn (); atomic { turns++; told = 0 }
       :: else -> break
       od
     } unless { killed[me] };
     if
     :: killed[me] ->
        d_step { wants[me] = 0; holds[me] = 0; inside[me] = 0 };
        d_step { has_slot[me] = 0; killed[me] = 0; mine = 0; told = 0 }
     :: else -> has_slot[me] = 0
     fi
  :: else -> break
  od
}

active proctype killer ()
{
  do
  :: kills < KILLS ->
     atomic {
       if
       :: has_slot[0] -> killed[0] = 1
       :: has_slot[1] -> killed[1] = 1
       :: has_slot[2] -> killed[2] = 1
       fi;
       kills++
     }
  :: break
  od
}

init
{
  atomic {
    run user (0);
    run user (1);
    run user (2)
  }
}

#define has_it(process) (holds[process] && !killed[process])
#define lacks(process) (wants[process] && !killed[process])
#define stuck                                                                                      \
  ((lacks (0) || lacks (1) || lacks (2)) && !has_it (0) && !has_it (1) && !has_it (2))
ltl the_lock_goes_on { ! <> [] stuck }
