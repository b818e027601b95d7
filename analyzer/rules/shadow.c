/* SPDX-License-Identifier: MIT */
/*
 * A file of the user's own that has the name of a module and hides it: the exception comes out of it, or
 * out of what found it in the module's place, and it lies in no folder of packages.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <ctype.h>
#include <string.h>

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
