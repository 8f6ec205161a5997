/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Condition on a ShmobjCondition.
 *
 * It tells those who wait in shared memory; there is no Wait. A client that waited would have to
 * hold the condition's lock in between two calls, as an Acquire of its own, and a client that waits
 * without it misses what happens meanwhile. Watch and Event.Wait are for that.
 */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "objects/shmobj-condition.h"

static GObject *
open_condition (ShmobjManager *manager,
                const char *name,
                ShmobjOpenFlags flags,
                GVariantDict *options,
                GError **error)
{
  return (GObject *) shmobj_manager_open_condition (manager, name, flags, NULL, error);
}

static ShmobjCondition *
condition_of (BusObject *object)
{
  return SHMOBJ_CONDITION (object->object);
}

static GVariant *
run_notify (BusObject *object, GVariant *parameters, GError **error)
{
  guint32 n;

  g_variant_get (parameters, "(u)", &n);
  return bus_body_done (shmobj_condition_notify_many (condition_of (object), n, error));
}

static GVariant *
run_notify_all (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_condition_notify_all (condition_of (object), error));
}

static GVariant *
get_waiters (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_condition_get_waiters (condition_of (object)));
}

static GVariant *
get_locked (BusObject *object, GError **error)
{
  ShmobjLock *lock = shmobj_condition_get_lock (condition_of (object));

  return g_variant_new_boolean (lock != NULL && shmobj_lock_is_locked (lock));
}

static const BusMethod methods[] = {
  { "Notify", run_notify, NULL },
  { "NotifyAll", run_notify_all, NULL },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Waiters", get_waiters },
  { "Locked", get_locked },
  { NULL, NULL },
};

const BusInterface bus_condition_interface = {
  .info = &org_shmobj_manager1_condition_interface,
  .kind = "condition",
  .methods = methods,
  .properties = properties,
  .open = open_condition,
};
