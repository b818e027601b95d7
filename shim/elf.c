/* SPDX-License-Identifier: MIT */
/*
 * See elf.h. Layout: System V ABI, "Dynamic Section", "Symbol Versioning" (LSB); DT_GNU_HASH: the GNU
 * linker's bloom filter, buckets and chains (binutils, elflink.c). glibc relocates most pointers of the
 * dynamic section in place (elf/get-dynamic-info.h), not DT_VERNEED, and none in a section that is
 * read-only (the vDSO's): the one that leads into the object is right.
 */
#include "shim/elf.h"

#include <string.h>

#include "shim/recorder.h"

static bool within(const struct ks_elf *elf, uintptr_t at, size_t size)
{
	return at >= elf->low && at < elf->high && elf->high - at >= size;
}

static const void *place(const struct ks_elf *elf, uintptr_t value, size_t size)
{
	if (within(elf, value, size))
		return (const void *)value;
	return within(elf, value + elf->base, size) ? (const void *)(value + elf->base) : NULL;
}

/* A text of the string table; NULL: it does not begin or end within the object. */
static const char *text(const struct ks_elf *elf, uint64_t offset)
{
	uintptr_t at = (uintptr_t)elf->strings + offset;

	if (at < (uintptr_t)elf->strings || !within(elf, at, 1) || !memchr((const void *)at, '\0', elf->high - at))
		return NULL;
	return (const char *)at;
}

static bool is_text(const struct ks_elf *elf, uint64_t offset, const char *expected)
{
	uintptr_t at = (uintptr_t)elf->strings + offset;
	size_t n = strlen(expected) + 1;

	/* Not memcmp, which may read on behind the end of the text, into a hole between segments. */
	return at >= (uintptr_t)elf->strings && within(elf, at, n) && strncmp((const char *)at, expected, n) == 0;
}

static const ElfW(Sym) *symbol_at(const struct ks_elf *elf, size_t i)
{
	uintptr_t at = (uintptr_t)elf->symbols + i * sizeof(*elf->symbols);

	return i <= elf->high / sizeof(*elf->symbols) && within(elf, at, sizeof(*elf->symbols)) ? (const void *)at : NULL;
}

static const ElfW(Rela) *relocations(const struct ks_elf *elf, uintptr_t value, size_t bytes, size_t *n)
{
	const ElfW(Rela) *r = value && bytes ? place(elf, value, bytes) : NULL;

	*n = r ? bytes / sizeof(*r) : 0;
	return r;
}

/* Where it is kept. Not a switch: the compiler's table for it would lie on another page, 2 µs of each program's start. */
static struct {
	ElfW(Sxword) tag;
	size_t at, size;
} pointers[] KS_AT_START = {
	{ DT_SYMTAB, offsetof(struct ks_elf, symbols), sizeof(ElfW(Sym)) },
	{ DT_STRTAB, offsetof(struct ks_elf, strings), 1 },
	{ DT_GNU_HASH, offsetof(struct ks_elf, gnu_hash), 4 * sizeof(uint32_t) },
	{ DT_HASH, offsetof(struct ks_elf, hash), 2 * sizeof(uint32_t) },
	{ DT_VERSYM, offsetof(struct ks_elf, versions), sizeof(ElfW(Versym)) },
	{ DT_VERNEED, offsetof(struct ks_elf, needs), sizeof(ElfW(Verneed)) },
	{ DT_VERDEF, offsetof(struct ks_elf, defines), sizeof(ElfW(Verdef)) },
};

static void read_entry(struct ks_elf *elf, const ElfW(Dyn) *d)
{
	for (unsigned i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		if (pointers[i].tag == d->d_tag)
			*(const void **)((char *)elf + pointers[i].at) = place(elf, d->d_un.d_ptr, pointers[i].size);
	}
	if (d->d_tag == DT_SONAME)
		elf->soname = d->d_un.d_val;
	if (d->d_tag == DT_FLAGS)
		elf->flags = d->d_un.d_val;
}

