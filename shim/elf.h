/* SPDX-License-Identifier: MIT */
/*
 * ELF objects as they are mapped in our own process, read without a dl call: a dl call frees the
 * text that dlerror gave, and takes the loader's lock. The object must stay mapped meanwhile.
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
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash, *hash;	/* NULL where there is none */
	const ElfW(Rela) *plt, *rela;	/* relocations */
	size_t nplt, nrela;
	const char *soname;
	const ElfW(Dyn) *dynamic;
	uintptr_t relro, relro_size;	/* what is read-only after relocation */
};

#pragma GCC visibility push(hidden)

/* The object of which start is the lowest mapped address (with its ELF header); false: not readable as one. */
bool ks_elf_open(struct ks_elf *elf, uintptr_t start, uintptr_t base);
/* Address of a function or object that it defines; 0: none. Indirect functions are not resolved: 0. */
uintptr_t ks_elf_symbol(const struct ks_elf *elf, const char *name);
/* Does it need (DT_NEEDED) a library whose name begins so? */
bool ks_elf_needs(const struct ks_elf *elf, const char *prefix);

#pragma GCC visibility pop

#endif
