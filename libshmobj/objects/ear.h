/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"

#include <gio/gio.h>

/* What a main context has to hear a bell with (objects/ear.c). */
typedef struct _Ear Ear;

/* @bell must live as long as the caller has the ear. NULL with errno set. */
Ear *ear_get (const Broadcast *bell, GMainContext *context);
void ear_unref (Ear *ear);

int ear_fd (const Ear *ear); /* (unowned): readable when it heard something */
void ear_empty (Ear *ear);   /* makes it silent, and counts */
guint32 ear_heard (Ear *ear);
