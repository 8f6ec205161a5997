/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The XML files as static data: gdbus-codegen writes it, and its globals have no prototypes of
 * ours. */

#ifdef __clang__
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"
#endif

#include "bus/introspection.inc"
