/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.SharedMemory on a ShmobjSharedMemory. */

#include "bus/arguments.h"
#include "bus/attach.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "objects/shmobj-shared-memory.h"

static GObject *
open_memory (ShmobjManager *manager,
             const char *name,
             ShmobjOpenFlags flags,
             GVariantDict *options,
             GError **error)
{
  guint64 size;

  if (!bus_option_take_uint64 (options, "size", G_MAXUINT64, &size, error))
    return NULL;
  return (GObject *) shmobj_manager_open_memory (manager, name, flags, size, NULL, error);
}

static ShmobjSharedMemory *
memory_of (BusObject *object)
{
  return SHMOBJ_SHARED_MEMORY (object->object);
}

static GVariant *
run_read (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  guint64 offset, length;

  g_variant_get (parameters, "(tt)", &offset, &length);
  bytes = shmobj_shared_memory_read_bytes (memory_of (object), offset, length, error);
  if (bytes == NULL)
    return NULL;
  return g_variant_new ("(@ay)", g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE));
}

static GVariant *
run_write (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) array = NULL;
  const guint8 *data;
  guint64 offset;
  gsize size;

  g_variant_get (parameters, "(t@ay)", &offset, &array);
  data = g_variant_get_fixed_array (array, &size, 1);
  return bus_body_done (
      shmobj_shared_memory_write_data (memory_of (object), offset, data, size, error));
}

static const BusMethod methods[] = {
  { "Read", run_read, NULL },
  { "Write", run_write, NULL },
  { "Attach", NULL, bus_attach_start },
  { NULL, NULL, NULL },
};

const BusInterface bus_shared_memory_interface = {
  .info = &org_shmobj_manager1_shared_memory_interface,
  .kind = "shared-memory",
  .methods = methods,
  .open = open_memory,
};
