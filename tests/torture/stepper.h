/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Runs a function in a child process, instruction by instruction, so that it can be killed right
 * after each change of the memory that it shares with others, and after each system call. Between
 * two such points a death leaves the same behind: so these are all deaths there are. */
typedef struct
{
  pid_t pid;
  guint64 steps;     /* instructions so far */
  guint points;      /* changes and system calls so far */
  gboolean stepping; /* a step is under way */
  gboolean calling;  /* which is a system call */
  GPtrArray *watched;
} Stepper;

typedef enum
{
  STEPPER_STOPPED, /* before its next instruction */
  STEPPER_ASLEEP,  /* in the kernel */
  STEPPER_ENDED,
} StepperState;

/* The child has run @ready (@data); it is about to run @act (@data) and to end. */
void stepper_start (Stepper *self,
                    void (*ready) (gpointer data),
                    void (*act) (gpointer data),
                    gpointer data);
/* Lets the child run to where it stops itself. */
void stepper_skip (Stepper *self);
/* Watches these bytes of shared memory. */
void stepper_watch (Stepper *self, const volatile void *at, gsize size);
/* Until the next point, the end, or sleep. */
StepperState stepper_next (Stepper *self);
/* Exactly one instruction. */
void stepper_one (Stepper *self);
/* Lets the child run to its end, which must be a good one. */
void stepper_release (Stepper *self);
/* Kills the child, if it still lives. */
void stepper_end (Stepper *self);
