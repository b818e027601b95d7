/* SPDX-License-Identifier: MIT */
/*
 * Environments that get mixed: files of another Python's site-packages. The proof is in the paths:
 * which file raised the exception, in which prefix it lies, and which variable leads there.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"
#include "analyzer/rules/prefix.h"
#include "analyzer/rules/tags.h"

#include <ctype.h>
#include <string.h>

/* "/x/lib/python3.6/site-packages": "3.6" out of it; NULL. */
static const char *version_in(struct arena *arena, const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/python"))) {
		at += 7;
		if (isdigit((unsigned char)at[0]) && at[1] == '.' && isdigit((unsigned char)at[2]))
			return arena_text(arena, at, 2 + strspn(at + 2, "0123456789"));
	}
	return NULL;
}

/* A folder of another Python among the places where the traceback went through. */
static const char *foreign_place(struct arena *arena, const char *chain, const char *file,
				 const char *version)
{
	const char *v = file ? version_in(arena, file) : NULL;

	if (v && strcmp(v, version) != 0)
		return file;
	for (const char *p = chain; p && (p = strstr(p, "File \""));) {
		const char *path;

		p += 6;
		path = arena_text(arena, p, strcspn(p, "\"\n"));
		v = version_in(arena, path);
		if (v && strcmp(v, version) != 0)
			return path;
	}
	return NULL;
}

/* The interpreter did not find its own standard library: PYTHONHOME points elsewhere. */
static bool no_library(const struct model *m)
{
	return m->ending.kind == END_EXIT &&
	       model_stderr_line(m, "Fatal Python error: init_", true) &&
	       model_stderr_line(m, "No module named 'encodings'", true);
}

/* The same version of Python, but another installation: the two copies differ in more than their place. */
static enum confidence match_stray(const struct model *m, struct finding *f)
{
	struct stray s;

	if (!stray_package(m, f, &s) || (s.version && s.own_version && strcmp(s.version, s.own_version) == 0))
		return NO_MATCH;
	f->path = s.module->path;
	f->module = s.module;
	f->name = s.package;
	f->number[1] = 1;
	return s.own || s.variable ? PROVEN : LIKELY;
}

/* What leads there is not known: the search path, as it is. */
static void fix_path(const struct model *m, struct finding *f)
{
	finding_fix(f, "See what leads there, and take it out: a .pth file in site-packages, PYTHONPATH, or a line of the program that changes "
		       "sys.path.%s", m->is_kernel ? " In a cell:" : "");
	finding_run(f, m->is_kernel ? "import sys; print(sys.path)" : "python -c 'import sys; print(sys.path)'");
}

static void explain_stray(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	struct stray s;

	if (!stray_package(m, f, &s))
		return;
	finding_title(f, "%s is imported from another installation%s%s", s.package, s.variable ? ", through " : "",
		      !s.variable ? "" : strcmp(s.variable, "PYTHONPATH") == 0 ? "PYTHONPATH" : "the user's own packages");
	finding_cite(f, s.module->record, s.module->load_time, "%s was loaded", s.module->path);
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %s", e->type, arena_cut(f->arena, e->text, 160));
	finding_say(f, "%s%s%s was taken from %s, which does not belong to the environment that runs (%s).", s.package,
		    s.version ? " " : "", s.version ? s.version : "", s.site, FIELD_TEXT(python_ready(m), py_ready, prefix));
	finding_say(f, "%s.", s.way);
	if (s.own)
		finding_say(f, "It hides this environment's own copy%s%s, which should have been taken: %s.",
			    s.own_version ? ", " : "", s.own_version ? s.own_version : "", s.own);
	finding_say_traced(f, "The import ended with %s: %s", e->type, arena_cut(f->arena, e->text, 200));
	if (s.variable && strcmp(s.variable, "PYTHONPATH") == 0)
		howto_unset(m, f, "Start Python without PYTHONPATH", "PYTHONPATH");
	else if (s.variable)
		howto_set(m, f, AT_START, "Keep the user's own packages out", "PYTHONNOUSERSITE=1");
	else
		fix_path(m, f);
}

