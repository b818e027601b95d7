/* SPDX-License-Identifier: MIT */
/*
 * A library of LD_LIBRARY_PATH that the loader took in place of the one that a file was built with:
 * the file needs it by name (DT_NEEDED), the first folder of the list that has that name has another
 * release, without the symbol that was wanted, and the one that stands behind has it. Nothing of it
 * is mapped after the failed load, so the files are looked at as they are now.
 */
#include "analyzer/stray.h"

#include <string.h>

#include "analyzer/elf.h"
#include "analyzer/search.h"

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

/* The one that would be taken without the list: of the folder that RUNPATH mostly names, or of the system; NULL. */
static const char *own_library(struct arena *arena, const char *file, const char *name, const char *symbol, unsigned machine)
{
	const char *list = arena_printf(arena, "$ORIGIN:%s", search_system), *folder, *path;

	while ((path = search_next(arena, &list, file, name, &folder))) {
		if (has_symbol(path, symbol, machine) == DEFINES)
			return path;
	}
	return NULL;
}

const char *stray_library(const struct model *m, struct arena *arena, const char *file, const char *symbol, const char **own)
{
	const char *env = model_env(m, "LD_LIBRARY_PATH");
	struct file_needs needs;

	if (!env || !*env || !file || *file != '/' || !symbol || !search_needs(arena, file, &needs))
		return NULL;
	for (size_t i = 0; i < needs.n; i++) {
		const char *list = env, *folder;
		const char *path = strchr(needs.name[i], '/') ? NULL : search_next(arena, &list, file, needs.name[i], &folder);

		*own = path && has_symbol(path, symbol, needs.machine) == LACKS ?
			       own_library(arena, file, needs.name[i], symbol, needs.machine) : NULL;
		if (*own)
			return path;
	}
	return NULL;
}
