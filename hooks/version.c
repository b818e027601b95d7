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

struct ks_old ks_old;

/* The old version of a function that libc itself serves; NULL: there is one version only. */
static void *old_version(void *now, const char *name)
{
	void *old = now ? dlvsym(RTLD_NEXT, name, KS_LIBC_BASE) : NULL;

	return old && old != now && ks_object_of(old) && ks_object_of(old) == ks_object_of(now) ? old : NULL;
}

void ks_versions_find(void)
{
	ks_old.pthread_kill = (__typeof__(ks_old.pthread_kill))old_version((void *)real.pthread_kill, "pthread_kill");
	ks_old.posix_spawn = (__typeof__(ks_old.posix_spawn))old_version((void *)real.posix_spawn, "posix_spawn");
	ks_old.posix_spawnp = (__typeof__(ks_old.posix_spawnp))old_version((void *)real.posix_spawnp, "posix_spawnp");
}

/* Does the version with this index have the name of the oldest one? (gABI: Verneed, Vernaux.) */
static bool is_base(const struct ks_elf *elf, const ElfW(Verneed) *need, unsigned index)
{
	for (; need; need = need->vn_next ? (const void *)((const char *)need + need->vn_next) : NULL) {
		const ElfW(Vernaux) *aux = (const void *)((const char *)need + need->vn_aux);

		for (unsigned i = 0; i < need->vn_cnt; i++) {
			if ((aux->vna_other & 0x7fff) == index)
				return strcmp(elf->strings + aux->vna_name, KS_LIBC_BASE) == 0;
			aux = (const void *)((const char *)aux + aux->vna_next);
		}
	}
	return false;
}

static bool asks_for_base(const struct ks_elf *elf, const ElfW(Rela) *r, size_t n, const char *name)
{
	const ElfW(Versym) *versions = NULL;
	const ElfW(Verneed) *need = NULL;

	for (const ElfW(Dyn) *d = elf->dynamic; d->d_tag != DT_NULL; d++) {
		uintptr_t p = d->d_un.d_ptr < elf->base ? d->d_un.d_ptr + elf->base : d->d_un.d_ptr;

		if (d->d_tag == DT_VERSYM)	/* the loader has relocated this one and not the other */
			versions = (const void *)p;
		if (d->d_tag == DT_VERNEED)
			need = (const void *)p;
	}
	for (size_t i = 0; versions && i < n; i++) {
		size_t symbol = ELF64_R_SYM(r[i].r_info);

		if (symbol && strcmp(elf->strings + elf->symbols[symbol].st_name, name) == 0)
			return is_base(elf, need, versions[symbol] & 0x7fff);
	}
	return false;
}

bool ks_wants_old(uintptr_t caller, const char *name)
{
	struct ks_elf elf;
	struct found found;

	if (!ks_find_object || ks_find_object((void *)caller, &found) != 0 || !found.map)
		return false;
	if (!ks_elf_open(&elf, (uintptr_t)found.start, found.map->l_addr))
		return false;
	return asks_for_base(&elf, elf.plt, elf.nplt, name) || asks_for_base(&elf, elf.rela, elf.nrela, name);
}
