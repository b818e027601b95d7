/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a library that the loader has mapped, as the recorder reads it: its segments, name and
 * build-id, symbols, relocations and versions. The loader vouches for the segments, which are mapped, and for
 * nothing else.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Both CPUs read words wherever they lie, as the loader does. */
#pragma clang attribute push(__attribute__((no_sanitize("alignment"))), apply_to = function)
#include "shim/elf.c"
#include "shim/module.c"
#pragma clang attribute pop
#include "shim/safe.c"

#define MOST_HEADERS	32
#define ELSEWHERE	0x800000000000ull	/* where it is linked to */

enum { MOVED = 1, RELOCATED = 2 };	/* bits of the first byte */

struct ks ks;
static struct ks_header head;

unsigned ks_regions(void)
{
	return 0;
}

struct ks_region *ks_region(unsigned i)
{
	(void)i;
	return NULL;
}

void *ks_region_at(unsigned i)
{
	(void)i;
	return NULL;
}

bool ks_ready_slowly(unsigned i, uint64_t size)
{
	(void)i, (void)size;
	return false;
}

void *ks_grow(enum ks_region_kind kind, uint32_t stride, uint32_t count, uint64_t aux)
{
	(void)kind, (void)stride, (void)count, (void)aux;
	return NULL;
}

ks_str ks_text(const char *text)		/* it must have an end */
{
	return text ? strlen(text) + 1 : 0;
}

static unsigned headers_of(const uint8_t *image, size_t size, uint64_t link, ElfW(Phdr) *to)
{
	ElfW(Ehdr) e;
	unsigned n = 0;

	memcpy(&e, image, sizeof(e));
	for (unsigned i = 0; i < e.e_phnum && i < MOST_HEADERS; i++) {
		ElfW(Phdr) p;

		if (e.e_phoff > size || size - e.e_phoff < (i + 1) * sizeof(p))
			break;
		memcpy(&p, image + e.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD && (p.p_vaddr > size || size - p.p_vaddr < p.p_memsz || p.p_filesz > p.p_memsz))
			continue;
		p.p_vaddr += link;
		to[n++] = p;
	}
	return n;
}

/* What the loader relocates. */
static void relocate(uint8_t *image, size_t size, const struct dl_phdr_info *info)
{
	static const ElfW(Sxword) tags[] = { DT_SYMTAB, DT_STRTAB, DT_GNU_HASH, DT_HASH, DT_JMPREL, DT_RELA, DT_VERSYM };

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr - (uintptr_t)image;
		ElfW(Dyn) d = { .d_tag = 1 };

		for (; info->dlpi_phdr[i].p_type == PT_DYNAMIC && d.d_tag != DT_NULL && at < size && size - at >= sizeof(d); at += sizeof(d)) {
			memcpy(&d, image + at, sizeof(d));
			for (unsigned k = 0; k < sizeof(tags) / sizeof(*tags); k++)
				if (d.d_tag == tags[k])
					d.d_un.d_ptr += info->dlpi_addr;
			memcpy(image + at, &d, sizeof(d));
		}
	}
}

__attribute__((no_sanitize("alignment"))) static void ask(const struct ks_elf *elf)
{
	static const char *const names[] = { "one", "two", "PyInit_x", "", "a", "cuInit", "__cxa_get_globals_fast" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ks_elf_symbol(elf, names[i]);
		ks_elf_needs(elf, names[i]);
		ks_elf_asks(elf, names[i], "GLIBC_2.2.5");
	}
	for (size_t i = 0; i < elf->nplt && i < 1000; i++)
		FUZZ_CHECK(strlen(ks_elf_name(elf, ELF64_R_SYM(elf->plt[i].r_info))) < SIZE_MAX);
	for (size_t i = 0; i < elf->nrela && i < 1000; i++)
		FUZZ_CHECK(strlen(ks_elf_name(elf, ELF64_R_SYM(elf->rela[i].r_info))) < SIZE_MAX);
	ks_elf_name(elf, SIZE_MAX);
	ks_elf_name(elf, SIZE_MAX / sizeof(ElfW(Sym)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	ElfW(Phdr) headers[MOST_HEADERS];
	struct ks_module m = { .file_size = UINT64_MAX };
	struct dl_phdr_info info = { .dlpi_phdr = headers };
	uint64_t link;
	struct ks_elf elf;
	uint8_t *image;

	if (size < 1 + sizeof(ElfW(Ehdr)))
		return 0;
	ks.head = &head;
	link = bytes[0] & MOVED ? ELSEWHERE : 0;
	size--;
	image = malloc(size);		/* its own size: the sanitizer sees every step beyond */
	memcpy(image, bytes + 1, size);
	info.dlpi_addr = (uintptr_t)image - link;
	info.dlpi_phnum = (ElfW(Half))headers_of(image, size, link, headers);
	if (bytes[0] & RELOCATED)
		relocate(image, size, &info);
	m.base = info.dlpi_addr;
	ks_module_segments(&m, &info);
	ks_module_memory(&m, &info);
	if (ks_module_elf(&m, &elf))
		ask(&elf);
	free(image);
	return 0;
}