static void read_dynamic(struct ks_elf *elf)
{
	uintptr_t plt = 0, rela = 0;
	size_t plt_size = 0, rela_size = 0;

	for (const ElfW(Dyn) *d = elf->dynamic; within(elf, (uintptr_t)d, sizeof(*d)) && d->d_tag != DT_NULL; d++) {
		read_entry(elf, d);
		if (d->d_tag == DT_JMPREL)
			plt = d->d_un.d_ptr;
		if (d->d_tag == DT_PLTRELSZ)
			plt_size = d->d_un.d_val;
		if (d->d_tag == DT_RELA)
			rela = d->d_un.d_ptr;
		if (d->d_tag == DT_RELASZ)
			rela_size = d->d_un.d_val;
	}
	elf->plt = relocations(elf, plt, plt_size, &elf->nplt);
	elf->rela = relocations(elf, rela, rela_size, &elf->nrela);
}

static bool open_here(struct ks_elf *elf)
{
	if (!elf->dynamic || elf->low >= elf->high)
		return false;
	read_dynamic(elf);
	return elf->symbols && elf->strings;
}

bool ks_elf_open(struct ks_elf *elf, uintptr_t base, const ElfW(Phdr) *headers, size_t n)
{
	*elf = (struct ks_elf){ .base = base, .low = UINTPTR_MAX };
	for (size_t i = 0; headers && i < n; i++) {
		const ElfW(Phdr) *p = &headers[i];
		uintptr_t at = base + p->p_vaddr, end = at + p->p_memsz;

		if (p->p_type == PT_DYNAMIC)
			elf->dynamic = (const void *)at;
		if (p->p_type == PT_GNU_RELRO) {
			elf->relro = at;
			elf->relro_size = p->p_memsz;
		}
		if (p->p_type == PT_LOAD && end > at) {
			elf->low = at < elf->low ? at : elf->low;
			elf->high = end > elf->high ? end : elf->high;
		}
	}
	return open_here(elf);
}

bool ks_elf_open_dynamic(struct ks_elf *elf, uintptr_t base, uintptr_t low, uintptr_t high, const ElfW(Dyn) *dynamic)
{
	*elf = (struct ks_elf){ .base = base, .low = low, .high = high, .dynamic = dynamic };
	return open_here(elf);
}

const char *ks_elf_soname(const struct ks_elf *elf)
{
	return elf->soname ? text(elf, elf->soname) : NULL;
}

/* Does it define the version with this index under that name? (gABI: Verdef, Verdaux.) */
static bool is_called(const struct ks_elf *elf, unsigned index, const char *version)
{
	uintptr_t at = (uintptr_t)elf->defines;

	while (within(elf, at, sizeof(ElfW(Verdef)))) {
		const ElfW(Verdef) *d = (const void *)at;
		const ElfW(Verdaux) *aux = (const void *)(at + d->vd_aux);

		if ((d->vd_ndx & 0x7fff) == index)
			return within(elf, (uintptr_t)aux, sizeof(*aux)) && is_text(elf, aux->vda_name, version);
		if (!d->vd_next)
			return false;
		at += d->vd_next;
	}
	return false;
}

/* glibc, elf/dl-lookup.c, check_match: without a version, of a name that has some the one that is not hidden. */
static const ElfW(Sym) *match(const struct ks_elf *elf, uint32_t i, const char *name, const char *version)
{
	const ElfW(Sym) *s = symbol_at(elf, i);
	const bool versions = elf->versions && within(elf, (uintptr_t)&elf->versions[i], sizeof(*elf->versions));
	const unsigned index = versions ? elf->versions[i] : 1;

	if (!s || s->st_shndx == SHN_UNDEF || (!s->st_value && ELF64_ST_TYPE(s->st_info) != STT_TLS) ||
	    !is_text(elf, s->st_name, name))
		return NULL;
	if (!version)
		return !(index & 0x8000) || (index & 0x7fff) < 2 ? s : NULL;
	return !*version || is_called(elf, index & 0x7fff, version) ? s : NULL;
}

