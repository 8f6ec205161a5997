/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Handles: what is sent instead of an object, and how it becomes one again.
 *
 *     ( s           a{sv}         ah )
 *       class name  properties    descriptors, as indexes into the list that travels beside it
 *
 * Everything in a handle was written by another process, perhaps one that means ill or a newer
 * version of ours. So each part is checked before a class sees it, and everything that can be wrong
 * has its own message. SHMOBJ_ERROR_CORRUPT is what no version of this library writes,
 * SHMOBJ_ERROR_INCOMPATIBLE a class that this version does not know.
 *
 * The classes are a list of static records that constructor functions link when the library is
 * loaded: before any thread of the program exists that could look, so it needs no lock. A record
 * holds the get_type function, not the type, because GObject is not asked for anything while
 * loading.
 */

#include "objects/handle.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/text.h"

static HandleClass *classes;

void
handle_register (HandleClass *handle_class)
{
  handle_class->next = classes;
  classes = handle_class;
}

static const HandleClass *
find_class (const char *name, GError **error)
{
  g_autofree char *shown = NULL;

  for (const HandleClass *found = classes; found != NULL; found = found->next)
    if (g_str_equal (found->name, name))
      return found;

  shown = text_readable (name, 40);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
               "The handle is for an object of class “%s”, which this version of the library "
               "does not know",
               shown);
  return NULL;
}

GVariant *
handle_new (const char *class_name,
            GVariant *properties,
            GUnixFDList *list,
            const int *fds,
            gsize n_fds,
            GError **error)
{
  g_autoptr (GVariant) kept =
      properties != NULL
          ? g_variant_ref_sink (properties)
          : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  GVariantBuilder indexes;

  g_return_val_if_fail (n_fds <= HANDLE_FDS_MAX, NULL);

  g_variant_builder_init (&indexes, G_VARIANT_TYPE ("ah"));
  for (gsize i = 0; i < n_fds; i++)
    {
      int index = g_unix_fd_list_append (list, fds[i], error);

      if (index < 0)
        {
          g_variant_builder_clear (&indexes);
          return NULL;
        }
      g_variant_builder_add (&indexes, "h", index);
    }
  return g_variant_ref_sink (g_variant_new ("(s@a{sv}ah)", class_name, kept, &indexes));
}

GObject *
handle_construct (GType expected,
                  const char *class_name,
                  GVariant *properties,
                  int *fds,
                  gsize n_fds,
                  GError **error)
{
  const HandleClass *found = find_class (class_name, error);

  if (found == NULL)
    return NULL;
  if (!g_type_is_a (found->get_type (), expected))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                   "A %s was expected, and the handle is for a %s", g_type_name (expected),
                   g_type_name (found->get_type ()));
      return NULL;
    }
  return found->constructor (properties, fds, n_fds, error);
}

static GVariant *
get_property (GVariant *properties, const char *name, const char *type, GError **error)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (properties, name, NULL);

  if (value == NULL)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "The handle lacks the property “%s”",
                 name);
  else if (!g_variant_is_of_type (value, G_VARIANT_TYPE (type)))
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                 "The property “%s” of the handle has type “%.40s”, “%s” was expected", name,
                 g_variant_get_type_string (value), type);
  else
    return g_steal_pointer (&value);
  return NULL;
}

gboolean
handle_get_uint64 (GVariant *properties, const char *name, guint64 *value, GError **error)
{
  g_autoptr (GVariant) found = get_property (properties, name, "t", error);

  if (found != NULL)
    *value = g_variant_get_uint64 (found);
  return found != NULL;
}

gboolean
handle_get_boolean (GVariant *properties, const char *name, gboolean *value, GError **error)
{
  g_autoptr (GVariant) found = get_property (properties, name, "b", error);

  if (found != NULL)
    *value = g_variant_get_boolean (found);
  return found != NULL;
}

gboolean
handle_get_string (GVariant *properties, const char *name, char **value, GError **error)
{
  g_autoptr (GVariant) found = get_property (properties, name, "s", error);

  if (found != NULL)
    *value = g_variant_dup_string (found, NULL);
  return found != NULL;
}

gboolean
handle_check_fds (gsize n_fds, gsize least, gsize most, GError **error)
{
  if (n_fds >= least && n_fds <= most)
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "The handle has %" G_GSIZE_FORMAT " descriptors, between %" G_GSIZE_FORMAT
               " and %" G_GSIZE_FORMAT " were expected",
               n_fds, least, most);
  return FALSE;
}
