/* SPDX-License-Identifier: MIT */
/*
 * What dlsym(RTLD_NEXT) finds for the functions that we stand in front of, out of libc's own table: no dl call, so that
 * it may be looked for when it is first called. 130 calls of dlsym and dlvsym at the start, the first of which finds all
 * of the dynamic linker's code cold, took half of what the preload costs a program that is not recorded.
 *
 * A preload looks on in the objects behind itself, in the order of the loader's list (glibc, elf/dl-sym.c, RTLD_NEXT; the
 * program's list of look-ups has the order in which the objects of the start were loaded, elf/dl-deps.c). Where none of
 * those in front of libc has any of the names, in any version, it is libc that answers. All else is left to dlsym, at the
 * start: another preload; an auditor, which may bind a name elsewhere; a copy of ours that was opened later or lives in
 * another namespace; an object without DT_GNU_HASH; libc before 2.34, which has its threads and dlopen elsewhere.
 *
 * Context: any, once ks_next_is_libc has been asked for the first time: by the constructor, or by a hook that another
 * library's constructor calls before it. Nothing is locked after that; the objects of the start stay where they are.
 */
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/version.h"
#include "shim/elf.h"

static struct ks_elf libc KS_AT_START;

static const ElfW(Dyn) *dynamic_of(const struct dl_phdr_info *info)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	}
	return NULL;
}

/* May an auditor look at what is bound? d: the program's. */
static bool is_audited(const ElfW(Dyn) *d)
{
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_AUDIT || d->d_tag == DT_DEPAUDIT)
			return true;
	}
	return getenv(KS_TEXT_AT_START("LD_AUDIT")) != NULL;
}

static bool has_any(const struct ks_elf *elf)
{
	const char *name = ks_hook_names;

	for (unsigned i = 0; i < KS_HOOKS; i++, name += strlen(name) + 1) {
		if (ks_elf_find(elf, name, KS_ELF_ANY))
			return true;
	}
	return false;
}

enum place { PROGRAM, IN_FRONT, BEHIND };	/* of the next object */

/* 1: libc answers; -1: that is for dlsym to say. */
static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	enum place *place = data, now = *place;

	(void)size;
	if (now == PROGRAM && is_audited(dynamic_of(info)))
		return -1;
	if (now != BEHIND) {
		*place = dynamic_of(info) == _DYNAMIC ? BEHIND : IN_FRONT;
		return 0;
	}
	if (!ks_elf_open(&libc, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum) || !libc.gnu_hash)
		return -1;
	if (ks_elf_symbol(&libc, KS_TEXT_AT_START("gnu_get_libc_version")) == (uintptr_t)gnu_get_libc_version)
		return ks_elf_symbol(&libc, KS_TEXT_AT_START("dlsym")) ? 1 : -1;
	return has_any(&libc) ? -1 : 0;
}

bool ks_next_is_libc(void)
{
	static enum { NOT_KNOWN, NO, YES } answer KS_AT_START;
	enum place place = PROGRAM;

	if (KS_LIKELY(answer != NOT_KNOWN))
		return answer == YES;
	answer = NO;			/* somebody who stands in front of dl_iterate_phdr may allocate */
	/* A sanitizer stands in front of the functions of strings, too, and may not be ready. */
	if (!ks_sanitized() && dl_iterate_phdr(visit, &place) > 0)
		answer = YES;
	return answer == YES;
}

void *ks_next_in_libc(const char *name, const char *version)
{
	const ElfW(Sym) *s = ks_elf_find(&libc, name, version);
	const unsigned type = s ? ELF64_ST_TYPE(s->st_info) : STT_NOTYPE;

	return type == STT_FUNC || type == STT_OBJECT ? (void *)(libc.base + s->st_value) : NULL;
}