const Elf64_Sym *ks_elf_find(const struct ks_elf *elf, const char *name, const char *version)
{
	const uint32_t *t = elf->gnu_hash;
	uint32_t nbuckets = t[0], first = t[1], nbloom = t[2], h = 5381, i;
	uintptr_t bloom = (uintptr_t)(t + 4), buckets = bloom + nbloom * 8ul, chain = buckets + nbuckets * 4ul, word;

	for (const char *p = name; *p; p++)
		h = h * 33 + (uint8_t)*p;
	word = bloom + (h / 64 & (nbloom - 1)) * 8ul;
	if (!nbuckets || !nbloom || !within(elf, word, 8) || !within(elf, buckets + h % nbuckets * 4ul, 4))
		return NULL;
	word = *(const uintptr_t *)word;
	if (!(word >> h % 64 & word >> (h >> (t[3] & 31)) % 64 & 1))
		return NULL;
	i = ((const uint32_t *)buckets)[h % nbuckets];
	for (; i >= first && within(elf, chain + (i - first) * 4ul, 4); i++) {
		const uint32_t there = ((const uint32_t *)chain)[i - first];
		const ElfW(Sym) *s = (there | 1) == (h | 1) ? match(elf, i, name, version) : NULL;

		if (s || there & 1)
			return s;
	}
	return NULL;
}

static const ElfW(Sym) *by_hash(const struct ks_elf *elf, const char *name)
{
	const ElfW(Sym) *s = NULL;

	for (uint32_t i = 0; elf->hash && !s && i < elf->hash[1] && symbol_at(elf, i); i++)
		s = match(elf, i, name, NULL);
	return s;
}

uintptr_t ks_elf_symbol(const struct ks_elf *elf, const char *name)
{
	const ElfW(Sym) *s = elf->gnu_hash ? ks_elf_find(elf, name, NULL) : by_hash(elf, name);
	const unsigned type = s ? ELF64_ST_TYPE(s->st_info) : STT_GNU_IFUNC;

	return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE ? elf->base + s->st_value : 0;
}

const char *ks_elf_name(const struct ks_elf *elf, size_t symbol)
{
	const ElfW(Sym) *s = symbol_at(elf, symbol);
	const char *name = s ? text(elf, s->st_name) : NULL;

	return name ? name : "";
}

bool ks_elf_needs(const struct ks_elf *elf, const char *prefix)
{
	size_t n = strlen(prefix);

	for (const ElfW(Dyn) *d = elf->dynamic; within(elf, (uintptr_t)d, sizeof(*d)) && d->d_tag != DT_NULL; d++) {
		const char *name = d->d_tag == DT_NEEDED ? text(elf, d->d_un.d_val) : NULL;

		if (name && strncmp(name, prefix, n) == 0)
			return true;
	}
	return false;
}

/* Does the version with this index have that name? (gABI: Verneed, Vernaux.) */
static bool is_version(const struct ks_elf *elf, unsigned index, const char *version)
{
	uintptr_t need = (uintptr_t)elf->needs;

	while (within(elf, need, sizeof(ElfW(Verneed)))) {
		const ElfW(Verneed) *n = (const void *)need;
		uintptr_t at = need + n->vn_aux;

		for (unsigned i = 0; i < n->vn_cnt && within(elf, at, sizeof(ElfW(Vernaux))); i++) {
			const ElfW(Vernaux) *aux = (const void *)at;

			if ((aux->vna_other & 0x7fff) == index)
				return is_text(elf, aux->vna_name, version);
			at += aux->vna_next;
		}
		if (!n->vn_next)
			return false;
		need += n->vn_next;
	}
	return false;
}

static bool asks(const struct ks_elf *elf, const ElfW(Rela) *r, size_t n, const char *name, const char *version)
{
	for (size_t i = 0; elf->versions && i < n; i++) {
		size_t symbol = ELF64_R_SYM(r[i].r_info);
		const ElfW(Sym) *s = symbol ? symbol_at(elf, symbol) : NULL;

		if (s && is_text(elf, s->st_name, name) && within(elf, (uintptr_t)&elf->versions[symbol], sizeof(*elf->versions)))
			return is_version(elf, elf->versions[symbol] & 0x7fff, version);
	}
	return false;
}

bool ks_elf_asks(const struct ks_elf *elf, const char *name, const char *version)
{
	return asks(elf, elf->plt, elf->nplt, name, version) || asks(elf, elf->rela, elf->nrela, name, version);
}
