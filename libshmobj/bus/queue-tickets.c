/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages that clients have received and not confirmed.
 *
 * A ticket is a number of the service for a message in its hands, and whose it is. It ends by
 * Confirm (the message is done), by Return, when the caller leaves the bus, or when the caller has
 * said nothing for CONFIRM_US: then it has perhaps given up before the reply came, and knows
 * nothing of it (all three: back to the front of the queue). Who needs longer says Keep. If the
 * service dies the queue itself gives the messages back.
 */

#include "bus/names.h"
#include "bus/queue-interface.h"
#include "bus/service.h"

#define CONFIRM_US (30 * G_USEC_PER_SEC)

struct _BusTickets
{
  BusObject *object;   /* ours */
  GHashTable *tickets; /* guint64 -> Ticket */
  guint64 last;
};

typedef struct
{
  BusTickets *tickets;
  guint64 number;
  char *sender;           /* (owned) */
  BusObject *object;      /* (owned): the queue stays for as long as somebody has a message of it */
  ShmobjMessage *message; /* (owned): goes back if it is not done */
  BusClientWatch *watch;  /* (owned) */
  BusCharge *charge, *bytes; /* (owned) */
  GSource *time;             /* (owned) (nullable): until it is kept */
} Ticket;

static void
forget_time (Ticket *ticket)
{
  if (ticket->time == NULL)
    return;
  g_source_destroy (ticket->time);
  g_clear_pointer (&ticket->time, g_source_unref);
}

static void
ticket_free (gpointer data)
{
  Ticket *ticket = data;

  forget_time (ticket);
  bus_client_watch_free (ticket->watch);
  bus_charge_free (ticket->charge);
  bus_charge_free (ticket->bytes);
  shmobj_message_unref (ticket->message);
  g_free (ticket->sender);
  bus_object_unref (ticket->object);
  g_free (ticket);
}

static void
end_ticket (Ticket *ticket)
{
  g_hash_table_steal (ticket->tickets->tickets, &ticket->number);
  ticket_free (ticket); /* perhaps the last that kept the object, and the table with it */
}

static void
on_caller_gone (gpointer data)
{
  end_ticket (data);
}

static gboolean
on_time_over (gpointer data)
{
  end_ticket (data);
  return G_SOURCE_REMOVE;
}

BusTickets *
bus_tickets_new (BusObject *object)
{
  BusTickets *tickets = g_new0 (BusTickets, 1);

  tickets->object = object;
  tickets->tickets = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, ticket_free);
  return tickets;
}

void
bus_tickets_free (BusTickets *tickets)
{
  g_hash_table_unref (tickets->tickets); /* is empty: a ticket keeps the object */
  g_free (tickets);
}

guint64
bus_tickets_add (BusTickets *tickets,
                 const char *sender,
                 ShmobjMessage *message,
                 BusCharge *charge,
                 BusCharge *bytes)
{
  Ticket *ticket = g_new0 (Ticket, 1);

  ticket->tickets = tickets;
  ticket->number = ++tickets->last;
  ticket->sender = g_strdup (sender);
  ticket->object = bus_object_ref (tickets->object);
  ticket->message = message;
  ticket->charge = charge;
  ticket->bytes = bytes;
  ticket->watch =
      bus_client_watch_new (tickets->object->service->clients, sender, on_caller_gone, ticket);
  ticket->time = g_timeout_source_new (CONFIRM_US / 1000);
  g_source_set_callback (ticket->time, on_time_over, ticket, NULL);
  g_source_attach (ticket->time, g_main_context_get_thread_default ());
  g_hash_table_insert (tickets->tickets, &ticket->number, ticket);
  return ticket->number;
}

/* The tickets that the call names, once each; NULL with an error when one of them is not the
 * caller's. */
static GPtrArray *
find_all (BusCall *call, GError **error)
{
  BusTickets *tickets = call->object->state;
  g_autoptr (GVariant) array = g_variant_get_child_value (call->parameters, 0);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  gsize n;
  const guint64 *numbers = g_variant_get_fixed_array (array, &n, sizeof *numbers);

  for (gsize i = 0; i < n; i++)
    {
      Ticket *ticket = g_hash_table_lookup (tickets->tickets, &numbers[i]);

      if (ticket == NULL || !g_str_equal (ticket->sender, bus_call_sender (call)))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                       "You have no message %" G_GUINT64_FORMAT
                       " of this queue: it was confirmed, or is back in the queue",
                       numbers[i]);
          return NULL;
        }
      if (!g_ptr_array_find (found, ticket, NULL))
        g_ptr_array_add (found, ticket);
    }
  return g_steal_pointer (&found);
}

/* All or none. */
static void
for_all (BusCall *call, void (*function) (Ticket *ticket))
{
  GError *error = NULL;
  g_autoptr (GPtrArray) found = find_all (call, &error);

  if (found == NULL)
    {
      bus_call_return_error (call, error);
      return;
    }
  for (guint i = 0; i < found->len; i++)
    function (found->pdata[i]);
  bus_call_return (call, NULL, NULL);
}

static void
confirm (Ticket *ticket)
{
  (void) shmobj_message_done (ticket->message, NULL);
  end_ticket (ticket);
}

void
bus_queue_start_confirm (BusCall *call)
{
  for_all (call, confirm);
}

void
bus_queue_start_return (BusCall *call)
{
  for_all (call, end_ticket);
}

void
bus_queue_start_keep (BusCall *call)
{
  for_all (call, forget_time);
}
