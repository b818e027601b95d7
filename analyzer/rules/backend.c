/* SPDX-License-Identifier: MIT */
/*
 * Keras without its backend: TensorFlow, JAX, PyTorch; Theano and CNTK in older versions. Which
 * one was meant and why (KERAS_BACKEND, keras.json, the default) is told with it. When the
 * backend's package is there and the loader refused a part of it, the rules about loading come
 * first: "No module named" often hides the loader's words.
 */
#include "analyzer/howto.h"
#include "analyzer/missing.h"
#include "analyzer/reach.h"

#include <string.h>
#include <sys/stat.h>

static const struct backend { const char *module, *package, *name; } backends[] = {
	{ "tensorflow", "tensorflow", "TensorFlow" }, { "jax", "jax", "JAX" }, { "torch", "torch", "PyTorch" },
	{ "theano", "theano", "Theano" }, { "cntk", "cntk", "CNTK" }, { "openvino", "openvino", "OpenVINO" },
	{ "mxnet", "mxnet", "MXNet" },
};

/* "No module named 'tensorflow'" or 'tensorflow.python': the first part. */
static const struct backend *missing_backend(const struct context *c)
{
	const char *at = strstr(c->error.text, "No module named ");
	const char *name = c->error.name;

	if (at) {
		at += strlen("No module named ");
		name = at + (*at == '\'' || *at == '"');
	}
	for (size_t i = 0; name && i < sizeof(backends) / sizeof(backends[0]); i++) {
		size_t n = strlen(backends[i].module);

		if (strncmp(name, backends[i].module, n) == 0 && strchr("'\"\n", name[n]))
			return &backends[i];
	}
	return NULL;
}

/* Keras is among what was being imported. */
static bool keras_asked(const struct model *m, const struct context *c)
{
	if (strstr(c->error.chain, "/keras/"))
		return true;
	for (const struct event *e = NULL; (e = model_last(m, KS_py_import, 0, e));) {
		const char *name = FIELD_TEXT(e, py_import, name);

		if (name && (strcmp(name, "keras") == 0 || strncmp(name, "keras.", 6) == 0))
			return true;
	}
	return false;
}

/* A file of Keras's own among those of the traceback; NULL. */
static const char *keras_file(struct arena *arena, const struct py_error *e)
{
	for (const char *p = e->chain; p && (p = strstr(p, "File \""));) {
		const char *path = arena_text(arena, p + 6, strcspn(p + 6, "\"\n"));

		p += 6;
		if (strstr(path, "-packages/keras/"))
			return path;
	}
	return NULL;
}

/* Which Keras it is, which backend it meant to use, and what told it so. */
static void tell_choice(const struct model *m, struct finding *f, const char *name)
{
	const char *env = model_env(m, "KERAS_BACKEND"), *file = NULL, *told;
	const char *path = keras_file(f->arena, &f->context->error);
	const char *version = path ? package_version(f->arena, path) : NULL;

	if (version)
		finding_say(f, "This is Keras %s.", version);
	if (env && *env) {
		finding_say(f, "KERAS_BACKEND is set to \"%s\" in this process; it comes before ~/.keras/keras.json.", env);
		environment_hint(m, f, "KERAS_BACKEND", env);
		return;
	}
	told = keras_json(m, f->arena, &file);
	if (file && keras_json_broken(file)) {
		finding_say(f, "KERAS_BACKEND is not set, and %s is no valid JSON as it is now: Keras takes no notice of such a file and "
			       "uses its default, tensorflow.", file);
		finding_fix(f, "Mend that file (a pair of quotes, a comma), or take it away; what it ought to hold:");
		finding_run(f, "echo '{\"backend\": \"%s\"}' > %s", told && !strpbrk(told, "'\"\\") ? told : "tensorflow",
			    arena_shell(f->arena, file));
		return;
	}
	if (told && strcmp(told, name) == 0)
		finding_say(f, "KERAS_BACKEND is not set; %s names \"%s\".", file, told);
	else if (told)
		finding_say(f, "KERAS_BACKEND is not set; %s names \"%s\" as it is now.", file, told);
	else
		finding_say(f, "KERAS_BACKEND is not set; %s was chosen by ~/.keras/keras.json, or is the default.", name);
}

