/* SPDX-License-Identifier: MIT */
/*
 * See elf.h. Layout: System V ABI, "Dynamic Section"; DT_GNU_HASH: the GNU linker's bloom filter,
 * buckets and chains (binutils, elflink.c). glibc has relocated the pointers of the dynamic
 * section in place (elf/get-dynamic-info.h), except in the vDSO.
 */
#include "shim/elf.h"

#include <string.h>

static uintptr_t absolute(const struct ks_elf *elf, uintptr_t value)
{
	return value < elf->base ? value + elf->base : value;
}

static void read_dynamic(struct ks_elf *elf)
{
	const char *soname = NULL;
	size_t plt_size = 0, rela_size = 0;

	for (const ElfW(Dyn) *d = elf->dynamic; d->d_tag != DT_NULL; d++) {
		uintptr_t p = absolute(elf, d->d_un.d_ptr);

		switch (d->d_tag) {
		case DT_SYMTAB:
			elf->symbols = (const void *)p;
			break;
		case DT_STRTAB:
			elf->strings = (const void *)p;
			break;
		case DT_GNU_HASH:
			elf->gnu_hash = (const void *)p;
			break;
		case DT_HASH:
			elf->hash = (const void *)p;
			break;
		case DT_JMPREL:
			elf->plt = (const void *)p;
			break;
		case DT_PLTRELSZ:
			plt_size = d->d_un.d_val;
			break;
		case DT_RELA:
			elf->rela = (const void *)p;
			break;
		case DT_RELASZ:
			rela_size = d->d_un.d_val;
			break;
		case DT_SONAME:
			soname = (const char *)(uintptr_t)d->d_un.d_val;
			break;
		}
	}
	if (elf->plt)
		elf->nplt = plt_size / sizeof(ElfW(Rela));
	if (elf->rela)
		elf->nrela = rela_size / sizeof(ElfW(Rela));
	if (soname && elf->strings)
		elf->soname = elf->strings + (uintptr_t)soname;
}

bool ks_elf_open(struct ks_elf *elf, uintptr_t start, uintptr_t base)
{
	const ElfW(Ehdr) *header = (const void *)start;
	const ElfW(Phdr) *p;

	memset(elf, 0, sizeof(*elf));
	elf->base = base;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof(*p))
		return false;
	p = (const void *)(start + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (p[i].p_type == PT_DYNAMIC)
			elf->dynamic = (const void *)(base + p[i].p_vaddr);
		if (p[i].p_type == PT_GNU_RELRO) {
			elf->relro = base + p[i].p_vaddr;
			elf->relro_size = p[i].p_memsz;
		}
	}
	if (!elf->dynamic)
		return false;
	read_dynamic(elf);
	return elf->symbols && elf->strings;
}

static uintptr_t defined(const struct ks_elf *elf, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &elf->symbols[i];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || !s->st_value || (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE))
		return 0;
	return strcmp(elf->strings + s->st_name, name) == 0 ? elf->base + s->st_value : 0;
}

static uintptr_t by_gnu_hash(const struct ks_elf *elf, const char *name)
{
	const uint32_t *t = elf->gnu_hash;
	uint32_t nbuckets = t[0], first = t[1], nbloom = t[2], h = 5381, i;
	const uint32_t *buckets = t + 4 + nbloom * (sizeof(uintptr_t) / 4);
	const uint32_t *chain = buckets + nbuckets;

	for (const char *p = name; *p; p++)
		h = h * 33 + (uint8_t)*p;
	i = nbuckets ? buckets[h % nbuckets] : 0;
	if (i < first)
		return 0;
	for (;; i++) {
		uint32_t there = chain[i - first];

		if ((there | 1) == (h | 1)) {
			uintptr_t at = defined(elf, i, name);

			if (at)
				return at;
		}
		if (there & 1)
			return 0;
	}
}

uintptr_t ks_elf_symbol(const struct ks_elf *elf, const char *name)
{
	if (elf->gnu_hash)
		return by_gnu_hash(elf, name);
	for (uint32_t i = 0; elf->hash && i < elf->hash[1]; i++) {
		uintptr_t at = defined(elf, i, name);

		if (at)
			return at;
	}
	return 0;
}

bool ks_elf_needs(const struct ks_elf *elf, const char *prefix)
{
	for (const ElfW(Dyn) *d = elf->dynamic; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED && strncmp(elf->strings + d->d_un.d_val, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}
