/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#define FILE_SIZE_MAX 1024

/* The file “format” of a manager's directory: whose it is, in words, before anything is mapped. */

gboolean format_file_write (int directory_fd, gboolean durable, GError **error);
/* INCOMPATIBLE names both versions; @path is for the message. */
gboolean format_file_check (int directory_fd, const char *path, gboolean *durable, GError **error);

/* The file “namespace”: the pid namespace of all users of the directory. */
gboolean namespace_file_write (int directory_fd, GError **error);
gboolean namespace_file_check (int directory_fd, const char *path, GError **error);

/* Small files of text, replaced whole, on the disk when it returns (but for the name). */
gboolean format_write_small (int directory_fd, const char *file, const char *text, GError **error);
gboolean
format_read_small (int directory_fd, const char *file, char text[FILE_SIZE_MAX], int *code);