static enum confidence match_mixed(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *version = python_version(m, f->arena), *list = model_env(m, "PYTHONPATH"), *v;
	struct made_for made;

	if (no_library(m) && (f->number[0] = model_env(m, "PYTHONHOME") != NULL)) {
		f->path = model_env(m, "PYTHONHOME");
		return PROVEN;
	}
	if (!e->uncaught || !version || f->context->bad_load.load)
		return NO_MATCH;
	f->path = foreign_place(f->arena, e->chain, e->file, version);
	if (!f->path && e->path && (v = version_in(f->arena, e->path)) && strcmp(v, version) != 0)
		f->path = e->path;
	if (!f->path && made_for_another(m, f, &made) && !made.platform) {
		f->number[1] = 2;
		return PROVEN;
	}
	if (!f->path)
		return match_stray(m, f);
	f->text = path_entry(f->arena, list, f->path);
	f->name = version;
	f->symbol = version_in(f->arena, f->path);
	return f->text || strstr(e->type, "ImportError") || strstr(e->type, "ModuleNotFound") ||
			       strstr(e->type, "SyntaxError")
		       ? PROVEN
		       : LIKELY;
}

static void explain_mixed(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *package = f->path ? package_of(f->arena, f->path) : NULL;
	struct made_for made;

	if (f->number[1] == 2 && made_for_another(m, f, &made)) {
		finding_title(f, "%s is installed for Python %s, and this is Python %s", made.module, made.python, python_version(m, f->arena));
		explain_made_for(m, f, &made);
		return;
	}
	if (f->number[1]) {
		explain_stray(m, f);
		return;
	}
	if (f->number[0]) {
		finding_title(f, "PYTHONHOME points to a folder that is not this Python's");
		finding_cite(f, 0, m->ending.time, "PYTHONHOME=%s", f->path);
		finding_cite(f, 0, m->ending.time, "on stderr: %.200s",
			     arena_line(f->arena,
					model_stderr_line(m, "Fatal Python error: init_", true)));
		finding_say(f,
			    "PYTHONHOME is \"%s\"; the interpreter looked there for its standard "
			    "library, did not find even the module "
			    "encodings, and gave up before any program ran.",
			    f->path);
		howto_unset(m, f, "Start Python without PYTHONHOME", "PYTHONHOME");
		return;
	}
	finding_title(f, "Python %s imports from the packages of a Python %s%s", f->name, f->symbol,
		      f->text ? ", through PYTHONPATH" : "");
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %s", e->type,
		     arena_cut(f->arena, e->text, 160));
	finding_cite(f, 0, m->ending.time, "it was raised below %s", f->path);
	finding_say(f,
		    "This is Python %s, but the exception (%s: %.120s) was raised in %s, a folder "
		    "of Python %s.",
		    f->name, e->type, arena_line(f->arena, e->text), f->path, f->symbol);
	if (package)
		finding_say(f,
			    "The package %s was taken from there; its extension modules were built "
			    "for Python %s.",
			    package, f->symbol);
	if (f->text) {
		finding_say(
			f, "PYTHONPATH names %s, and comes before this environment's own packages.",
			f->text);
		howto_unset(m, f, "Start Python without PYTHONPATH", "PYTHONPATH");
	} else if (strstr(f->path, "/.local/")) {
		howto_set(m, f, AT_START, "Keep the user's own packages out", "PYTHONNOUSERSITE=1");
	} else {
		fix_path(m, f);
	}
}

const struct rule rule_env_mixed_environments = {
	.id = "env.mixed-environments",
	.title = "Packages of another Python are imported",
	.match = match_mixed,
	.explain = explain_mixed,
	.page = "PYTHONPATH, the user site or a .pth file leads this Python into the packages of "
		"another one.\nProof: the exception that ended the import "
		"was raised in a file of a pythonX.Y folder of another version than the one that "
		"runs.\nMistaken for it: \"numpy is broken\".",
	.sources = "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPATH",
};
