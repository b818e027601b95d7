/* SPDX-License-Identifier: MIT */
/*
 * ELF objects as they are mapped in our own process, read without a dl call: a dl call frees the
 * text that dlerror gave, and takes the loader's lock. The object must stay mapped meanwhile.
 *
 * What the loader itself has read of an object is trusted to be there: its program headers, as
 * dl_iterate_phdr gives them (those that the mapped ELF header points to may lie where nothing is
 * mapped: tools that need more room for them move them), and its dynamic section. All else is
 * looked for within the span of its segments.
 */
#ifndef KS_ELF_H
#define KS_ELF_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ks_elf {
	uintptr_t base;			/* what is added to addresses in the file */
	uintptr_t low, high;		/* span of its segments */
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash, *hash;	/* NULL where there is none */
	const ElfW(Rela) *plt, *rela;	/* relocations */
	size_t nplt, nrela;
	uint64_t flags;			/* DT_FLAGS */
	uint64_t soname;		/* its place among the strings; 0: none */
	const ElfW(Dyn) *dynamic;
	const ElfW(Versym) *versions;
	const ElfW(Verneed) *needs;
	const ElfW(Verdef) *defines;
	uintptr_t relro, relro_size;	/* what is read-only after relocation */
};

#pragma GCC visibility push(hidden)

/* By its program headers as the loader has them; false: it has no symbols. Only the dynamic section is read for it. */
bool ks_elf_open(struct ks_elf *elf, uintptr_t base, const ElfW(Phdr) *headers, size_t n);
/* By its dynamic section: nothing of what is read-only after relocation. */
bool ks_elf_open_dynamic(struct ks_elf *elf, uintptr_t base, uintptr_t low, uintptr_t high, const ElfW(Dyn) *dynamic);
const char *ks_elf_soname(const struct ks_elf *elf);	/* NULL: none */
/* What a look-up finds in its DT_GNU_HASH, whatever the type; NULL: nothing. version NULL: as without one. */
#define KS_ELF_ANY ""
const Elf64_Sym *ks_elf_find(const struct ks_elf *elf, const char *name, const char *version);
/* Address of a function or object that it defines; 0: none. Indirect functions are not resolved: 0. */
uintptr_t ks_elf_symbol(const struct ks_elf *elf, const char *name);
/* The name of one of its symbols; "": it has none. */
const char *ks_elf_name(const struct ks_elf *elf, size_t symbol);
/* Does it need (DT_NEEDED) a library whose name begins so? */
bool ks_elf_needs(const struct ks_elf *elf, const char *prefix);
/* Does it ask for this version of a function, by one of its relocations? */
bool ks_elf_asks(const struct ks_elf *elf, const char *name, const char *version);

#pragma GCC visibility pop

#endif