static void tell_error(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	finding_cite(f, e->event ? e->event->record : 0, e->event ? e->event->time : m->ending.time, "%s: %s", e->type,
		     arena_cut(f->arena, e->text, 200));
	finding_say_traced(f, "The import ended with %s: %s", e->type, arena_cut(f->arena, e->text, 200));
	if (e->file)
		finding_say_traced(f, "It was raised at %s, line %d.", e->file, e->line);
}

/* --- backend.not-installed --- */

static bool legacy_keras(const struct model *m)
{
	const char *value = model_env(m, "TF_USE_LEGACY_KERAS");

	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}

static enum confidence match_missing(const struct model *m, struct finding *f)
{
	const struct backend *b;

	if (!f->context->error.uncaught || (strcmp(f->context->error.type, "ModuleNotFoundError") != 0 &&
					    strcmp(f->context->error.type, "ImportError") != 0))
		return NO_MATCH;
	/* TensorFlow 2.16 and newer take tf.keras from a package of its own, at its first use. */
	if (strstr(f->context->error.text, "Keras cannot be imported. Check that it is installed")) {
		f->name = legacy_keras(m) ? "tf_keras" : "keras";
		f->number[0] = 1;
		return PROVEN;
	}
	b = missing_backend(f->context);
	if (!b || f->context->bad_load.load || !keras_asked(m, f->context))
		return NO_MATCH;
	f->name = b->module;
	f->text = b->name;
	f->symbol = b->module;
	return PROVEN;
}

/* Another backend that this Keras knows and that is installed beside it. */
static void fix_other(const struct model *m, struct finding *f)
{
	const char *file = keras_file(f->arena, &f->context->error);
	const size_t site = file ? site_packages(file) : 0;
	const char *version = file ? package_version(f->arena, file) : NULL;
	const bool old = version && version[0] < '3' && version[1] == '.';
	static const char *const now[] = { "tensorflow", "jax", "torch", NULL }, *const then[] = { "tensorflow", "theano", "cntk", NULL };
	const char *const *names = old ? then : now;

	for (int i = 0; site && names[i]; i++) {
		if (strcmp(names[i], f->name) == 0 ||
		    !reach_is_file(arena_printf(f->arena, "%.*s%s/__init__.py", (int)site, file, names[i])))
			continue;
		howto_set(m, f, AT_IMPORT, arena_printf(f->arena, "Or let Keras use %s, which is installed (lasting: \"backend\" in "
								  "~/.keras/keras.json)", names[i]),
			  arena_printf(f->arena, "KERAS_BACKEND=%s", names[i]));
		return;
	}
	finding_fix(f, "Or install another backend that this Keras knows (%s), and name it in KERAS_BACKEND before Keras is imported.",
		    old ? "tensorflow, theano" : "tensorflow, jax, torch");
}

/* The other way round: TensorFlow is there, and the Keras that it was told to use is not. */
static void explain_no_keras(const struct model *m, struct finding *f)
{
	bool legacy = legacy_keras(m);

	finding_title(f, "TensorFlow's Keras, the package %s, is not installed in this environment", f->name);
	tell_error(m, f);
	if (legacy) {
		finding_say(f, "TF_USE_LEGACY_KERAS is set to \"%s\" in this process: tf.keras is then Keras 2, which TensorFlow 2.16 and "
			       "newer take from the package tf_keras.", model_env(m, "TF_USE_LEGACY_KERAS"));
		environment_hint(m, f, "TF_USE_LEGACY_KERAS", model_env(m, "TF_USE_LEGACY_KERAS"));
	} else {
		finding_say(f, "TensorFlow takes tf.keras from the package keras, and that could not be imported.");
	}
	howto_install(m, f, "Install it", legacy ? "tf-keras" : "keras", false);
	if (legacy)
		howto_unset(m, f, "Or use Keras 3, which is the default", "TF_USE_LEGACY_KERAS");
}

static void explain_missing(const struct model *m, struct finding *f)
{
	if (f->number[0]) {
		explain_no_keras(m, f);
		return;
	}
	finding_title(f, "Keras's backend %s is not installed in this environment", f->name);
	tell_error(m, f);
	finding_say(f,
		    "Keras itself is there; the package %s, on which it was to compute, is not in "
		    "any folder of this Python's search path.",
		    f->name);
	tell_choice(m, f, f->name);
	howto_install(m, f, "Install it", f->name, false);
	fix_other(m, f);
}

