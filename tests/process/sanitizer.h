/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* AddressSanitizer's own allocator may be left locked in a child that is forked while a thread is
 * inside of it: then the child hangs. What forks beside threads that allocate asks here whether it
 * may; what the compiler was told decides, so it is the same under every test set-up. */
#if defined(__SANITIZE_ADDRESS__)
#define MAY_FORK_BESIDE_ALLOCATING_THREADS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAY_FORK_BESIDE_ALLOCATING_THREADS 0
#endif
#endif
#ifndef MAY_FORK_BESIDE_ALLOCATING_THREADS
#define MAY_FORK_BESIDE_ALLOCATING_THREADS 1
#endif
