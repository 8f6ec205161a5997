/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "death-run.h"
#include "stepper.h"

/* What torture-deaths does with blocks: three messages that lie in some, and blocks that somebody
 * took with him. */
void some_loans (Run *run);
void lent_to_the_dead (Run *run);

void child_lends_and_puts (gpointer run);
void child_lends_and_returns (gpointer run);
void child_takes (gpointer run);
void child_takes_and_is_done (gpointer run);
void child_sweeps (gpointer run);
void child_trims (gpointer run);

void watch_pool (Stepper *stepper, Run *run);
/* With nothing in the queue: every block is free, and all of the pool is to be had. */
void expect_whole_pool (Run *run);
