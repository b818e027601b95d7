/* SPDX-License-Identifier: MIT */
/*
 * A library of LD_LIBRARY_PATH that the loader took in place of the one that a file was built with:
 * the file needs it by name (DT_NEEDED), the first folder of the list that has that name has another
 * release, without the symbol that was wanted, and the one that stands behind has it. Nothing of it
 * is mapped after the failed load, so the files are looked at as they are now.
 */
#include <string.h>

#include "analyzer/elf.h"
#include "analyzer/reach.h"
#include "analyzer/stray.h"

#define MOST_NEEDED	128
#define MOST_FOLDERS	64

struct wanted {
	const char *symbol;
	bool defined;
};

static bool see_symbol(void *arg, const struct elf *e, const Elf64_Shdr *strings, const Elf64_Sym *symbol)
{
	struct wanted *w = arg;
	char name[512];

	w->defined = symbol->st_shndx != SHN_UNDEF && elf_string(e, strings, symbol->st_name, name, sizeof(name)) &&
		     strcmp(name, w->symbol) == 0;
	return !w->defined;
}

enum has { NO_LIBRARY, LACKS, DEFINES };

/* Does a library, one for this machine that can be read, define the symbol? */
static enum has has_symbol(const char *path, const char *symbol, unsigned machine)
{
	struct wanted w = { .symbol = symbol };
	struct elf e;
	bool there;

	if (!elf_open(&e, path))
		return NO_LIBRARY;
	there = e.head.e_machine == machine && elf_section(&e, SHT_DYNSYM);
	if (there)
		elf_symbols(&e, SHT_DYNSYM, see_symbol, &w);
	elf_close(&e);
	return !there ? NO_LIBRARY : w.defined ? DEFINES : LACKS;
}

/* The first folder of the list that has a file of this name, as the loader looks; NULL. */
static const char *first_in(struct arena *arena, const char *list, const char *name)
{
	for (int i = 0; list && *list && i < MOST_FOLDERS; i++) {
		size_t n = strcspn(list, ":;");
		const char *path = arena_printf(arena, "%.*s/%s", (int)n, list, name);

		if (n && *list == '/' && reach_is_file(path))
			return path;
		list += n + (list[n] != '\0');
	}
	return NULL;
}

/* The one that would be taken without the list: of the folder that RUNPATH mostly names, or of the system; NULL. */
static const char *own_library(struct arena *arena, const char *file, const char *name, const char *symbol, unsigned machine)
{
	static const char *const folders[] = {
		"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
		"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
	};
	const char *slash = strrchr(file, '/');
	const char *beside = arena_printf(arena, "%.*s/%s", (int)(slash - file), file, name);

	if (has_symbol(beside, symbol, machine) == DEFINES)
		return beside;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *path = arena_printf(arena, "%s/%s", folders[i], name);

		if (has_symbol(path, symbol, machine) == DEFINES)
			return path;
	}
	return NULL;
}

const char *stray_library(const struct model *m, struct arena *arena, const char *file, const char *symbol, const char **own)
{
	const char *list = model_env(m, "LD_LIBRARY_PATH"), *found = NULL;
	const Elf64_Shdr *dynamic;
	struct elf e;

	if (!list || !*list || !file || *file != '/' || !symbol || !elf_open(&e, file))
		return NULL;
	dynamic = elf_section(&e, SHT_DYNAMIC);
	for (unsigned i = 0; dynamic && dynamic->sh_link < e.nsections && !found && i < MOST_NEEDED * 2; i++) {
		char name[256];
		const char *path;
		Elf64_Dyn d;

		if ((i + 1) * sizeof(d) > dynamic->sh_size || !elf_read(&e, dynamic->sh_offset + i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			break;
		if (d.d_tag != DT_NEEDED || d.d_un.d_val > UINT32_MAX ||
		    !elf_string(&e, &e.sections[dynamic->sh_link], (uint32_t)d.d_un.d_val, name, sizeof(name)) || strchr(name, '/'))
			continue;
		path = first_in(arena, list, name);
		*own = path && has_symbol(path, symbol, e.head.e_machine) == LACKS ?
			       own_library(arena, file, name, symbol, e.head.e_machine) : NULL;
		found = *own ? path : NULL;
	}
	elf_close(&e);
	return found;
}
