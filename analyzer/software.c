/* SPDX-License-Identifier: MIT */
/*
 * What a native file is to the user: the package that was imported, Python itself, the C library,
 * the GPU's driver; the file's own name where it is none of them. Sentences for users name the
 * software; proofs and stacks name files.
 */
#include <string.h>

#include "analyzer/proof.h"

static const struct { const char *package, *words; } table[] = {
#define SOFTWARE(package, words) { package, words },
#include "analyzer/software.def"
#undef SOFTWARE
};

const char *package_label(const char *package)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].package, package) == 0)
			return table[i].words;
	}
	return package;
}

/* "_json" of ".../lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so"; NULL. */
static const char *own_extension(struct arena *arena, const char *path)
{
	const char *at = strstr(path, "/lib-dynload/");

	if (!at)
		return NULL;
	at += strlen("/lib-dynload/");
	return arena_text(arena, at, strcspn(at, "./"));
}

/* What belongs to no package of Python's. */
static const char *of_system(const char *path)
{
	static const struct { const char *prefix, *words; } known[] = {
		{ "libc.so", "the C library" }, { "libc-2.", "the C library" }, { "ld-linux", "the system's loader" },
		{ "libcuda.so", "the NVIDIA driver" }, { "libnvidia-", "the NVIDIA driver" },
		{ "libpython", "Python itself" }, { "libffi", "ctypes or cffi" },
	};
	const char *name = base_name(path);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(name, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].words;
	}
	return NULL;
}

const char *software_of_path(struct arena *arena, const char *path)
{
	const char *name = strchr(path, '/') ? package_of(arena, path) : NULL;

	if (name)
		return package_label(name);
	name = own_extension(arena, path);
	if (name)
		return arena_printf(arena, "Python's own module %s", name);
	name = of_system(path);
	return name ? name : base_name(path);
}

const char *software_of(struct arena *arena, const struct module *module)
{
	const char *path = module && module->path && *module->path ? module->path : NULL;

	if (!path)
		return module_name(module);
	return module_is_python(module) ? "Python itself" : software_of_path(arena, path);
}

static const char *with_file(struct arena *arena, const char *software, const char *file)
{
	return strstr(software, file) ? software : arena_printf(arena, "%s (%s)", software, file);
}

const char *software_file(struct arena *arena, const struct module *module)
{
	return with_file(arena, software_of(arena, module), module_name(module));
}

const char *software_file_of_path(struct arena *arena, const char *path)
{
	return with_file(arena, software_of_path(arena, path), base_name(path));
}

/* A C++ name may have some hundred characters, and what stands between < and > tells a user nothing. */
static const char *short_symbol(struct arena *arena, const char *symbol)
{
	const char *at = strncmp(symbol, "void ", 5) == 0 ? symbol + 5 : symbol;
	size_t n = strcspn(at, "<(");

	return n && at[n] && (strlen(at) > 60 || !strstr(at, "operator")) ? arena_text(arena, at, n) : at;
}

const char *frame_words(struct arena *arena, const struct frame *frame)
{
	if (!frame)
		return "an unknown place";
	if (!frame->symbol)
		return software_of(arena, frame->module);
	return arena_printf(arena, "%s (in its function %s)", software_of(arena, frame->module), short_symbol(arena, frame->symbol));
}
