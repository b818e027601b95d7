/* SPDX-License-Identifier: MIT */
/*
 * Python finds an extension module by the end of its file's name, NAME.cpython-311-x86_64-linux-gnu.so
 * (PEP 3149). A package that was installed for another machine or another Python (pip --target,
 * --platform, a copied folder, a layer of a container) has the file with another end, and Python
 * says "No module named": as if it were not there at all.
 *
 * Proof: the exception names a part of a package, the package's folder holds that part, and no
 * file of it has an end that this interpreter accepts.
 */
#include "analyzer/rules/tags.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/reach.h"

/* "package.part" out of the exception's words; *folder: the package's, where they name it, else NULL. */
static const char *wanted(struct arena *arena, const struct py_error *e, const char **folder)
{
	const char *at = strstr(e->text, "No module named '"), *end, *part, *from, *open;

	*folder = NULL;
	/* "Unable to import required dependency numpy": what was behind that stands in the chain. */
	for (const char *p = at || !strstr(e->type, "ImportError") ? NULL : e->chain; p && (p = strstr(p, "No module named '")); p++)
		at = p;
	if (at) {
		at += strlen("No module named '");
		return arena_text(arena, at, strcspn(at, "'"));
	}
	/* cannot import name 'f' from 'pydantic_core._pydantic_core' (unknown location): a folder of that name is all that was found */
	at = strstr(e->text, "(unknown location)") ? strstr(e->text, "' from '") : NULL;
	if (at)
		return arena_text(arena, at + 8, strcspn(at + 8, "'"));
	/* cannot import name '_imaging' from 'PIL' (/x/PIL/__init__.py) */
	at = strstr(e->text, "cannot import name '");
	from = at ? strstr(at, " from ") : NULL;
	open = from ? strrchr(from, '(') : NULL;
	if (!open)
		return NULL;
	part = at + strlen("cannot import name '");
	end = strstr(open, "/__init__.py)");
	from = strchr(from, '\'');
	if (!end || !from)
		return NULL;
	*folder = arena_text(arena, open + 1, (size_t)(end - open - 1));
	return arena_printf(arena, "%s.%s", arena_text(arena, from + 1, strcspn(from + 1, "'")),
			    arena_text(arena, part, strcspn(part, "'")));
}

/* The folder of the outermost package in the path of a file of it, that name begins with: "/x/kiwisolver" of "kiwisolver._cext". */
static const char *folder_in(struct arena *arena, const char *file, const char *name)
{
	const char *top = arena_printf(arena, "/%s/", arena_text(arena, name, strcspn(name, ".")));
	const char *at = file ? strstr(file, top) : NULL;

	return at ? arena_text(arena, file, (size_t)(at - file) + strlen(top) - 1) : NULL;
}

static const char *package_folder(const struct model *m, struct finding *f, const char *name)
{
	const struct py_error *e = &f->context->error;
	const char *found = folder_in(f->arena, e->file, name), *other;

	for (const char *p = e->chain; !found && p && (p = strstr(p, "File \""));) {
		p += 6;
		found = folder_in(f->arena, arena_text(f->arena, p, strcspn(p, "\"\n")), name);
	}
	if (!found)
		found = folder_in(f->arena, module_hidden(m, f->arena, arena_text(f->arena, name, strcspn(name, ".")), &other), name);
	if (!found)
		return NULL;
	/* The packages between the outermost one and the part: folders in it. */
	for (const char *p = strchr(name, '.') + 1, *dot; (dot = strchr(p, '.')); p = dot + 1)
		found = arena_printf(f->arena, "%s/%s", found, arena_text(f->arena, p, (size_t)(dot - p)));
	return found;
}

/* "cpython-311-x86_64-linux-gnu.so", "cp311-win_amd64.pyd": "3.11"; NULL: any. */
static const char *python_of(struct arena *arena, const char *tag)
{
	const char *digits = strncmp(tag, "cpython-", 8) == 0 ? tag + 8 : strncmp(tag, "cp", 2) == 0 ? tag + 2 : "";
	size_t n = strspn(digits, "0123456789");

	return n >= 2 ? arena_printf(arena, "%c.%.*s", digits[0], (int)n - 1, digits + 1) : NULL;
}

