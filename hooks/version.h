/* SPDX-License-Identifier: MIT */
/* How the real functions are found: in libc's own table (next.c); old versions of libc's (version.c). Between them and table.c. */
#ifndef KS_HOOKS_VERSION_H
#define KS_HOOKS_VERSION_H

#include "hooks/hooks.h"

#pragma GCC visibility push(hidden)
extern char ks_hook_names[];	/* all of hooks.def, in its order, one behind the other */

/* The real functions are libc's, and can be had without a dl call. Known from the constructor on. */
bool ks_next_is_libc(void);
/* Where that is so. version NULL: the usual one. NULL: none that is plain. */
void *ks_next_in_libc(const char *name, const char *version);

/* NULL where there is one version only. */
struct ks_old {
	__typeof__(real.pthread_kill) pthread_kill;
	__typeof__(real.posix_spawn) posix_spawn;
	__typeof__(real.posix_spawnp) posix_spawnp;
};
const struct ks_old *ks_old_versions(void);	/* ks_resolve asks first, where they cost dl calls */
/* Was the object that calls from here linked with the old version? Handler-safe, no dl call; microseconds. */
bool ks_wants_old(uintptr_t caller, const char *name);
#pragma GCC visibility pop

#endif
