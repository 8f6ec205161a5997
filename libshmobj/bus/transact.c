/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager1.Transact: calls of several lists, dicts and values that happen together or not at all.
 *
 * The operations are those methods that the adapters run at once, on the same objects, with the
 * arguments checked here as GDBus checks those of a single call; and those of the root, which make
 * and remove objects. Each is looked up when it is its turn, for it may be on what an earlier one
 * has made. What the bus is told about such objects waits on a stage (object-manager.c). The answer
 * is weighed before the transaction is committed: what could not be sent has not happened. The
 * service does nothing else meanwhile, so nobody keeps the gate while he waits for a client. Where
 * the gate is another's the call is tried again (dispatch.c).
 */

#include "bus/transact.h"

#include "bus/service.h"
#include "bus/values.h"
#include "base/shmobj-error.h"
#include "manager/manager-private.h"
#include "manager/shmobj-transaction.h"

typedef struct
{
  BusObject *object; /* (owned) */
  const BusMethod *method;
  GVariant *arguments; /* (owned) */
  const char *name;    /* (unowned): as the caller wrote it */
} Operation;

static void
operation_clear (Operation *operation)
{
  g_clear_pointer (&operation->object, bus_object_unref);
  g_clear_pointer (&operation->arguments, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Operation, operation_clear)

static const BusInterface *
interface_of (BusObject *object)
{
  if (object == object->service->root)
    return &bus_manager_interface;
  return SHMOBJ_IS_CONTAINER (object->object) ? object->interface : NULL;
}

static const BusMethod *
find_method (BusObject *object, const char *name, const char **short_name)
{
  const BusInterface *interface = interface_of (object);
  gsize length;

  if (interface == NULL)
    return NULL;
  length = strlen (interface->info->name);
  if (strncmp (name, interface->info->name, length) != 0 || name[length] != '.')
    return NULL;

  *short_name = name + length + 1;
  for (const BusMethod *method = interface->methods; method->name != NULL; method++)
    if (method->run != NULL && method->run != bus_run_transact &&
        g_str_equal (method->name, *short_name))
      return method;
  return NULL;
}

static gboolean
check_arguments (const Operation *operation, const char *method, GError **error)
{
  GDBusMethodInfo *info = g_dbus_interface_info_lookup_method (
      (GDBusInterfaceInfo *) interface_of (operation->object)->info, method);
  g_autoptr (GString) wanted = g_string_new ("(");

  for (GDBusArgInfo **in = info->in_args; in != NULL && *in != NULL; in++)
    g_string_append (wanted, (*in)->signature);
  g_string_append_c (wanted, ')');
  if (g_variant_is_of_type (operation->arguments, G_VARIANT_TYPE (wanted->str)))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "arguments of type “%.40s”, it takes “%s”",
               g_variant_get_type_string (operation->arguments), wanted->str);
  return FALSE;
}

/* D-Bus has no empty tuple. */
static gboolean
is_none (GVariant *arguments)
{
  return g_variant_is_of_type (arguments, G_VARIANT_TYPE_SIGNATURE) &&
         g_variant_get_string (arguments, NULL)[0] == '\0';
}

static gboolean
read_operation (BusService *service, GVariant *given, Operation *operation, GError **error)
{
  const char *path, *method = NULL;

  g_variant_get (given, "(&o&sv)", &path, &operation->name, &operation->arguments);
  if (is_none (operation->arguments))
    {
      g_variant_unref (operation->arguments);
      operation->arguments = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));
    }
  operation->object = bus_service_at (service, path, error);
  if (operation->object == NULL)
    return FALSE;
  operation->method = find_method (operation->object, operation->name, &method);
  if (operation->method != NULL)
    return check_arguments (operation, method, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s has no such method that can be part of a transaction", path);
  return FALSE;
}

/* Inside the transaction: the objects must be as the caller knows them. */
static gboolean
check_revisions (BusService *service, GVariant *revisions, GError **error)
{
  GVariantIter iter;
  const char *path;
  guint64 known;

  g_variant_iter_init (&iter, revisions);
  while (g_variant_iter_next (&iter, "(&ot)", &path, &known))
    {
      g_autoptr (BusObject) object = bus_service_at (service, path, error);
      guint64 revision = 0;

      if (object == NULL)
        return FALSE;
      if (SHMOBJ_IS_CONTAINER (object->object))
        revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (object->object), error);
      else
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s has no revisions", path);
      if (revision == 0)
        return FALSE;
      if (revision != known)
        {
          g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT,
                       "%s is at revision %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT
                       "; nothing was done",
                       path, revision, known);
          return FALSE;
        }
    }
  return TRUE;
}

