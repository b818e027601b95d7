/* SPDX-License-Identifier: MIT */
/*
 * Environments that get mixed: files of another Python's site-packages, a module of one's own
 * that hides a package, packages whose versions do not fit. The proof is in the paths: which
 * file raised the exception, in which prefix it lies, and which variable leads there.
 */
#include "analyzer/howto.h"
#include "analyzer/missing.h"
#include "analyzer/proof.h"
#include "analyzer/rules/prefix.h"
#include "analyzer/rules/tags.h"

#include <ctype.h>
#include <stdlib.h>
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

/* --- env.mixed-environments --- */

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

/* --- env.shadowed-module --- */

static bool is_own_file(const char *path)
{
	return path && *path && !site_packages(path) &&
	       !strstr(path, "/lib/python") && *path != '<';
}

/* A quoted word behind words in text. */
static const char *quoted(struct arena *arena, const char *text, const char *words)
{
	const char *at = strstr(text, words);
	size_t n;

	if (!at)
		return NULL;
	at += strlen(words);
	if (*at == '\'' || *at == '"')
		at++;
	n = strcspn(at, "'\" \n;");
	return n ? arena_text(arena, at, n) : NULL;
}

/* The file NAME.py or NAME/__init__.py of one's own in the text or the traceback. */
static const char *own_file(struct arena *arena, const struct py_error *e, const char *name)
{
	const char *leaf = arena_printf(arena, "/%s.py", name),
		   *folder = arena_printf(arena, "/%s/__init__.py", name);
	const char *sources[] = { e->path, e->file, NULL };
	const char *open = strrchr(e->text, '(');

	for (int i = 0; sources[i] || i == 0; i++) {
		if (sources[i] && is_own_file(sources[i]) &&
		    (strstr(sources[i], leaf) || strstr(sources[i], folder)))
			return sources[i];
		if (i == 1)
			break;
	}
	if (open) {
		const char *path = arena_text(arena, open + 1, strcspn(open + 1, ")\n"));

		if (is_own_file(path) && (strstr(path, leaf) || strstr(path, folder)))
			return path;
	}
	for (const char *p = e->chain; p && (p = strstr(p, "File \""));) {
		const char *path;

		p += 6;
		path = arena_text(arena, p, strcspn(p, "\"\n"));
		if (is_own_file(path) && (strstr(path, leaf) || strstr(path, folder)))
			return path;
	}
	return NULL;
}

/* A package that does not find its own part is the one that was meant. */
static bool within_itself(struct arena *arena, const struct py_error *e, const char *path, const char *name)
{
	const char *leaf = strcmp(base_name(path), "__init__.py") == 0 ? base_name(path) : NULL;

	return leaf && strstr(e->text, arena_printf(arena, "'%s.", name)) && e->file &&
	       path_under(e->file, arena_text(arena, path, (size_t)(leaf - path - 1)));
}

/* Python says that NAME is a single file, and everybody knows it as a package. */
static bool no_package(struct finding *f, const struct py_error *e)
{
	static const char *const packages[] = {
		"tensorflow", "keras", "numpy", "torch", "jax", "scipy", "pandas", "matplotlib",
		"sklearn", "h5py", "google", "theano", "cntk", "PIL", "json", "email", "logging",
		"concurrent", "multiprocessing", NULL,
	};
	const char *end = strstr(e->text, "' is not a package"), *begin = end;

	while (begin && begin > e->text && begin[-1] != '\'')
		begin--;
	for (int i = 0; begin && packages[i]; i++) {
		if (strlen(packages[i]) == (size_t)(end - begin) &&
		    strncmp(packages[i], begin, end - begin) == 0) {
			f->name = packages[i];
			f->path = arena_printf(f->arena, "%s.py", f->name);
			return true;
		}
	}
	return false;
}

/* Looked up along sys.path now: a file of one's own stands before the package. */
static bool found_on_path(const struct model *m, struct finding *f, const char *name)
{
	const char *other, *first = module_hidden(m, f->arena, name, &other);

	if (!first || !other || !is_own_file(first) || is_own_file(other))
		return false;
	f->name = name;
	f->path = first;
	f->text = other;
	return true;
}

/*
 * A file of the standard library or of a package imported NAME and got NAME.py of one's own, which
 * then failed: the traceback goes from theirs straight into that file.
 */
static bool imported_by_others(const struct model *m, struct finding *f, const struct py_error *e)
{
	const char *before = NULL;

	for (const char *p = e->chain; p && (p = strstr(p, "File \""));) {
		const char *path = arena_text(f->arena, p + 6, strcspn(p + 6, "\"\n")), *line = p, *name = base_name(path);
		bool top, frozen = strncmp(path, "<frozen importlib", 17) == 0;

		p += 6;
		top = strncmp(line + strcspn(line, "\n") - strlen("in <module>"), "in <module>", strlen("in <module>")) == 0;
		if (frozen)
			continue;
		if (before && top && *before != '<' && !is_own_file(before) && is_own_file(path) && strstr(name, ".py") &&
		    found_on_path(m, f, arena_text(f->arena, name, strcspn(name, "."))) && strcmp(f->path, path) == 0)
			return true;
		before = path;
	}
	return false;
}

