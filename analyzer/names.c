/* SPDX-License-Identifier: MIT */
/* Names of addresses; see names.h. One pass over a file's symbols serves all addresses that are
 * asked for. */
#include "analyzer/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/demangle.h"
#include "analyzer/elf.h"

#define SECONDS		2	/* that all look-ups of one run may take */
#define LONGEST_NAME	2048
#define MOST_STRINGS	(256u << 20)
#define LOOK_AGAIN	(1u << 16)	/* symbols, and addresses that they cover, before the clock is asked */
#define MOST_UNSIZED	4096	/* bytes that a symbol without a size may reach */

struct known_file {
	const struct module *module;
	bool same;
};

struct names {
	struct arena *arena;
	unsigned arch;
	struct known_file *files;
	size_t nfiles, room;
	double deadline;
};

struct names *names_new(struct arena *arena, unsigned arch)
{
	struct names *s = xalloc(1, sizeof(*s));

	s->arena = arena;
	s->arch = arch;
	return s;
}

void names_free(struct names *s)
{
	if (!s)
		return;
	free(s->files);
	free(s);
}

static bool out_of_time(struct names *s)
{
	struct timespec t;
	double now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	if (!s->deadline)
		s->deadline = now + SECONDS;
	return now > s->deadline;
}

static bool same_build(const struct elf *e, const struct module *module)
{
	uint8_t id[32];
	char hex[65] = "";
	size_t n = elf_build_id(e, id, 20);

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	return strcmp(hex, module->build_id) == 0;
}

/* Opens the file of a module, provided that it is still the one that was loaded. */
static bool open_module(struct names *s, const struct module *module, struct elf *e)
{
	bool same;

	if (module->path[0] != '/' || !module->file_there || !elf_open(e, module->path))
		return false;
	same = e->head.e_machine == s->arch &&
	       (module->build_id[0] ? same_build(e, module) : module->file_same);
	if (!same)
		elf_close(e);
	return same;
}

bool names_file_same(struct names *s, const struct module *module)
{
	struct elf e;

	for (size_t i = 0; i < s->nfiles; i++)
		if (s->files[i].module == module)
			return s->files[i].same;
	s->files = grow(s->files, s->nfiles, &s->room, sizeof(*s->files));
	s->files[s->nfiles] = (struct known_file){ module, open_module(s, module, &e) };
	if (s->files[s->nfiles].same)
		elf_close(&e);
	return s->files[s->nfiles++].same;
}

const char *names_demangle(struct names *s, const char *name, bool type)
{
	char plain[LONGEST_NAME];

	if ((!type && strncmp(name, "_Z", 2) != 0) || !demangle(name, plain, sizeof(plain)))
		return name;
	return arena_clean(s->arena, plain, strlen(plain));
}

/* --- addresses --- */

struct hit {
	struct wanted *wanted;
	uint64_t address;		/* as the file counts it */
	uint64_t value, size;		/* of the best symbol so far */
	uint32_t name;
	bool found, sized;
};

struct search {
	struct names *names;
	struct hit *hit;
	size_t n, seen;
};

/* A name without a leading underscore reads better than its aliases with one. */
static bool reads_better(const struct elf *e, const Elf64_Shdr *strings, uint32_t name,
			 uint32_t than)
{
	char a[4], b[4];

	return elf_string(e, strings, name, a, sizeof(a)) &&
	       elf_string(e, strings, than, b, sizeof(b)) && *b == '_' && b[1] != 'Z' && *a != '_';
}

static bool symbol_seen(void *arg, const struct elf *e, const Elf64_Shdr *strings,
			const Elf64_Sym *sym)
{
	struct search *search = arg;
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	uint64_t reach = sym->st_size ? sym->st_size : MOST_UNSIZED;
	size_t low = 0, high = search->n;

	if (++search->seen > LOOK_AGAIN) {
		search->seen = 0;
		if (out_of_time(search->names))
			return false;
	}
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= SHN_LORESERVE || !sym->st_name ||
	    (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) ||
	    (type == STT_NOTYPE && sym->st_size))
		return true;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (search->hit[mid].address < sym->st_value)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < search->n && search->hit[low].address - sym->st_value < reach; low++) {
		struct hit *h = &search->hit[low];
		bool sized = sym->st_size != 0;

		search->seen++;
		if (h->found &&
		    (h->sized > sized || (h->sized == sized && h->value > sym->st_value)))
			continue;
		if (h->found && h->sized == sized && h->value == sym->st_value &&
		    !reads_better(e, strings, sym->st_name, h->name))
			continue;
		*h = (struct hit){ h->wanted,	 h->address, sym->st_value, sym->st_size,
				   sym->st_name, true,	     sized };
	}
	return true;
}

