/* SPDX-License-Identifier: MIT */
/*
 * The runtime of gcc's AddressSanitizer wants to be the first library of a process and ends one where
 * it is not ("ASan runtime does not come first in initial library list"), which a program that is
 * built with it and inherits the preload would do. It asks this function, by a symbol that is looked
 * up in the usual order, for its defaults; a user's ASAN_OPTIONS go over them. The program's own
 * definition comes before ours: then only ASAN_OPTIONS=verify_asan_link_order=0 helps.
 * (compiler-rt, lib/asan/asan_flags.cpp and asan_linux.cpp, AsanCheckDynamicRTPrereqs.)
 *
 * Called before any constructor, in a process in which we do nothing but forward.
 */
#include "hooks/hooks.h"

const char *__asan_default_options(void);

KS_EXPORT const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}

/* Its runtime stands in front of the same functions and checks our every load. */
extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));

bool ks_sanitized(void)
{
	return __asan_init || __tsan_init || __msan_init || __hwasan_init;
}
