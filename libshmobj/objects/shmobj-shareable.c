/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shareable: passing objects on to other processes.
 *
 * The one thing a class does is to_handle(); the rest is here. Handles themselves are in
 * objects/handle.c.
 *
 * A child process that is started with an exec gets its objects by inheritance: descriptors under
 * numbers that pass_to() chooses, and an environment variable SHMOBJ_INHERIT_<name> with the handle
 * as text, in which the numbers stand where indexes stand otherwise. The descriptors are numbered
 * in the child as they are in the parent: each of them is open there for as long as the launcher
 * exists, so no two objects that are passed to one launcher can collide.
 *
 * take_inherited() copies, and closes the originals only once the object exists. So a variable that
 * lies (or that a grandchild inherited without the descriptors) harms nothing: the checks of the
 * class refuse what is there.
 */

#include "objects/shmobj-shareable.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/text.h"
#include "objects/handle.h"

#include <errno.h>
#include <stdio.h>

#define INHERIT_PREFIX "SHMOBJ_INHERIT_"
#define INHERIT_FROM_FD 64 /* above what a user of the launcher is likely to choose himself */

/**
 * ShmobjShareable:
 *
 * An object that can be passed on to other processes.
 *
 * Children made by fork() share it anyway. For all others it becomes a *handle*: a small
 * [struct@GLib.Variant] and some descriptors in a [class@Gio.UnixFDList], which go over D-Bus or a
 * socket and become an object again with [func@Shmobj.Shareable.new_from_handle]. Children started
 * with [class@Gio.Subprocess] get it by [method@Shmobj.Shareable.pass_to] and
 * [func@Shmobj.Shareable.take_inherited].
 *
 * Whoever has a handle's descriptors has all of the object: there is no weaker form of access.
 *
 * Since: 1.0
 */
G_DEFINE_INTERFACE (ShmobjShareable, shmobj_shareable, G_TYPE_OBJECT)

static void
shmobj_shareable_default_init (ShmobjShareableInterface *iface)
{
}

/**
 * shmobj_shareable_to_handle:
 * @self: an object
 * @fds: where to append the descriptors
 * @error: return location for an error
 *
 * Makes a handle: a variant of type `(sa{sv}ah)`, with the class name, properties, and the indexes
 * that the descriptors got in @fds. @fds keeps copies of the descriptors, so the handle is good
 * even if @self ends first. One list can take the descriptors of several handles.
 *
 * Never blocks. Fails with `SHMOBJ_ERROR_CLOSED` when the object was closed, with
 * `G_IO_ERROR_NOT_SUPPORTED` when this one cannot be passed on, and with what the kernel says when
 * no more descriptors can be had (then @fds may have grown).
 *
 * Returns: (transfer full): the handle, not floating
 *
 * Since: 1.0
 */
GVariant *
shmobj_shareable_to_handle (ShmobjShareable *self, GUnixFDList *fds, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_SHAREABLE (self), NULL);
  g_return_val_if_fail (G_IS_UNIX_FD_LIST (fds), NULL);

  return SHMOBJ_SHAREABLE_GET_IFACE (self)->to_handle (self, fds, error);
}

static gboolean
check_expected (GType expected, GError **error)
{
  if (g_type_is_a (expected, SHMOBJ_TYPE_SHAREABLE))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "“%s” is not a type that handles are made of",
               expected != G_TYPE_INVALID ? g_type_name (expected) : "invalid");
  return FALSE;
}

static void
close_all (int *fds, gsize n_fds)
{
  for (gsize i = 0; i < n_fds; i++)
    sys_close (fds[i]);
}

/* Copies of the descriptors that the handle names, in its order. */
static gboolean
copy_fds (GVariant *indexes, GUnixFDList *list, int *fds, gsize *n_fds, GError **error)
{
  gint length = list != NULL ? g_unix_fd_list_get_length (list) : 0;
  gsize n = g_variant_n_children (indexes);

  *n_fds = 0;
  if (!handle_check_fds (n, 0, HANDLE_FDS_MAX, error))
    return FALSE;

  for (; *n_fds < n; (*n_fds)++)
    {
      gint32 index;

      g_variant_get_child (indexes, *n_fds, "h", &index);
      if (index < 0 || index >= length)
        {
          g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                       "The handle names descriptor %d, and %d came with it", index, length);
          return FALSE;
        }
      fds[*n_fds] = g_unix_fd_list_get (list, index, error);
      if (fds[*n_fds] < 0)
        return FALSE;
    }
  return TRUE;
}

