/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the targets share: taking an input apart, and what every error must be. A target must not
 * depend on anything but its input, so that an input can be tried again. */

#include "base/shmobj-error.h"

#include <gio/gio.h>
#include <string.h>

/* The target, as libFuzzer calls it. */
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What is left of an input. At its end there are zeros. */
typedef struct
{
  const guint8 *data;
  gsize size;
} Input;

static inline void
input_take (Input *input, gpointer to, gsize size)
{
  gsize there = MIN (size, input->size);

  memset (to, 0, size);
  if (there == 0)
    return;
  memcpy (to, input->data, there);
  input->data += there;
  input->size -= there;
}

static inline guint8
input_byte (Input *input)
{
  guint8 byte;

  input_take (input, &byte, sizeof byte);
  return byte;
}

static inline guint32
input_word (Input *input)
{
  guint32 word;

  input_take (input, &word, sizeof word);
  return word;
}

/* A call failed with this: one that says something, in letters that every language can show. */
static inline void
expect_error (GError **error)
{
  g_assert_nonnull (*error);
  g_assert_true ((*error)->domain == SHMOBJ_ERROR || (*error)->domain == G_IO_ERROR);
  g_assert_cmpuint (strlen ((*error)->message), >, 10);
  g_assert_true (g_utf8_validate ((*error)->message, -1, NULL));
  g_clear_error (error);
}

/* A call either succeeded or says why not. */
static inline void
expect_either (gboolean success, GError **error)
{
  if (success)
    g_assert_no_error (*error);
  else
    expect_error (error);
}

/* A value that somebody else wrote: every part of it can be looked at. */
static inline void
expect_value (GVariant *value, GError **error)
{
  g_autofree char *text = NULL;

  expect_either (value != NULL, error);
  if (value == NULL)
    return;
  text = g_variant_print (value, TRUE);
  g_assert_nonnull (text);
  g_variant_unref (value);
}
