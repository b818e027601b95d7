/* SPDX-License-Identifier: MIT */
/*
 * Which module Python did not find, and why not: the package is not installed; it is there and lacks
 * files that its own list (RECORD, PEP 376) names; this Python was built without it. What to do.
 *
 * Paths come from the trace: regular files are read, others looked at with stat (design.md 8).
 */
#include "analyzer/missing.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/howto.h"
#include "analyzer/reach.h"
#include "analyzer/record.h"

#define MAX_FILES	40000	/* of one RECORD that are looked at */

static const struct { const char *module, *package; } known[] = {
#define MODULE(module, package) { module, package },
#define BUILT_IN(module, needs)
#include "analyzer/missing.def"
#undef MODULE
#undef BUILT_IN
};

static const struct { const char *module, *needs; } built_in[] = {
#define MODULE(module, package)
#define BUILT_IN(module, needs) { module, needs },
#include "analyzer/missing.def"
#undef MODULE
#undef BUILT_IN
};

static bool is_name(const char *s)
{
	return *s && !isdigit((unsigned char)*s) &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")];
}

static const char *after(struct arena *arena, const char *text, const char *words)
{
	const char *at = strstr(text, words), *name;

	if (!at)
		return NULL;
	at += strlen(words);
	at += *at == '\'' || *at == '"';
	name = arena_text(arena, at, strcspn(at, "'\"\n ;,"));
	return is_name(name) ? name : NULL;
}

const char *missing_module(const struct model *m, struct arena *arena, const struct py_error *e)
{
	const char *line;

	if (e->uncaught)
		return after(arena, e->text, "No module named ");
	/* python -m NAME: runpy says it and exits, without an exception that reaches the top. */
	line = model_stderr_line(m, ": No module named ", true);
	if (!line || m->ending.kind != END_EXIT || m->ending.status != 1 || strncmp(line, "ModuleNotFoundError", 19) == 0 ||
	    strncmp(line, "ImportError", 11) == 0 || !model_info(m, "argv") || !strstr(model_info(m, "argv"), " -m "))
		return NULL;
	return after(arena, line, ": No module named ");
}

/* --- a package without some of its files --- */

static bool begins(const char *line, const char *top)
{
	size_t n = strlen(top);

	return strncmp(line, top, n) == 0 && line[n] == '/';
}

/* Code that is imported; compiled files, scripts, tests and the like come and go. A path in quotes holds a comma. */
static bool counts(const char *path)
{
	const char *dot = strrchr(base_name(path), '.');

	return *path && *path != '"' && *path != '/' && !strstr(path, "..") && !strstr(path, "/tests/") && dot &&
	       (strcmp(dot, ".py") == 0 || strstr(base_name(path), ".so"));
}

/* tensorflow/python/framework is wanted: its .py, its .so, a file in it; or the __init__.py of the folder that should hold it. */
static bool is_wanted(const char *path, const char *wanted)
{
	size_t n = strlen(wanted);
	const char *slash = strrchr(wanted, '/');

	if (strncmp(path, wanted, n) == 0 && (path[n] == '/' || path[n] == '.'))
		return true;
	n = slash ? (size_t)(slash - wanted) : 0;
	return n && strncmp(path, wanted, n) == 0 && strcmp(path + n, "/__init__.py") == 0;
}

static bool check_record(struct arena *arena, const char *site, char *record, const char *wanted, struct incomplete *found)
{
	char *next;

	*found = (struct incomplete){ NULL };
	for (char *line = record; line && *line && found->listed < MAX_FILES; line = next) {
		struct stat st;
		const char *path;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line[strcspn(line, ",\r")] = '\0';
		if (!counts(line))
			continue;
		found->listed++;
		path = arena_printf(arena, "%s%s", site, line);
		if (reach_stat(path, &st) == 0)
			continue;
		found->missing++;
		if (!found->file && is_wanted(line, wanted))
			found->file = path;
	}
	return found->file != NULL;
}

struct wanted {
	struct arena *arena;
	const char *site, *path, *top, *needle;
	struct incomplete *found;
};

static bool look_for(void *arg, const char *dist, char *record)
{
	const struct wanted *w = arg;

	if ((!begins(record, w->top) && !strstr(record, w->needle)) || !check_record(w->arena, w->site, record, w->path, w->found))
		return false;
	w->found->package = arena_text(w->arena, dist, strcspn(dist, "-"));
	return true;
}

static bool in_site(struct arena *arena, const char *site, const char *wanted, struct incomplete *found)
{
	const char *top = arena_text(arena, wanted, strcspn(wanted, "/"));
	struct wanted w = { arena, site, wanted, top, arena_printf(arena, "\n%s/", top), found };

	return records_each(arena, site, top, look_for, &w);
}