/* What an operation returns: a method's one result, or none, which is a signature of nothing. */
static void
add_result (GVariantBuilder *results, GVariant *body)
{
  g_autoptr (GVariant) result = NULL;

  if (g_variant_n_children (body) == 0)
    result = g_variant_ref_sink (g_variant_new_signature (""));
  else
    result = g_variant_get_child_value (body, 0);
  if (g_variant_is_of_type (result, G_VARIANT_TYPE_VARIANT))
    g_variant_builder_add_value (results, result);
  else
    g_variant_builder_add (results, "v", result);
}

static gboolean
run_operation (
    BusService *service, GVariant *given, gsize number, GVariantBuilder *results, GError **error)
{
  g_auto (Operation) operation = { NULL };
  g_autoptr (GVariant) body = NULL;

  if (read_operation (service, given, &operation, error))
    body = operation.method->run (operation.object, operation.arguments, error);
  if (body == NULL)
    {
      g_prefix_error (error, "Operation %" G_GSIZE_FORMAT " (%s): ", number, operation.name);
      return FALSE;
    }
  g_variant_ref_sink (body);
  add_result (results, body);
  return TRUE;
}

/* Their results, an av; NULL with an error, also when they cannot be sent. */
static GVariant *
run_operations (BusService *service, GVariant *given, GError **error)
{
  g_autoptr (GVariant) all = NULL, reply = NULL;
  gsize n = g_variant_n_children (given);
  GVariantBuilder results;

  g_variant_builder_init (&results, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (given, i);

      if (!run_operation (service, child, i, &results, error))
        {
          g_variant_builder_clear (&results);
          return NULL;
        }
    }
  all = g_variant_ref_sink (g_variant_builder_end (&results));
  reply = g_variant_ref_sink (g_variant_new ("(@av)", all));
  return bus_body_fits (reply, error) ? g_steal_pointer (&all) : NULL;
}

static GVariant *
take_revisions (GVariant *options, GError **error)
{
  GVariantDict dict;
  g_autoptr (GVariant) rest = NULL;
  GVariant *revisions;

  g_variant_dict_init (&dict, options);
  revisions = g_variant_dict_lookup_value (&dict, "revisions", G_VARIANT_TYPE ("a(ot)"));
  if (revisions != NULL)
    g_variant_dict_remove (&dict, "revisions");
  rest = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (g_variant_n_children (rest) == 0)
    return revisions != NULL
               ? revisions
               : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("(ot)"), NULL, 0));

  g_clear_pointer (&revisions, g_variant_unref);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "Unknown options, or of another type; there is revisions, an a(ot)");
  return NULL;
}

/* With the transaction begun; it has ended behind it. */
static GVariant *
run_in (BusService *service,
        ShmobjTransaction *transaction,
        GVariant *given,
        GVariant *revisions,
        GError **error)
{
  GVariant *results = NULL;
  gboolean committed;

  bus_opened_begin_stage (service);
  if (check_revisions (service, revisions, error))
    results = run_operations (service, given, error);
  committed = results != NULL && bus_opened_charge_stage (service, error) &&
              shmobj_transaction_commit (transaction, error);
  shmobj_transaction_rollback (transaction);
  bus_opened_end_stage (service, committed);
  if (!committed)
    g_clear_pointer (&results, g_variant_unref);
  return results;
}

GVariant *
bus_run_transact (BusObject *root, GVariant *parameters, GError **error)
{
  ShmobjManager *manager = root->service->manager;
  g_autoptr (GVariant) given = g_variant_get_child_value (parameters, 0);
  g_autoptr (GVariant) options = g_variant_get_child_value (parameters, 1), revisions = NULL;
  g_autoptr (ShmobjTransaction) transaction = NULL;
  g_autoptr (GVariant) results = NULL;

  revisions = take_revisions (options, error);
  if (revisions == NULL)
    return NULL;
  transaction = shmobj_manager_begin (manager, manager_get_timeout (manager), NULL, error);
  if (transaction != NULL)
    results = run_in (root->service, transaction, given, revisions, error);
  return results != NULL ? g_variant_new ("(@av)", results) : NULL;
}
