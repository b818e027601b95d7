/* SPDX-License-Identifier: MIT */
/* Old versions of functions of libc: see version.c. */
#ifndef KS_HOOKS_VERSION_H
#define KS_HOOKS_VERSION_H

#include "hooks/hooks.h"

#pragma GCC visibility push(hidden)
/* NULL where there is one version only. */
extern struct ks_old {
	__typeof__(real.pthread_kill) pthread_kill;
	__typeof__(real.posix_spawn) posix_spawn;
	__typeof__(real.posix_spawnp) posix_spawnp;
} ks_old;
void ks_versions_find(void);		/* ks_resolve: dl calls */
/* Was the object that calls from here linked with the old version? Handler-safe, no dl call; microseconds. */
bool ks_wants_old(uintptr_t caller, const char *name);
#pragma GCC visibility pop

#endif