/* The platform that such an end speaks of, when it is not this process's; NULL: it is, or it says nothing. */
static const char *other_platform(const struct model *m, struct arena *arena, const char *tag)
{
	const char *machine = m->arch == KS_ARCH_AARCH64 ? "aarch64" : "x86_64", *linux_at = strstr(tag, "-linux-"), *begin = linux_at;
	const char *dot = strrchr(tag, '.');

	if (strstr(tag, "-darwin") || strstr(tag, "darwin."))
		return "macOS";
	if (strstr(tag, "-win") || (dot && strcmp(dot, ".pyd") == 0))
		return "Windows";
	while (begin && begin > tag && begin[-1] != '-')
		begin--;
	if (!linux_at)
		return NULL;
	if (strncmp(begin, machine, strlen(machine)) != 0)
		return arena_printf(arena, "Linux on %.*s", (int)(linux_at - begin), begin);
	return strncmp(linux_at, "-linux-musl", 11) == 0 ? "Linux with musl (Alpine)" : NULL;
}

static bool is_module(const char *name, const char *part)
{
	size_t n = strlen(part);
	const char *dot = strrchr(name, '.');

	return strncmp(name, part, n) == 0 && name[n] == '.' && dot && (strcmp(dot, ".so") == 0 || strcmp(dot, ".pyd") == 0);
}

bool made_for_another(const struct model *m, struct finding *f, struct made_for *made)
{
	const struct py_error *e = &f->context->error;
	const char *folder, *name = e->uncaught ? wanted(f->arena, e, &folder) : NULL, *part;
	const char *version = python_version(m, f->arena);
	bool fits = false;
	struct dirent *d;
	DIR *dir;

	*made = (struct made_for){ .module = name };
	part = name ? strrchr(name, '.') : NULL;
	if (!part || !part[1] || !version)
		return false;
	folder = folder ? folder : package_folder(m, f, name);
	dir = folder ? reach_dir(folder) : NULL;
	while (dir && (d = readdir(dir))) {
		const char *tag = d->d_name + strlen(part + 1) + 1, *platform, *python;

		if (!is_module(d->d_name, part + 1))
			continue;
		platform = other_platform(m, f->arena, tag);
		python = python_of(f->arena, tag);
		python = python && strcmp(python, version) != 0 ? python : NULL;
		fits |= !platform && !python;
		if (!made->path || (made->platform && !platform))
			*made = (struct made_for){ name, arena_printf(f->arena, "%s/%s", folder, d->d_name), platform, python };
	}
	if (dir)
		reach_dir_close(dir);
	return made->path && !fits;
}

void explain_made_for(const struct model *m, struct finding *f, const struct made_for *made)
{
	const struct py_error *e = &f->context->error;
	const char *list = model_env(m, "PYTHONPATH"), *entry = path_entry(f->arena, list, made->path);
	const char *own = python_version(m, f->arena);

	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %s", e->type, arena_cut(f->arena, e->text, 160));
	finding_say(f, "Python says that %s is not there. It is, in a file for another interpreter: %s, which was built for "
		       "%s%s%s. This is Python %s, Linux on %s; it looks for files whose names end for itself.",
		    made->module, made->path, made->platform ? made->platform : "Python ",
		    made->platform && made->python ? " and Python " : "", made->python ? made->python : "", own,
		    m->arch == KS_ARCH_AARCH64 ? "aarch64" : "x86_64");
	if (entry)
		finding_say(f, "PYTHONPATH leads there: %s.", entry);
	finding_fix_package(m, f, made->path, "reinstall");
	if (made->platform)
		finding_fix(f, "Where it was made on another machine (a layer, an image, a copied folder): pip can fetch for this one with "
			       "--platform manylinux2014_%s --python-version %s --only-binary=:all: --target FOLDER.",
			    m->arch == KS_ARCH_AARCH64 ? "aarch64" : "x86_64", own);
	else if (entry)
		finding_fix(f, "Or start Python without that folder: take %s out of PYTHONPATH.", entry);
}