/**
 * shmobj_shareable_new_from_handle:
 * @expected: the type that the object must have; `SHMOBJ_TYPE_SHAREABLE` for any
 * @handle: a handle, from [method@Shmobj.Shareable.to_handle] of any process
 * @fds: (nullable): the list with the handle's descriptors; it stays as it is
 * @error: return location for an error
 *
 * Makes the object of a handle. It is the same object as in the process that made the handle: what
 * one does to it, all see.
 *
 * Never blocks. A handle may come from anybody: whatever is wrong with it is an error, namely
 * `SHMOBJ_ERROR_WRONG_KIND` if it is for something else than @expected, `SHMOBJ_ERROR_INCOMPATIBLE`
 * if another version of the library made it, `SHMOBJ_ERROR_CORRUPT` if none did,
 * `G_IO_ERROR_PERMISSION_DENIED` if its memory could be pulled away by its sender,
 * `G_IO_ERROR_INVALID_ARGUMENT` if @expected is no shareable type.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
ShmobjShareable *
shmobj_shareable_new_from_handle (GType expected,
                                  GVariant *handle,
                                  GUnixFDList *fds,
                                  GError **error)
{
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) indexes = NULL;
  int copies[HANDLE_FDS_MAX];
  GObject *object = NULL;
  const char *name;
  gsize n_fds;

  g_return_val_if_fail (handle != NULL, NULL);
  g_return_val_if_fail (fds == NULL || G_IS_UNIX_FD_LIST (fds), NULL);

  if (!check_expected (expected, error))
    return NULL;
  if (!g_variant_is_of_type (handle, HANDLE_TYPE))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "Not a handle: its type is “%.40s”, “%s” was expected",
                   g_variant_get_type_string (handle), (const char *) HANDLE_TYPE);
      return NULL;
    }

  g_variant_get (handle, "(&s@a{sv}@ah)", &name, &properties, &indexes);
  if (copy_fds (indexes, fds, copies, &n_fds, error))
    object = handle_construct (expected, name, properties, copies, n_fds, error);
  close_all (copies, n_fds);
  return (ShmobjShareable *) object;
}

/* The environment variable for @name: letters and digits stay, any other byte becomes _XX. */
static char *
variable_name (const char *name)
{
  GString *variable = g_string_new (INHERIT_PREFIX);

  for (const char *c = name; *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (variable, *c);
    else
      g_string_append_printf (variable, "_%02X", (guchar) *c);
  return g_string_free (variable, FALSE);
}

/* Like g_unix_fd_list_steal_fds(), but under high numbers; the list keeps its own. */
static gboolean
raise_fds (GUnixFDList *list, GArray *raised, GError **error)
{
  gint n_fds;
  const int *fds = g_unix_fd_list_peek_fds (list, &n_fds);

  for (gint i = 0; i < n_fds; i++)
    {
      int fd = fcntl (fds[i], F_DUPFD_CLOEXEC, INHERIT_FROM_FD);

      if (fd < 0) /* no number is as high as that here */
        fd = fcntl (fds[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
      if (fd < 0)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                       "Cannot copy a descriptor for a child process: %s", g_strerror (errno));
          close_all ((int *) raised->data, raised->len);
          return FALSE;
        }
      g_array_append_val (raised, fd);
    }
  return TRUE;
}

/* The handle with the child's descriptors in place of indexes. */
static char *
inheritable_text (GVariant *handle, const int *fds)
{
  g_autoptr (GVariant) properties = NULL, indexes = NULL, renumbered = NULL;
  GVariantBuilder numbers;
  const char *name;

  g_variant_get (handle, "(&s@a{sv}@ah)", &name, &properties, &indexes);
  g_variant_builder_init (&numbers, G_VARIANT_TYPE ("ah"));
  for (gsize i = 0; i < g_variant_n_children (indexes); i++)
    {
      gint32 index;

      g_variant_get_child (indexes, i, "h", &index);
      g_variant_builder_add (&numbers, "h", fds[index]);
    }
  renumbered = g_variant_ref_sink (g_variant_new ("(s@a{sv}ah)", name, properties, &numbers));
  return g_variant_print (renumbered, TRUE);
}

/**
 * shmobj_shareable_pass_to:
 * @self: an object
 * @launcher: what will start the child
 * @name: what the child will ask for; any text
 * @error: return location for an error
 *
 * Gives the object to every process that @launcher starts from now on: it takes it with
 * [func@Shmobj.Shareable.take_inherited] and the same @name. A second object of the same name takes
 * the place of the first.
 *
 * The launcher gets copies of the descriptors, under numbers from 64 on where the limit allows, and
 * an environment variable; so call this after [method@Gio.SubprocessLauncher.set_environ].
 *
 * Never blocks. Fails as [method@Shmobj.Shareable.to_handle] does, and then @launcher is as it was.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_shareable_pass_to (ShmobjShareable *self,
                          GSubprocessLauncher *launcher,
                          const char *name,
                          GError **error)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GVariant) handle = NULL;
  g_autofree char *variable = NULL, *text = NULL;

  g_return_val_if_fail (SHMOBJ_IS_SHAREABLE (self), FALSE);
  g_return_val_if_fail (G_IS_SUBPROCESS_LAUNCHER (launcher), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  handle = shmobj_shareable_to_handle (self, list, error);
  if (handle == NULL || !raise_fds (list, fds, error))
    return FALSE;

  variable = variable_name (name);
  text = inheritable_text (handle, (const int *) fds->data);
  for (guint i = 0; i < fds->len; i++)
    {
      int fd = g_array_index (fds, int, i);

      g_subprocess_launcher_take_fd (launcher, fd, fd);
    }
  g_subprocess_launcher_setenv (launcher, variable, text, TRUE);
  return TRUE;
}

/* Descriptors by number: copied into @copies, the numbers left in @originals. */
static gboolean
copy_inherited (GVariant *numbers, int *originals, int *copies, gsize *n_fds, GError **error)
{
  gsize n = g_variant_n_children (numbers);

  *n_fds = 0;
  if (!handle_check_fds (n, 0, HANDLE_FDS_MAX, error))
    return FALSE;

  for (; *n_fds < n; (*n_fds)++)
    {
      int *fd = &originals[*n_fds];

      g_variant_get_child (numbers, *n_fds, "h", fd);
      copies[*n_fds] = *fd > STDERR_FILENO ? fcntl (*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
      if (copies[*n_fds] < 0)
        {
          int code = *fd > STDERR_FILENO ? errno : EBADF;

          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                       "Cannot take the inherited descriptor %d: %s", *fd, g_strerror (code));
          return FALSE;
        }
    }
  return TRUE;
}

static GObject *
take_from_text (const char *text, GType expected, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GVariant) properties = NULL, numbers = NULL;
  g_autoptr (GVariant) handle = g_variant_parse (HANDLE_TYPE, text, NULL, NULL, &reason);
  int originals[HANDLE_FDS_MAX], copies[HANDLE_FDS_MAX];
  GObject *object = NULL;
  const char *class_name;
  gsize n_fds;

  if (handle == NULL)
    {
      g_autofree char *shown = text_readable (text, 80);

      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The inherited text “%s” is not a handle: %s", shown, reason->message);
      return NULL;
    }

  g_variant_get (handle, "(&s@a{sv}@ah)", &class_name, &properties, &numbers);
  if (copy_inherited (numbers, originals, copies, &n_fds, error))
    object = handle_construct (expected, class_name, properties, copies, n_fds, error);
  close_all (copies, n_fds);
  if (object != NULL)
    close_all (originals, n_fds);
  return object;
}

