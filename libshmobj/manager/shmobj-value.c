/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjValue:
 *
 * A value that processes share: a number that they count with, a setting, the newest of something.
 *
 * [method@Shmobj.Value.add] and [method@Shmobj.Value.compare_and_set] read and change in one step,
 * so nothing that others do in between is lost. For more than one value there are
 * [class@Shmobj.List] and [class@Shmobj.Dict].
 *
 * Values are kept as given. Where they are compared, integers of every width are the same.
 *
 * [class@Shmobj.Container] says what all its methods have in common: threads, forks, errors.
 *
 * ```c
 * g_autoptr (ShmobjValue) visitors = shmobj_manager_open_value (
 *     manager, "visitors", SHMOBJ_OPEN_DEFAULT, g_variant_new_int64 (0), NULL, &error);
 * g_autoptr (GVariant) now = shmobj_value_add (visitors, g_variant_new_int64 (1), &error);
 * ```
 *
 * Since: 1.0
 */

/* A value is one row of the store (value-row.h), so each call is one transaction on one row: a
 * death leaves the old value or the new one. The functions that change may run again when the store
 * had to grow, so they set their results from scratch.
 */

#include "manager/shmobj-value.h"

#include "manager/container.h"
#include "manager/normal.h"
#include "manager/number.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/stored.h"
#include "manager/value-row.h"
#include "objects/handle.h"

#define ROW_BYTES 128 /* what a row needs besides its value */

struct _ShmobjValue
{
  ShmobjContainer parent_instance;
};

struct _ShmobjValueClass
{
  ShmobjContainerClass parent_class;
};

G_DEFINE_FINAL_TYPE (ShmobjValue, shmobj_value, SHMOBJ_TYPE_CONTAINER)

typedef struct
{
  guint64 id;
  const ShmobjFrame *frame; /* what becomes the value */
  const Normal *expected;
  GVariant *amount;
  ShmobjFrame *out;
  GVariant *sum; /* (owned) */
  gboolean equal;
} Call;

enum
{
  PROP_VALUE = 1,
};

static GParamSpec *properties[PROP_VALUE + 1];

static void
shmobj_value_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_VALUE)
    g_value_take_variant (value, shmobj_value_get (SHMOBJ_VALUE (object), NULL));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static gboolean
follow (ShmobjContainer *self, GError **error)
{
  gboolean is_news = self->told != 0;
  ObjectHeader header;

  if (!container_get_header (self, &header, error))
    return FALSE;
  self->told = header.revision;
  if (is_news)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_VALUE]);
  return TRUE;
}

static void
shmobj_value_class_init (ShmobjValueClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = shmobj_value_get_property;
  klass->parent_class.kind = KIND_VALUE;
  klass->parent_class.handle_class = "Value";
  klass->parent_class.follow = follow;

  /**
   * ShmobjValue:value:
   *
   * What it is now, as [method@Shmobj.Value.get] reads it; %NULL when that fails. It is notified of
   * after [method@Shmobj.Container.watch], so it can be bound to.
   *
   * Since: 1.0
   */
  properties[PROP_VALUE] = g_param_spec_variant ("value", NULL, NULL, G_VARIANT_TYPE_ANY, NULL,
                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_value_init (ShmobjValue *self)
{
}

static GObject *
value_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  return container_from_handle (SHMOBJ_TYPE_VALUE, handle_properties, n_fds, error);
}

HANDLE_CLASS (value, "Value", shmobj_value_get_type, value_from_handle)

static gboolean
read_value (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  ValueRow row;

  return value_row_open (&row, txn, call->id, error) &&
         stored_load_frame (&row.frame, call->out, error);
}

gboolean
shmobj_value_get_frame (ShmobjValue *self, ShmobjFrame *out, GError **error)
{
  Call call = { .id = container_get_id (self), .out = out };

  *out = (ShmobjFrame){ 0 };
  if (container_read_frame (self, read_value, &call, out, error))
    return TRUE;
  shmobj_frame_clear (out);
  return FALSE;
}

/**
 * shmobj_value_get:
 * @self: a value
 * @error: return location for an error
 *
 * Reads it. Takes no lock and never blocks. [class@Shmobj.Container] names the errors that every
 * call can have.
 *
 * Returns: (transfer full): what it is now, or %NULL with an error, as
 *   `SHMOBJ_ERROR_INCOMPATIBLE` when it is one that only Python reads
 *
 * Since: 1.0
 */
GVariant *
shmobj_value_get (ShmobjValue *self, GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_VALUE (self), NULL);

  return shmobj_value_get_frame (self, &frame, error) ? stored_take_value (&frame, error) : NULL;
}

static gboolean
do_set (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  ValueRow row;

  if (!value_row_open (&row, txn, call->id, error))
    return FALSE;
  value_row_set (&row, call->frame);
  return TRUE;
}