static void take_names(struct names *s, const struct elf *e, uint32_t table, struct search *search)
{
	const Elf64_Shdr *symbols = elf_section(e, table), *strings;
	char name[LONGEST_NAME];

	if (!symbols || symbols->sh_link >= e->nsections)
		return;
	strings = &e->sections[symbols->sh_link];
	for (size_t i = 0; i < search->n; i++) {
		struct hit *h = &search->hit[i];
		struct frame *f = h->wanted->frame;

		if (!h->found || f->raw || !elf_string(e, strings, h->name, name, sizeof(name)))
			continue;
		f->raw = arena_clean(s->arena, name, strlen(name));
		f->symbol = names_demangle(s, f->raw, false);
		f->offset = h->address + h->wanted->return_address - h->value;
		h->found = false;
	}
}

static int by_address(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* /usr/lib/debug/.build-id/ab/cdef….debug, where distributions' debug packages put it. */
static bool open_debug_file(const struct module *module, struct elf *e)
{
	char path[128];

	if (strlen(module->build_id) < 6)
		return false;
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", module->build_id,
		 module->build_id + 2);
	if (!elf_open(e, path))
		return false;
	if (same_build(e, module))
		return true;
	elf_close(e);
	return false;
}

static void search_module(struct names *s, const struct module *module, struct search *search)
{
	struct elf e, debug;

	if (out_of_time(s) || !open_module(s, module, &e))
		return;
	qsort(search->hit, search->n, sizeof(*search->hit), by_address);
	elf_symbols(&e, SHT_SYMTAB, symbol_seen, search);
	take_names(s, &e, SHT_SYMTAB, search);
	if (!elf_section(&e, SHT_SYMTAB) && open_debug_file(module, &debug)) {
		elf_symbols(&debug, SHT_SYMTAB, symbol_seen, search);
		take_names(s, &debug, SHT_SYMTAB, search);
		elf_close(&debug);
	}
	elf_symbols(&e, SHT_DYNSYM, symbol_seen, search);
	take_names(s, &e, SHT_DYNSYM, search);
	elf_close(&e);
}

static int by_module(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->frame->module < y->frame->module ? -1 : x->frame->module > y->frame->module;
}

void names_frames(struct names *s, struct wanted *wanted, size_t n)
{
	struct search search = { .names = s, .hit = xalloc(n, sizeof(struct hit)) };

	if (n)
		qsort(wanted, n, sizeof(*wanted), by_module);
	for (size_t i = 0; i < n; i++) {
		const struct module *module = wanted[i].frame->module;

		search.hit[search.n++] = (struct hit){
			.wanted = &wanted[i],
			.address = wanted[i].frame->pc - module->base - wanted[i].return_address,
		};
		if (i + 1 == n || wanted[i + 1].frame->module != module) {
			search_module(s, module, &search);
			search.n = 0;
		}
	}
	free(search.hit);
}

/* --- exports --- */

struct export {
	struct names *names;
	const char *name;
	const char *strings;		/* the whole table, with a NUL behind it */
	uint64_t size;
	size_t seen, length;
	bool found, late;
};

static bool export_seen(void *arg, const struct elf *e, const Elf64_Shdr *strings,
			const Elf64_Sym *sym)
{
	struct export *x = arg;

	(void)e;
	(void)strings;
	x->seen += 1 + x->length / 16;
	if (x->seen > LOOK_AGAIN) {
		x->seen = 0;
		x->late = out_of_time(x->names);
		if (x->late)
			return false;
	}
	if (sym->st_shndx == SHN_UNDEF || sym->st_name >= x->size ||
	    ELF64_ST_BIND(sym->st_info) == STB_LOCAL)
		return true;
	x->found = strcmp(x->strings + sym->st_name, x->name) == 0;
	return !x->found;
}

static char *read_strings(const struct elf *e, uint64_t *size)
{
	const Elf64_Shdr *symbols = elf_section(e, SHT_DYNSYM), *strings;
	char *all;

	if (!symbols || symbols->sh_link >= e->nsections)
		return NULL;
	strings = &e->sections[symbols->sh_link];
	*size = strings->sh_size;
	if (*size > MOST_STRINGS)
		return NULL;
	all = calloc(1, *size + 1);
	if (all && !elf_read(e, strings->sh_offset, all, *size)) {
		free(all);
		return NULL;
	}
	return all;
}

int names_export(struct names *s, const struct module *module, const char *name)
{
	struct export x = { .names = s, .name = name, .length = strlen(name) };
	struct elf e;
	char *strings;

	if (out_of_time(s) || !open_module(s, module, &e))
		return -1;
	x.strings = strings = read_strings(&e, &x.size);
	if (strings)
		elf_symbols(&e, SHT_DYNSYM, export_seen, &x);
	elf_close(&e);
	free(strings);
	return strings && !x.late ? x.found : -1;
}
