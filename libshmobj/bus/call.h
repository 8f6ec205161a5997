/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/clients.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

typedef struct _BusService BusService;
typedef struct _BusInterface BusInterface;

/* An object as the bus sees it. Counted, because calls that wait outlive its removal. */
typedef struct
{
  grefcount references;
  BusService *service; /* (owned) */
  char *name;          /* (owned) (nullable): NULL at the root, and of one that has its path by
                        * reference */
  char *path;          /* (owned) */
  guint64 id;
  const BusInterface *interface; /* of its kind; NULL at the root */
  GObject *object;               /* (owned) (nullable) */
  gpointer state;                /* (owned): of interface->new_state */
  guint openers;                 /* clients that have it open */
} BusObject;

BusObject *bus_object_ref (BusObject *object);
void bus_object_unref (BusObject *object);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BusObject, bus_object_unref)

/* A method call that is not answered yet (bus/call.c). */
typedef struct
{
  BusObject *object;                 /* (owned) */
  GDBusMethodInvocation *invocation; /* (owned) */
  GVariant *parameters;              /* the invocation's */
  GCancellable *cancellable;         /* (owned): cancelled when the caller left the bus */
  BusClientWatch *watch;             /* (owned) */
  BusCharge *pending, *bytes;        /* (owned) (nullable): for waiting, and for its arguments */
  BusCharge *held;                   /* (owned) (nullable): the adapter's, for what it will give */
  gpointer data;                     /* the adapter's */
} BusCall;

/* NULL when it was refused: the caller has too many calls that wait, and this is one. */
BusCall *bus_call_new (BusObject *object, GDBusMethodInvocation *invocation, gboolean waits);
/* The same charge on the caller's account; NULL with LIMITS_EXCEEDED. */
BusCharge *bus_call_charge (BusCall *call, BusLimit limit, guint64 amount, GError **error);
gboolean bus_call_is_abandoned (BusCall *call);
/* The unique name of the caller; "" on a connection without a bus. */
const char *bus_call_sender (BusCall *call);

/* Each ends the call and frees it. Nobody is told when the caller has gone. @body is sunk if
 * floating and may be NULL for (); what cannot be sent becomes an error. */
void bus_call_return (BusCall *call, GVariant *body, GUnixFDList *fds);
void bus_call_return_error (BusCall *call, GError *error);

/* Asks the bus whether the caller is still there; @answer gets the result in a later dispatch. */
typedef void (*BusCallAnswer) (BusCall *call, gboolean alive);
void bus_call_ask_alive (BusCall *call, BusCallAnswer answer);

/* The same for those who have no BusCall: replies to @invocation, which it takes over. */
void bus_reply (GDBusMethodInvocation *invocation, GVariant *body, GUnixFDList *fds);

/* Time-outs of calls that wait: clients give up after 25 s. */
#define BUS_WAIT_MAX_US (20 * G_USEC_PER_SEC)

static inline gint64
bus_wait_limit (gint64 timeout_us)
{
  return timeout_us < 0 || timeout_us > BUS_WAIT_MAX_US ? BUS_WAIT_MAX_US : timeout_us;
}