const struct rule rule_backend_not_installed = {
	.id = "backend.not-installed",
	.title = "Keras's backend is not installed",
	.match = match_missing,
	.explain = explain_missing,
	.page = "Keras is imported, and the package of the backend that it was told to use, or "
		"that is its default, is not there.\n"
		"Proof: ModuleNotFoundError for the backend's top-level name, out of Keras's "
		"import; no failed load of a part of it.\n"
		"Mistaken for it: \"No module named cntk._cntk_py\" is a failed load of a package "
		"that is there.",
	.sources =
		"https://keras.io/getting_started/ https://github.com/microsoft/CNTK/issues/1194",
};

/* --- backend.misconfigured --- */

/* What keras.json says of something else: Keras 3 names it in its words, Keras 2 has an assert for it. */
static const char *wrong_setting(const struct finding *f)
{
	static const char *const settings[] = { "floatx", "epsilon", "image_data_format", "image_dim_ordering" };
	const struct py_error *e = &f->context->error;

	if (!e->file || !strstr(e->file, "/keras/"))
		return NULL;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const char *words = arena_printf(f->arena, "Invalid `%s` configuration", settings[i]);
		const char *assert = arena_printf(f->arena, "assert _%s ", settings[i]);

		if (strstr(e->text, words) || (strcmp(e->type, "AssertionError") == 0 && strstr(e->chain, assert)))
			return settings[i];
	}
	return NULL;
}

static void explain_setting(const struct model *m, struct finding *f)
{
	static const struct { const char *setting, *values; } known[] = {
		{ "floatx", "float16, float32 or float64, in quotes" }, { "epsilon", "a number with a point, as 1e-07" },
		{ "image_data_format", "channels_last or channels_first, in quotes" },
	};
	const char *file = NULL, *values = "what this release of Keras knows";

	keras_json(m, f->arena, &file);
	file = file ? file : "~/.keras/keras.json";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].setting, f->symbol) == 0)
			values = known[i].values;
	finding_title(f, "keras.json holds a %s that Keras does not know", f->symbol);
	tell_error(m, f);
	finding_say(f, "Keras reads %s at its import, and \"%s\" in it may be %s.", file, f->symbol, values);
	finding_fix(f, "Correct \"%s\" in that file, or take the file away; Keras then writes a new one with its defaults:", f->symbol);
	finding_run(f, "mv %s %s", file[0] == '~' ? file : arena_shell(f->arena, file),
		    file[0] == '~' ? "~/.keras/keras.json.old" : arena_shell(f->arena, arena_printf(f->arena, "%s.old", file)));
}

static enum confidence match_wrong(const struct model *m, struct finding *f)
{
	static const char *const words[] = {"Unable to import backend", "Unknown backend",
					    "Invalid backend", "backend is not supported", NULL};

	if (!f->context->error.uncaught || !keras_asked(m, f->context))
		return NO_MATCH;
	f->symbol = wrong_setting(f);
	if (f->symbol)
		return PROVEN;
	for (int i = 0; words[i]; i++) {
		if (strstr(f->context->error.text, words[i])) {
			f->text = f->context->error.text;
			f->name = model_env(m, "KERAS_BACKEND");
			return PROVEN;
		}
	}
	return NO_MATCH;
}

static void explain_wrong(const struct model *m, struct finding *f)
{
	const char *colon = f->text ? strchr(f->text, ':') : NULL;
	const char *asked = f->name && *f->name ? f->name
			    : colon ? arena_line(f->arena, colon + 1 + (colon[1] == ' '))
				    : "another one";
	const char *old;

	if (f->symbol) {
		explain_setting(m, f);
		return;
	}
	finding_title(f, "Keras was told to use a backend that it does not have: %s", asked);
	tell_error(m, f);
	tell_choice(m, f, asked);
	old = keras_file(f->arena, &f->context->error) ? package_version(f->arena, keras_file(f->arena, &f->context->error)) : NULL;
	old = old && old[0] < '3' && old[1] == '.' ? old : NULL;
	if (old)
		finding_say(f, "Keras %s knows tensorflow, theano and cntk, in small letters.", old);
	else
		finding_say(f, "Keras 3 knows tensorflow, jax, torch (and openvino and numpy for "
			       "inference); theano and cntk ended with Keras 2.3.");
	howto_set(m, f, AT_IMPORT, arena_printf(f->arena, "Choose one that this Keras has, and that is installed (tensorflow, %s)",
						old ? "theano" : "jax or torch"), "KERAS_BACKEND=tensorflow");
	if (!(f->name && *f->name))
		finding_fix(f, "Or write it where it was read from: \"backend\" in ~/.keras/keras.json.");
}

