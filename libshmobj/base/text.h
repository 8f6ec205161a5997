/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include <string.h>

/* What somebody else wrote, for an error's message: at most @most bytes of it, as UTF-8. "%.40s"
 * may cut a letter in two, and a message that is not UTF-8 makes PyGObject and gjs fail in turn. */
static inline char *
text_readable (const char *text, gsize most)
{
  return g_utf8_make_valid (text, strnlen (text, most));
}