/**
 * shmobj_shareable_take_inherited:
 * @name: the name that the parent gave it in [method@Shmobj.Shareable.pass_to]
 * @expected: the type that the object must have; `SHMOBJ_TYPE_SHAREABLE` for any
 * @error: return location for an error
 *
 * Takes an object that the parent process passed to this one, once: it is then gone from the
 * environment, and programs that this one starts do not inherit it.
 *
 * Never blocks. It changes the environment, so call it before other threads run that may look into
 * that. Fails with `G_IO_ERROR_NOT_FOUND` if there is none of that name or it was taken already,
 * else as [func@Shmobj.Shareable.new_from_handle] does, and then it is still there.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
ShmobjShareable *
shmobj_shareable_take_inherited (const char *name, GType expected, GError **error)
{
  static GMutex lock;
  g_autofree char *variable = NULL;
  GObject *object = NULL;
  const char *text;

  g_return_val_if_fail (name != NULL, NULL);

  if (!check_expected (expected, error))
    return NULL;

  variable = variable_name (name);
  g_mutex_lock (&lock);
  text = g_getenv (variable);
  if (text == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "The parent process passed no object “%s” to this one, or it was taken already",
                 name);
  else
    object = take_from_text (text, expected, error);
  if (object != NULL)
    g_unsetenv (variable);
  g_mutex_unlock (&lock);
  return (ShmobjShareable *) object;
}
