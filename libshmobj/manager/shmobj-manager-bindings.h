/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "base/shmobj-frame.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-value.h"

/* For language bindings written in C; not introspected. The same calls as in shmobj-list.h,
 * shmobj-dict.h and shmobj-value.h, with the same errors, for frames instead of GVariants. Frames
 * that go in are only read. Frames that come out own their bytes: shmobj_frame_clear(). */

#ifndef __GI_SCANNER__

G_BEGIN_DECLS

/* @interrupt is asked some twenty times a second by each thread that waits until it may write, in
 * any manager of this process. When it answers TRUE, that thread's call fails with
 * G_IO_ERROR_CANCELLED, and nothing has happened. NULL: nobody is asked. */
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_manager_set_interrupt (gboolean (*interrupt) (void));

/* Does it refer to a container? One that was read holds what it refers to until it is cleared. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_frame_is_reference (const ShmobjFrame *frame);

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_append_frame (ShmobjList *self, const ShmobjFrame *frame, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_extend_frames (ShmobjList *self,
                                    const ShmobjFrame *frames,
                                    gsize n_frames,
                                    GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_insert_frame (ShmobjList *self,
                                   gint64 position,
                                   const ShmobjFrame *frame,
                                   GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_list_set_frame (ShmobjList *self, gint64 index, const ShmobjFrame *frame, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_get_frame (ShmobjList *self, gint64 index, ShmobjFrame *out, GError **error);
/* @pickles: FALSE leaves a pickle in the list and says INCOMPATIBLE; so below. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_pop_frame (
    ShmobjList *self, gint64 index, gboolean pickles, ShmobjFrame *out, GError **error);
/* All of one state; @out is to be cleared. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_get_range_frames (
    ShmobjList *self, gint64 start, gint64 end, ShmobjFrameRun *out, GError **error);
/* As shmobj_list_set_slice(). */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_list_set_slice_frames (ShmobjList *self,
                                       gint64 start,
                                       gint64 end,
                                       gint64 step,
                                       const ShmobjFrame *frames,
                                       gsize n_frames,
                                       GError **error);
/* -1 and NOT_FOUND */
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_list_index_frame (ShmobjList *self, const ShmobjFrame *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_list_count_frame (ShmobjList *self, const ShmobjFrame *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_list_remove_value_frame (ShmobjList *self, const ShmobjFrame *value, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_dict_get_frame (ShmobjDict *self, const ShmobjFrame *key, ShmobjFrame *out, GError **error);
/* 1: found, 0: not there, -1: error. @out may be NULL. */
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_dict_lookup_frame (ShmobjDict *self,
                              const ShmobjFrame *key,
                              ShmobjFrame *out,
                              GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_set_frame (ShmobjDict *self,
                                const ShmobjFrame *key,
                                const ShmobjFrame *value,
                                GError **error);
/* 1: there was a value, it is in @out. 0: there was none, @value was set. -1: error. */
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_dict_set_default_frame (ShmobjDict *self,
                                   const ShmobjFrame *key,
                                   const ShmobjFrame *value,
                                   ShmobjFrame *out,
                                   GError **error);
/* Keys and values in turn: @n_pairs of them, all or none. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_update_frames (ShmobjDict *self,
                                    const ShmobjFrame *pairs,
                                    gsize n_pairs,
                                    GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_pop_frame (
    ShmobjDict *self, const ShmobjFrame *key, gboolean pickles, ShmobjFrame *out, GError **error);
/* The key that was set last, and its value. @pickles: FALSE leaves a pickle in the dict and says
 * INCOMPATIBLE. NOT_FOUND: the dict is empty. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_pop_item_frames (
    ShmobjDict *self, gboolean pickles, ShmobjFrame *key, ShmobjFrame *value, GError **error);
/* Keys, or keys and values in turn; @out is to be cleared. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_keys_frames (ShmobjDict *self, ShmobjFrameRun *out, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_items_frames (ShmobjDict *self, ShmobjFrameRun *out, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_value_get_frame (ShmobjValue *self, ShmobjFrame *out, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_value_set_frame (ShmobjValue *self, const ShmobjFrame *frame, GError **error);
/* 1: it was as expected and was set, 0: it was another one, -1: error. */
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_value_compare_and_set_frame (ShmobjValue *self,
                                        const ShmobjFrame *expected,
                                        const ShmobjFrame *frame,
                                        GError **error);

/* As shmobj_container_wait(), except that a signal handler that ran ends it: 0 and @interrupted. */
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_container_wait_interruptible (
    ShmobjContainer *self, guint64 since, gint64 timeout_us, gboolean *interrupted, GError **error);
/* As shmobj_dict_wait_key(), likewise. @unlike may be NULL. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_wait_key_frame (ShmobjDict *self,
                                     const ShmobjFrame *key,
                                     const ShmobjFrame *unlike,
                                     gint64 timeout_us,
                                     gboolean *interrupted,
                                     ShmobjFrame *out,
                                     GError **error);

G_END_DECLS

#endif
