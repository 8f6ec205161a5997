/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/shmobj-list-model.h"

/* For who has a source of his own (watching.h): tells of all changes up to now. From the first call
 * on the model changes in these calls only. */
gboolean list_model_catch_up (ShmobjListModel *self, GError **error);
/* Of the list, when the model was as it is. */
guint64 list_model_get_revision (ShmobjListModel *self);
