/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How an object becomes a handle and a handle an object again (objects/handle.c). */

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#define HANDLE_TYPE ((const GVariantType *) "(sa{sv}ah)")
#define HANDLE_FDS_MAX 16 /* no class of ours has as many */

/* Makes the object of a handle.
 *
 * @properties is an a{sv} that another process wrote: take from it with handle_get_*(), check what
 * it says. @fds are @n_fds descriptors of our own (dup'ed, close-on-exec); the constructor takes
 * those it keeps with handle_steal_fd() (then they are its own, also if it fails later), and the
 * caller closes what is left, on success and on failure. The result is a new reference, already
 * initialised. */
typedef GObject *(*HandleConstructor) (GVariant *properties, int *fds, gsize n_fds, GError **error);

typedef struct _HandleClass HandleClass;

struct _HandleClass
{
  const char *name; /* "Queue" */
  GType (*get_type) (void);
  HandleConstructor constructor;
  HandleClass *next;
};

void handle_register (HandleClass *handle_class);

/* In the .c file of a class, once: makes its handles known when the library is loaded, so that a
 * process understands them which never used the class before.
 *
 *     HANDLE_CLASS (queue, "Queue", shmobj_queue_get_type, queue_from_handle)
 */
#define HANDLE_CLASS(stem, class_name, type_function, constructor_function)                        \
  static HandleClass stem##_handle_class = { class_name, type_function, constructor_function,      \
                                             NULL };                                               \
  __attribute__ ((constructor)) static void stem##_handle_register (void)                          \
  {                                                                                                \
    handle_register (&stem##_handle_class);                                                        \
  }

/* For to_handle(): appends copies of @fds to @list. @properties is an a{sv}, sunk if floating, or
 * NULL for none. The result is not floating. */
GVariant *handle_new (const char *class_name,
                      GVariant *properties,
                      GUnixFDList *list,
                      const int *fds,
                      gsize n_fds,
                      GError **error);

/* The object of a handle whose parts were looked up already. @fds stay the caller's, except those
 * that become -1. */
GObject *handle_construct (GType expected,
                           const char *class_name,
                           GVariant *properties,
                           int *fds,
                           gsize n_fds,
                           GError **error);

/* Properties of a handle: FALSE with SHMOBJ_ERROR_CORRUPT when missing or of another type. */
gboolean handle_get_uint64 (GVariant *properties, const char *name, guint64 *value, GError **error);
gboolean
handle_get_boolean (GVariant *properties, const char *name, gboolean *value, GError **error);
gboolean handle_get_string (GVariant *properties, const char *name, char **value, GError **error);
/* The number of descriptors must be in [least, most]. */
gboolean handle_check_fds (gsize n_fds, gsize least, gsize most, GError **error);

static inline int
handle_steal_fd (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}
