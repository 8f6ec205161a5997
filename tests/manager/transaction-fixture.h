/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Transactions of the fixture's manager, which must begin and end well. */

#include "containers-fixture.h"

#define WAIT_US (60 * G_USEC_PER_SEC)

static inline ShmobjTransaction *
begin (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = shmobj_manager_begin (self->manager, WAIT_US, NULL, &error);

  g_assert_no_error (error);
  return transaction;
}

static inline void
commit (ShmobjTransaction *transaction)
{
  g_autoptr (GError) error = NULL;

  shmobj_transaction_commit (transaction, &error);
  g_assert_no_error (error);
  g_object_unref (transaction);
}

static inline void
roll_back (ShmobjTransaction *transaction)
{
  shmobj_transaction_rollback (transaction);
  g_object_unref (transaction);
}
