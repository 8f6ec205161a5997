/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Is a process in a sandbox? (bus/sandbox.c) */

/* The directory in /proc of the process @pid, or of what @pidfd (-1: there is none) stands for; -1
 * with PERMISSION_DENIED. Whatever the number means later: it is of this process, or of none. */
int bus_process_open (guint32 pid, int pidfd, GError **error);
/* FALSE with PERMISSION_DENIED when it is in a sandbox, or that cannot be seen. @label (nullable):
 * what the kernel's security module calls it. */
gboolean bus_process_is_outside (int process, const char *label, GError **error);
