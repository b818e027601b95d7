/* SPDX-License-Identifier: MIT */
/*
 * Functions of libc with two versions that differ: what was linked long ago asks for the old one, and
 * would get the new one from us, since our names have no versions.
 *
 *	pthread_kill	before 2.34 a thread that has ended is ESRCH, since then 0 (glibc, NEWS of 2.34)
 *	posix_spawn(p)	before 2.15 a script without "#!" is given to /bin/sh (NEWS of 2.15)
 *
 * Both differ in one result only, upon which the caller's object is asked which version it wants:
 * by the symbols of its relocations, since symbols that are not defined need not be in a hash table. No
 * dl call: _dl_find_object, of glibc 2.35, takes no lock; without it all callers get the new ones.
 */
#include "hooks/version.h"

#include <string.h>

#include "shim/arch.h"
#include "shim/cfi.h"
#include "shim/elf.h"

/* As glibc's <dlfcn.h> has it, 2.35 and later: struct dl_find_object. */
struct found {
	unsigned long long flags;
	void *start, *end;
	struct link_map *map;
	void *more[10];
};

/* The old version of a function that libc itself serves; NULL: there is one version only. */
static void *old_version(void *now, const char *name)
{
	void *old;

	if (ks_next_is_libc()) {
		old = ks_next_in_libc(name, KS_LIBC_BASE);
		return old != now ? old : NULL;
	}
	old = now ? dlvsym(RTLD_NEXT, name, KS_LIBC_BASE) : NULL;
	return old && old != now && ks_object_of(old) && ks_object_of(old) == ks_object_of(now) ? old : NULL;
}

/* Two threads that come first find the same. */
const struct ks_old *ks_old_versions(void)
{
	static struct ks_old old;
	static bool known;

	if (KS_LIKELY(__atomic_load_n(&known, __ATOMIC_ACQUIRE)))
		return &old;
	if (ks_next_is_libc())
		ks_find_object = (int (*)(void *, void *))ks_next_in_libc("_dl_find_object", NULL);
	else if (real.dlsym)
		ks_find_object = (int (*)(void *, void *))real.dlsym(RTLD_NEXT, "_dl_find_object");
	old.pthread_kill = (__typeof__(old.pthread_kill))old_version((void *)REAL(pthread_kill), "pthread_kill");
	old.posix_spawn = (__typeof__(old.posix_spawn))old_version((void *)REAL(posix_spawn), "posix_spawn");
	old.posix_spawnp = (__typeof__(old.posix_spawnp))old_version((void *)REAL(posix_spawnp), "posix_spawnp");
	__atomic_store_n(&known, true, __ATOMIC_RELEASE);
	return &old;
}

bool ks_wants_old(uintptr_t caller, const char *name)
{
	struct ks_elf elf;
	struct found found;

	if (!ks_find_object || ks_find_object((void *)caller, &found) != 0 || !found.map)
		return false;
	return ks_elf_open_dynamic(&elf, found.map->l_addr, (uintptr_t)found.start, (uintptr_t)found.end, found.map->l_ld) &&
	       ks_elf_asks(&elf, name, KS_LIBC_BASE);
}