gboolean
shmobj_value_set_frame (ShmobjValue *self, const ShmobjFrame *frame, GError **error)
{
  Call call = { .id = container_get_id (self), .frame = frame };

  return stored_check_frame (frame, error) &&
         container_write (self, do_set, &call, frame->size + ROW_BYTES, error);
}

/**
 * shmobj_value_set:
 * @self: a value
 * @value: what it becomes; sunk if it is floating
 * @error: return location for an error
 *
 * Puts another value in its place, whatever it was.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NO_SPACE`, `SHMOBJ_ERROR_BUSY`,
 *   `G_IO_ERROR_MESSAGE_TOO_LARGE`, `SHMOBJ_ERROR_NOT_REPRESENTABLE` (@value has descriptors in
 *   it), or an error of those that every call can have
 *
 * Since: 1.0
 */
gboolean
shmobj_value_set (ShmobjValue *self, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_VALUE (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_value_set_frame (self, &frame, error);
}

static gboolean
do_add (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  g_autoptr (GVariant) old = NULL;
  ShmobjFrame frame;
  GVariant *sum;
  ValueRow row;

  g_clear_pointer (&call->sum, g_variant_unref);
  if (!value_row_open (&row, txn, call->id, error) ||
      !stored_load_frame (&row.frame, &frame, error))
    return FALSE;
  old = stored_take_value (&frame, error);
  sum = old != NULL ? number_add (old, call->amount, error) : NULL;
  if (sum == NULL)
    return FALSE;

  call->sum = g_variant_ref_sink (sum);
  shmobj_frame_set_variant (&frame, call->sum);
  value_row_set (&row, &frame);
  return TRUE;
}

/**
 * shmobj_value_add:
 * @self: a value that is a number
 * @amount: a number; sunk if it is floating
 * @error: return location for an error
 *
 * Adds to it, in one step: of many who add at the same time, each is counted.
 *
 * An integer keeps its type as long as the sum fits, then it becomes `x`, then `t`; it never wraps
 * round. With a double on either side the sum is a double.
 *
 * Returns: (transfer full): what it is then, or %NULL with `G_IO_ERROR_INVALID_ARGUMENT` (it or
 *   @amount is no number), `SHMOBJ_ERROR_NOT_REPRESENTABLE` (the sum is no integer of 64 bits;
 *   nothing was added), or an error as of [method@Shmobj.Value.set]
 *
 * Since: 1.0
 */
GVariant *
shmobj_value_add (ShmobjValue *self, GVariant *amount, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  Call call = { 0 };

  g_return_val_if_fail (SHMOBJ_IS_VALUE (self), NULL);
  g_return_val_if_fail (amount != NULL, NULL);

  kept = g_variant_ref_sink (amount);
  call.id = container_get_id (self);
  call.amount = kept;
  if (container_write (self, do_add, &call, ROW_BYTES, error))
    return call.sum;
  g_clear_pointer (&call.sum, g_variant_unref);
  return NULL;
}

static gboolean
do_compare_and_set (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  ValueRow row;

  if (!value_row_open (&row, txn, call->id, error))
    return FALSE;
  call->equal = normal_equals (call->expected, row.frame.data, row.frame.size);
  if (call->equal)
    value_row_set (&row, call->frame);
  return TRUE;
}

int
shmobj_value_compare_and_set_frame (ShmobjValue *self,
                                    const ShmobjFrame *expected,
                                    const ShmobjFrame *frame,
                                    GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .frame = frame, .expected = &normal };
  gboolean done;

  if (!stored_check_frame (frame, error) || !normal_init (&normal, expected, error))
    return -1;
  done = container_write (self, do_compare_and_set, &call, frame->size + ROW_BYTES, error);
  normal_clear (&normal);
  return done ? call.equal : -1;
}

/**
 * shmobj_value_compare_and_set:
 * @self: a value
 * @expected: what it is, as far as the caller knows; sunk if it is floating
 * @value: what it becomes then; sunk if it is floating
 * @error: return location for an error
 *
 * Puts another value in its place if it still is the expected one, in one step. Integers of every
 * width are the same.
 *
 * Returns: %TRUE if so; %FALSE without an error if it was another one, which it then still is;
 *   %FALSE with an error as of [method@Shmobj.Value.set]
 *
 * Since: 1.0
 */
gboolean
shmobj_value_compare_and_set (ShmobjValue *self,
                              GVariant *expected,
                              GVariant *value,
                              GError **error)
{
  g_autoptr (GVariant) kept_expected = NULL, kept = NULL;
  ShmobjFrame expected_frame, frame;

  g_return_val_if_fail (SHMOBJ_IS_VALUE (self), FALSE);
  g_return_val_if_fail (expected != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept_expected = g_variant_ref_sink (expected);
  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&expected_frame, kept_expected);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_value_compare_and_set_frame (self, &expected_frame, &frame, error) > 0;
}