/* "No module named 'numpy.core'; 'numpy' is not a package", of which a native module then made an error of its own. */
static bool hidden_beneath(const struct model *m, struct finding *f, const struct py_error *e)
{
	const char *line = model_stderr_line(m, "' is not a package", true), *name, *own;

	if (!line || strstr(e->text, "' is not a package") || !strstr(e->type, "Import"))
		return false;
	name = quoted(f->arena, line, "; ");
	own = name && !strchr(name, '.') ? name : NULL;
	return own && found_on_path(m, f, own);
}

static enum confidence match_shadowed(const struct model *m, struct finding *f)
{
	static const char *const words[] = {"partially initialized module ",
					    "from partially initialized module ",
					    "' from ",
					    "; ",
					    "No module named ",
					    "module ",
					    NULL};
	const struct py_error *e = &f->context->error;

	if (e->uncaught && (imported_by_others(m, f, e) || hidden_beneath(m, f, e)))
		return PROVEN;
	if (!e->uncaught ||
	    (!strstr(e->type, "ImportError") && !strstr(e->type, "AttributeError") &&
	     !strstr(e->type, "ModuleNotFound")))
		return NO_MATCH;
	if (strstr(e->text, "has the same name as") &&
	    (f->path = quoted(f->arena, e->text, "consider renaming ")))
		return PROVEN;	/* Python 3.13 says it itself */
	for (int i = 0; words[i]; i++) {
		const char *name = quoted(f->arena, e->text, words[i]);
		char *dot = name ? strchr(name, '.') : NULL;

		if (dot)
			*dot = '\0';
		if (!name || !*name || strcmp(name, "__main__") == 0)
			continue;
		if (found_on_path(m, f, name))
			return PROVEN;
		f->path = own_file(f->arena, e, name);
		if (!f->path || within_itself(f->arena, e, f->path, name))
			continue;
		f->name = name;
		/* Importing itself by its own name: the file stands where the package was meant. */
		return strstr(e->text, "partially initialized") ||
				       strstr(e->text, "is not a package")
			       ? PROVEN
			       : LIKELY;
	}
	return no_package(f, e) ? PROVEN : NO_MATCH;
}

/* Its folder's name where it is NAME/__init__.py. */
static void fix_name(const struct model *m, struct finding *f)
{
	const char *path = f->path, *slash = strrchr(path, '/');
	const bool folder = strcmp(base_name(path), "__init__.py") == 0 && slash;
	const char *what = folder ? arena_text(f->arena, path, (size_t)(slash - path)) : path;
	const char *name = base_name(what), *in = arena_text(f->arena, what, (size_t)(name - what));

	finding_fix(f, "Give the %s another name%s:", folder ? "folder" : "file", m->is_kernel ? ", then restart the kernel" : "");
	finding_run(f, "mv %s %s", arena_shell(f->arena, what), arena_shell(f->arena, arena_printf(f->arena, "%smy_%s", in, name)));
}

static void explain_shadowed(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	finding_title(f, "%s hides the module of the same name",
		      strcmp(base_name(f->path), "__init__.py") == 0 ?
			      arena_printf(f->arena, "The folder %s", f->name ? f->name : f->path) :
			      arena_printf(f->arena, "The file %s", base_name(f->path)));
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %s", e->type,
		     arena_cut(f->arena, e->text, 200));
	finding_say(f,
		    "%s lies in a folder that is searched first, so that importing %s gives this "
		    "file and not the package: %.160s",
		    f->path, f->name ? f->name : "that name", arena_line(f->arena, e->text));
	if (f->text)
		finding_say(f, "The package is there too, further behind in the search path: %s.",
			    f->text);
	fix_name(m, f);
}

const struct rule rule_env_shadowed_module = {
	.id = "env.shadowed-module",
	.title = "A file hides a module of the same name",
	.match = match_shadowed,
	.explain = explain_shadowed,
	.page = "A file of one's own (random.py, keras.py) stands before the package of that name "
		"in the search path.\nProof: the exception that ended the "
		"import names the module, and the file that was taken for it lies outside of all "
		"package folders.",
	.sources = "https://docs.python.org/3/whatsnew/3.13.html#improved-error-messages",
};

/* --- env.version-conflict --- */

static const struct { const char *type, *text, *what, *fix; bool sure; } conflicts[] = {
#define CONFLICT(type, text, sure, what, fix) { type, text, what, fix, sure },
#include "analyzer/rules/conflicts.def"
#undef CONFLICT
};