/* The folders of sys.path, as it was at the last import that asked for it. */
static bool on_path(const struct model *m, struct arena *arena, const char *wanted, struct incomplete *found)
{
	const struct event *e = model_last(m, KS_py_path, 0, NULL);

	for (const char *p = e ? FIELD_TEXT(e, py_path, path) : NULL; p && *p;) {
		size_t n = strcspn(p, ":");
		const char *folder = arena_printf(arena, "%.*s/", (int)n, p);

		if (n && site_packages(folder) == n + 1 && in_site(arena, folder, wanted, found))
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

/* "cannot import name 'N' from 'A.B'", "module 'A.B' has no attribute 'N'", "No module named 'A.B.N'": A/B/N; NULL. */
static const char *wanted_file(struct arena *arena, const char *text)
{
	const char *name = after(arena, text, "cannot import name '"), *in = NULL;
	char *path;

	if (name) {
		in = after(arena, text, "' from '");
		in = in ? in : after(arena, text, "' from partially initialized module '");
	} else if ((name = after(arena, text, "' has no attribute '"))) {
		in = after(arena, text, "module '");
	} else {
		name = after(arena, text, "No module named ");
		path = name && strchr(name, '.') ? arena_text(arena, name, strlen(name)) : NULL;
		in = path ? "" : NULL;
	}
	if (!name || !in)
		return NULL;
	path = arena_printf(arena, "%s%s%s", in, *in ? "/" : "", name);
	for (char *p = path; *p; p++)
		*p = *p == '.' ? '/' : *p;
	return path;
}

bool package_incomplete(const struct model *m, struct arena *arena, const struct py_error *e, struct incomplete *found)
{
	const char *wanted = strstr(e->type, "Error") ? wanted_file(arena, e->text) : NULL;
	size_t n = site_packages(e->file);

	if (!wanted)
		return false;
	return (n && in_site(arena, arena_text(arena, e->file, n), wanted, found)) || on_path(m, arena, wanted, found);
}

void incomplete_tell(const struct model *m, struct finding *f, const struct incomplete *found)
{
	finding_say(f, "The package %s is not whole: of the %u files of code that its own list (RECORD) names, %u %s not there, as it is now, %s "
		       "among them. An installation that was broken off, a full disk or two installers at once leave that behind.",
		    found->package, found->listed, found->missing, found->missing == 1 ? "is" : "are", found->file);
	howto_install(m, f, arena_printf(f->arena, "Install %s again, whole", found->package), found->package, true);
}

/* --- what to say --- */

static const char *system_package(const char *module)
{
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (strcmp(built_in[i].module, module) == 0)
			return built_in[i].needs;
	return NULL;
}

const char *package_of_module(const char *module)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].module, module) == 0)
			return known[i].package;
	return NULL;
}

/* It was built without it: nothing that pip could bring. */
static void tell_built_in(struct finding *f, const char *name, const char *needs)
{
	finding_title(f, "This Python was built without its own module %s", name);
	finding_say(f, "%s belongs to Python itself and is made when Python is built, where the headers of its library are there (%s). pip "
		       "cannot install it.", name, needs);
	if (strcmp(name, "_tkinter") == 0 || strcmp(name, "tkinter") == 0)
		finding_fix(f, "For the system's Python: sudo apt-get install python3-tk");
	finding_fix(f, "Install %s, and build this Python again (pyenv: pyenv install --force VERSION), or use another one:", needs);
	finding_run(f, "sudo apt-get install %s", needs);
}

void missing_tell(const struct model *m, struct finding *f, const char *name)
{
	const char *top = arena_text(f->arena, name, strcspn(name, ".")), *package = package_of_module(top), *needs = system_package(top);
	const struct event *ready = python_ready(m);
	const char *shown = strcmp(top, "ipykernel_launcher") == 0 ? "ipykernel" : top;
	const char *prefix = ready ? FIELD_TEXT(ready, py_ready, prefix) : NULL;
	bool kernel = strcmp(top, "ipykernel_launcher") == 0 || strcmp(top, "ipykernel") == 0;

	if (needs) {
		tell_built_in(f, top, needs);
		return;
	}
	finding_title(f, "The module %s is not installed in this environment%s", shown, kernel ? ", so that no kernel can start in it" : "");
	finding_say(f, "Python looked for %s in all folders of its search path and did not find it. The Python that ran is the one of %s: a "
		       "package that is installed for another Python or another environment is not seen by it.",
		    top, prefix && *prefix ? prefix : "another environment, perhaps");
	if (package) {
		howto_install(m, f, "Install it", package, false);
	} else {
		finding_fix(f, "If it is a file of your own, start the program in its folder, or add that folder to PYTHONPATH. If it is a "
			       "package, install the one that holds it; most often it is of the same name:");
		finding_run(f, "%s", package_command(m, f->arena, top, NULL, false));
	}
	if (kernel)
		finding_fix(f, "Or let kernel.json name the Python that has it (jupyter kernelspec list shows where that file is).");
}
