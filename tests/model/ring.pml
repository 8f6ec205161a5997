/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring (libshmobj/base/ring.c): two writers, two readers, any of whom may be killed at any step.
 *
 * What is here: the guards and taking them over from the dead, the two slots of an end's position,
 * publishing by the word, and the look at the other end's position without its guard. A record is one
 * cell, a position the number of a cell that grows; marks and rounds are not here. Spin lets the
 * steps of processes follow each other in every order, but knows no weaker memory.
 *
 * Checked: a reader gets the message that was put, whole, and each at most once, each writer's in
 * order; at the end each message that its writer was told is put was got or is there, but for one
 * for each killed reader, who may have had it in his hands.
 *
 * Each of these makes it wrong, and Spin must find that:
 *   IN_PLACE    the valid slot is changed, not the spare one
 *   EARLY       published before the record is stored
 *   ONE_LOOK    the other end's word is not looked at again after its slots
 *   NO_ASKING   a guard is taken over although its owner lives
 */

#define CELLS 2
#define MESSAGES (2 - me) /* of each writer: two and one */
#ifndef KILLS
#define KILLS 1
#endif
#define NOBODY 255

byte pub, con;                         /* records written, read */
byte write_pos[2], write_count[2];     /* slots */
byte read_pos[2], read_count[2];
byte write_guard = NOBODY, read_guard = NOBODY;
byte cell[CELLS] = NOBODY;             /* a message: writer * 8 + number; NOBODY: half of one */

bit killed[4];
byte kills, killed_readers, ended, writers_left = 2;
byte put[2];                           /* told that so many are put */
byte got_in_order[2];                  /* the last one that came */
byte got;

#define valid(count, slot_count) (slot_count[0] == count -> 0 : 1)

#ifdef NO_ASKING
#define may_take(guard) true
#else
#define may_take(guard) (guard == NOBODY || killed[guard])
#endif

/* What only the owner of the guard changes is looked at in the same step. */
#define take(guard, word, slot_pos, slot_count) \
  atomic { \
    may_take (guard) -> \
    guard = me; \
    slot = valid (word, slot_count); \
    pos = slot_pos[slot] \
  }

/* The other end's position, without its guard: what a slot says counts only if the word, looked at
 * again, has not changed. */
#ifdef ONE_LOOK
#define same_still(word) true
#else
#define same_still(word) (word == now)
#endif

#define look_at(word, slot_pos, slot_count, position) \
  do \
  :: now = word; \
     pos0 = slot_pos[0]; \
     count0 = slot_count[0]; \
     pos1 = slot_pos[1]; \
     position = (count0 == now -> pos0 : pos1); \
     if \
     :: same_still (word) -> break \
     :: else -> skip \
     fi \
  od

/* The spare slot gets the new position, then the word says that it is the valid one. */
#ifdef IN_PLACE
#define spare slot
#else
#define spare (1 - slot)
#endif

#define move_to(slot_pos, slot_count, word) \
  slot_pos[spare] = pos + 1; \
  slot_count[spare] = pos + 1; \
  word = pos + 1

proctype writer (byte me)
{
  byte number = 1, slot, pos, other, now, pos0, count0, pos1;

  {
    do
    :: number <= MESSAGES ->
       take (write_guard, pub, write_pos, write_count);
       look_at (con, read_pos, read_count, other);
       assert (other <= con); /* room that is not there would be worse than too little */
       d_step { now = 0; pos0 = 0; count0 = 0; pos1 = 0 };
       if
       :: pos - other >= CELLS -> atomic { write_guard = NOBODY; slot = 0; pos = 0; other = 0 }
       :: else ->
#ifdef EARLY
          move_to (write_pos, write_count, pub);
#endif
          cell[pos % CELLS] = NOBODY;
          cell[pos % CELLS] = me * 8 + number;
#ifndef EARLY
          move_to (write_pos, write_count, pub);
#endif
          write_guard = NOBODY;
          d_step { put[me] = number; number++; slot = 0; pos = 0; other = 0 }
       fi
    :: else -> break
    od
  } unless { killed[me] };
  atomic { writers_left--; ended++ }
}

proctype reader (byte me)
{
  byte slot, pos, message;

  {
    do
    :: take (read_guard, con, read_pos, read_count);
       if
       :: pos == pub ->
          atomic { read_guard = NOBODY; slot = 0; pos = 0 };
          if
          :: writers_left == 0 && pub == con -> break
          :: pub != con
          fi
       :: else ->
          message = cell[pos % CELLS];
          move_to (read_pos, read_count, con);
          d_step {
            assert (message != NOBODY);
            assert (message % 8 > got_in_order[message / 8]); /* in order, so none doubled */
            got_in_order[message / 8] = message % 8;
            got++;
            message = 0
          };
          atomic { read_guard = NOBODY; slot = 0; pos = 0 }
       fi
    od
  } unless { killed[me] };
  ended++
}

/* Whoever still runs may be killed, at any time. */
active proctype killer ()
{
  do
  :: kills < KILLS ->
     atomic {
       if
       :: !killed[0] -> killed[0] = 1
       :: !killed[1] -> killed[1] = 1
       :: !killed[2] -> killed[2] = 1; killed_readers++
       :: !killed[3] -> killed[3] = 1; killed_readers++
       fi;
       kills++
     }
  :: break
  od;
  ended == 4 ->
  assert (got + killed_readers + (pub - con) >= put[0] + put[1])
}

init
{
  atomic {
    write_count[1] = NOBODY;
    read_count[1] = NOBODY;
    run writer (0);
    run writer (1);
    run reader (2);
    run reader (3)
  }
}