/* "words", or "words @ part of the file's path". */
static bool raised_as(struct arena *arena, const struct py_error *e, const char *words)
{
	const char *at = strstr(words, " @ ");

	if (!at)
		return strstr(e->text, words) != NULL;
	return strstr(e->text, arena_text(arena, words, at - words)) && e->file && strstr(e->file, at + 3);
}

/* "$" stands for the version that the exception names behind the words; NULL: it names none. */
static const char *with_version(struct arena *arena, const struct py_error *e, const char *words, const char *fix)
{
	const char *dollar = strchr(fix, '$'), *at = dollar ? strstr(e->text, words) : NULL;
	size_t n = at ? strspn(at + strlen(words), "0123456789.") : 0;

	if (!dollar || dollar[1] == ' ')	/* " $ command" */
		return fix;
	while (n && at[strlen(words) + n - 1] == '.')
		n--;
	return n ? arena_printf(arena, "%.*s%.*s%s", (int)(dollar - fix), fix, (int)n, at + strlen(words), dollar + 1) : NULL;
}

static enum confidence match_conflict(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	struct incomplete found;

	for (size_t i = 0; e->uncaught && i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		if (*conflicts[i].type && !strstr(e->type, conflicts[i].type))
			continue;
		if (!raised_as(f->arena, e, conflicts[i].text))
			continue;
		f->text = with_version(f->arena, e, conflicts[i].text, conflicts[i].fix);
		if (!f->text)
			continue;
		/* A package without its files has not the names that they hold: no question of releases. */
		if (!conflicts[i].sure && package_incomplete(m, f->arena, e, &found))
			return NO_MATCH;
		f->name = conflicts[i].what;
		return conflicts[i].sure ? PROVEN : LIKELY;
	}
	return NO_MATCH;
}

/* TensorFlow 2.6 to 2.15 want the Keras of their own release: "keras==2.11.*", newer ones Keras 3; NULL: which is there is not known. */
static const char *keras_of_tensorflow(const struct model *m, struct arena *arena)
{
	const struct module *tf = model_module_named(m, "libtensorflow_framework", NULL);
	const char *version = tf ? package_version(arena, tf->path) : NULL;
	size_t n = version ? strspn(version, "0123456789") : 0;

	if (!n || version[n] != '.')
		return NULL;
	if (atoi(version) > 2 || atoi(version + n + 1) > 15)
		return "--upgrade keras";
	return arena_printf(arena, "'keras==%.*s.*'", (int)(n + 1 + strspn(version + n + 1, "0123456789")), version);
}

/* "ARGUMENTS" or "ARGUMENTS (remark)": the command must not hold the remark; one that begins with "or" is a step of its own. */
static void fix_by_pip(const struct model *m, struct finding *f, const char *text)
{
	const char *open = strstr(text, " ("), *close = open ? strrchr(open, ')') : NULL;
	const char *remark = close ? arena_text(f->arena, open + 2, (size_t)(close - open - 2)) : NULL;
	const char *arguments = close ? arena_text(f->arena, text, (size_t)(open - text)) : text;
	bool other = remark && strncmp(remark, "or ", 3) == 0;

	if (strcmp(arguments, "keras=TensorFlow") == 0) {
		arguments = keras_of_tensorflow(m, f->arena);
		if (!arguments) {
			finding_fix(f, "Install the Keras of the same release as TensorFlow (python -m pip list shows both).");
			return;
		}
	}
	finding_fix(f, "Install the release that fits%s%s%s%s:", remark && !other ? " (" : "", remark && !other ? remark : "",
		    remark && !other ? ")" : "", m->is_kernel ? ", then restart the kernel" : "");
	finding_run(f, "%s", package_command(m, f->arena, arguments, NULL, false));
	if (other)
		finding_fix(f, "Or %s.", remark + 3);
}

static void explain_conflict(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	finding_title(f, "%s", f->name);
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %s", e->type,
		     arena_cut(f->arena, e->text, 200));
	finding_say_traced(f, "%s: %s", e->type, arena_cut(f->arena, e->text, 300));
	if (e->file)
		finding_say_traced(f, "It was raised at %s, line %d.", e->file, e->line);
	if (strncmp(f->text, "pip:", 4) == 0)
		fix_by_pip(m, f, f->text + 4);
	else
		howto_words(m, f, f->text);
}

const struct rule rule_env_version_conflict = {
	.id = "env.version-conflict",
	.title = "Installed packages do not fit each other",
	.match = match_conflict,
	.explain = explain_conflict,
	.page = "Two installed packages want other versions of each other.\nProof: the exception "
		"that ended the import is one that the package raises for "
		"that reason (the table analyzer/rules/conflicts.def).",
	.sources = "https://github.com/tensorflow/tensorflow/issues/52951 "
		   "https://github.com/google-research/ibc/issues/1",
};
