/* SPDX-License-Identifier: MIT */
/*
 * A package that was loaded from another installation than the one that runs. Where the versions
 * of Python differ, the paths say so (env.c); here they are the same, and only the prefix is another:
 * PYTHONPATH into a second virtual environment, the user site under conda, a .pth file.
 *
 * Packages of the base installation in an environment with system packages are no strays.
 */
#include "analyzer/rules/prefix.h"

#include <string.h>
#include <sys/stat.h>

#include "analyzer/reach.h"

/* ".../site-packages" of path, NULL. */
static const char *site_folder(struct arena *arena, const char *path)
{
	size_t n = path ? site_packages(path) : 0;

	return n ? arena_text(arena, path, n - 1) : NULL;
}

static bool at_home(const struct model *m, const char *path)
{
	const struct event *e = python_ready(m);
	const char *prefix = e ? FIELD_TEXT(e, py_ready, prefix) : NULL;
	const char *base = e ? FIELD_TEXT(e, py_ready, base_prefix) : NULL;

	/* Without the prefix nothing can be said. */
	return !prefix || !*prefix || path_under(path, prefix) || path_under(path, base);
}

/* The first part of its name: "numpy" of numpy/core/x.so and of numpy.libs/y.so. */
static const char *import_name(struct arena *arena, const char *rest)
{
	return arena_text(arena, rest, strcspn(rest, "/."));
}

static const char *own_copy(const struct model *m, struct arena *arena, const struct stray *s)
{
	const char *prefix = FIELD_TEXT(python_ready(m), py_ready, prefix);
	const char *version = python_version(m, arena), *path;

	if (!version)
		return NULL;
	path = arena_printf(arena, "%s/lib/python%s/site-packages/%s/__init__.py", prefix, version, s->package);
	return reach_is_file(path) ? path : NULL;
}

static void find_way(const struct model *m, struct finding *f, struct stray *s)
{
	const char *entry = path_entry(f->arena, model_env(m, "PYTHONPATH"), s->site);

	if (entry) {
		s->variable = "PYTHONPATH";
		s->way = arena_printf(f->arena, "PYTHONPATH names %s, which is searched before this environment's own packages", entry);
	} else if (strstr(s->site, "/.local/lib/python")) {
		s->variable = "PYTHONNOUSERSITE";
		s->way = arena_printf(f->arena, "%s is the user's own folder of packages (pip install --user), which every Python of this "
						"version searches before its own", s->site);
	} else {
		s->way = arena_printf(f->arena, "%s was put into sys.path by a .pth file or by the program", s->site);
	}
}

/* The exception names the package with its version, or was raised inside it. */
static bool spoken_of(const struct context *c, const struct stray *s)
{
	const char *inside = arena_printf(c->arena, "%s/%s/", s->site, s->package);

	if (strstr(c->error.chain, inside) || (c->error.file && strstr(c->error.file, inside)))
		return true;
	return s->version && has_word(c->error.chain, s->package) && strstr(c->error.chain, s->version);
}

bool stray_package(const struct model *m, struct finding *f, struct stray *s)
{
	for (size_t i = 0; f->context->error.uncaught && i < m->nmodules; i++) {
		const char *path = m->modules[i].path;

		*s = (struct stray){ .module = &m->modules[i], .site = site_folder(f->arena, path) };
		if (!s->site || at_home(m, path))
			continue;
		s->package = import_name(f->arena, path + strlen(s->site) + 1);
		s->version = package_version(f->arena, path);
		if (!*s->package || !spoken_of(f->context, s))
			continue;
		s->own = own_copy(m, f->arena, s);
		s->own_version = s->own ? package_version(f->arena, s->own) : NULL;
		find_way(m, f, s);
		return true;
	}
	return false;
}