const struct rule rule_backend_misconfigured = {
	.id = "backend.misconfigured",
	.title = "Keras was told to use a backend that it does not have",
	.match = match_wrong,
	.explain = explain_wrong,
	.page = "KERAS_BACKEND or keras.json names something that this version of Keras does not "
		"know.\nProof: Keras's own exception ended the import.",
	.sources = "https://keras.io/getting_started/",
};

/* --- backend.import-failed --- */

static enum confidence match_failed(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	struct incomplete found;

	if (!e->uncaught || !strstr(e->chain, "/keras/") || end_is_death(m) || !strstr(e->chain, "import "))
		return NO_MATCH;
	/* Keras found a backend that lacks files: an empty package named tensorflow, and what it should hold is not there. */
	if (package_incomplete(m, f->arena, e, &found)) {
		for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
			if (strncmp(found.package, backends[i].module, strlen(backends[i].module)) != 0)
				continue;
			f->name = backends[i].module;
			f->text = backends[i].name;
			return PROVEN;
		}
	}
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		const char *inside = e->file && site_packages(e->file) ? e->file + site_packages(e->file) : "";
		const size_t n = strlen(backends[i].module);

		/* The error was raised inside the backend's package, below Keras's choice of it. */
		if (strncmp(inside, backends[i].module, n) == 0 && inside[n] == '/' && strstr(e->chain, "backend")) {
			f->name = backends[i].module;
			f->text = backends[i].name;
			return strcmp(e->type, "ImportError") == 0 || strcmp(e->type, "ModuleNotFoundError") == 0 ? PROVEN : LIKELY;
		}
	}
	return NO_MATCH;
}

static const struct { const char *backend, *words, *means, *fix; } hints[] = {
#define BACKEND_HINT(backend, words, means, fix, source) { backend, words, means, fix },
#include "analyzer/rules/backends.def"
#undef BACKEND_HINT
};

/* False: its words are not among those that are known. */
static bool tell_hint(const struct model *m, struct finding *f)
{
	const char *text = f->context->error.text;

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strcmp(hints[i].backend, f->name) != 0 || !strstr(text, hints[i].words))
			continue;
		finding_say(f, "%s", hints[i].means);
		howto_words(m, f, hints[i].fix);
		return true;
	}
	return false;
}

static void tell_variable(const struct model *m, struct finding *f, const char *name)
{
	const char *value = model_env(m, name);

	if (value && *value)
		finding_say(f, "%s is set to \"%s\" in this process.", name, value);
}

static void explain_failed(const struct model *m, struct finding *f)
{
	struct incomplete found;

	finding_title(f, "Keras's backend %s is there, but its import failed", f->name);
	tell_error(m, f);
	finding_say(f, "Keras began to import %s; the import failed there.", f->name);
	tell_choice(m, f, f->name);
	if (strcmp(f->name, "theano") == 0)
		tell_variable(m, f, "THEANO_FLAGS");
	if (package_incomplete(m, f->arena, &f->context->error, &found)) {
		finding_title(f, "Keras's backend %s is there, but the package %s is not whole", f->name, found.package);
		incomplete_tell(m, f, &found);
	} else if (!tell_hint(m, f)) {
		howto_install(m, f, "Repair it", f->name, true);
	}
	fix_other(m, f);
}

const struct rule rule_backend_import_failed = {
	.id = "backend.import-failed",
	.title = "The import of Keras's backend failed",
	.match = match_failed,
	.explain = explain_failed,
	.page = "The backend's package is installed, and its import raised an exception for which no deeper cause is proven.\n"
		"Proof: the traceback leads from Keras into the backend's package.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/52951",
};
