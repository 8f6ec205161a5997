/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager1.Transact: calls of several lists, dicts and values that happen together or not at all.
 *
 * The operations are those methods that the adapters run at once, on the same objects, with the
 * arguments checked here as GDBus checks those of a single call. All of them are looked up before
 * the transaction begins, and the answer is weighed before it is committed: what could not be sent
 * has not happened. The service does nothing else meanwhile, so nobody keeps the gate while he
 * waits for a client. Where the gate is another's the call is tried again (dispatch.c).
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
operation_clear (gpointer data)
{
  Operation *operation = data;

  g_clear_pointer (&operation->object, bus_object_unref);
  g_clear_pointer (&operation->arguments, g_variant_unref);
}

static const BusMethod *
find_method (BusObject *object, const char *name, const char **short_name)
{
  const BusInterface *interface = object->interface;
  gsize length;

  if (interface == NULL || !SHMOBJ_IS_CONTAINER (object->object))
    return NULL;
  length = strlen (interface->info->name);
  if (strncmp (name, interface->info->name, length) != 0 || name[length] != '.')
    return NULL;

  *short_name = name + length + 1;
  for (const BusMethod *method = interface->methods; method->name != NULL; method++)
    if (method->run != NULL && g_str_equal (method->name, *short_name))
      return method;
  return NULL;
}

static gboolean
check_arguments (const Operation *operation, const char *method, GError **error)
{
  GDBusMethodInfo *info = g_dbus_interface_info_lookup_method (
      (GDBusInterfaceInfo *) operation->object->interface->info, method);
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

static gboolean
read_operations (BusService *service, GVariant *given, GArray *operations, GError **error)
{
  gsize n = g_variant_n_children (given);

  g_array_set_clear_func (operations, operation_clear);
  g_array_set_size (operations, n);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (given, i);
      Operation *operation = &g_array_index (operations, Operation, i);

      if (!read_operation (service, child, operation, error))
        {
          g_prefix_error (error, "Operation %" G_GSIZE_FORMAT " (%s): ", i, operation->name);
          return FALSE;
        }
    }
  return TRUE;
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

/* Their results, an av; NULL with an error, also when they cannot be sent. */
static GVariant *
run_operations (GArray *operations, GError **error)
{
  g_autoptr (GVariant) all = NULL, reply = NULL;
  GVariantBuilder results;

  g_variant_builder_init (&results, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < operations->len; i++)
    {
      Operation *operation = &g_array_index (operations, Operation, i);
      g_autoptr (GVariant) body =
          operation->method->run (operation->object, operation->arguments, error);

      if (body == NULL)
        {
          g_prefix_error (error, "Operation %u (%s): ", i, operation->name);
          g_variant_builder_clear (&results);
          return NULL;
        }
      g_variant_ref_sink (body);
      add_result (&results, body);
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

GVariant *
bus_run_transact (BusObject *root, GVariant *parameters, GError **error)
{
  ShmobjManager *manager = root->service->manager;
  g_autoptr (GVariant) given = g_variant_get_child_value (parameters, 0);
  g_autoptr (GVariant) options = g_variant_get_child_value (parameters, 1), revisions = NULL;
  g_autoptr (GArray) operations = g_array_new (FALSE, TRUE, sizeof (Operation));
  g_autoptr (ShmobjTransaction) transaction = NULL;
  g_autoptr (GVariant) results = NULL;

  revisions = take_revisions (options, error);
  if (revisions == NULL || !read_operations (root->service, given, operations, error))
    return NULL;
  transaction = shmobj_manager_begin (manager, manager_get_timeout (manager), NULL, error);
  if (transaction == NULL || !check_revisions (root->service, revisions, error))
    return NULL;
  results = run_operations (operations, error);
  if (results == NULL || !shmobj_transaction_commit (transaction, error))
    return NULL;
  return g_variant_new ("(@av)", results);
}
