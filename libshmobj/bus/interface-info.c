/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The XML files as static data: gdbus-codegen writes it, and its globals have no prototypes of
 * ours. */

#if defined(__clang__) || __GNUC__ >= 14
#pragma GCC diagnostic ignored "-Wmissing-variable-declarations"
#endif

#include "bus/introspection.inc"
