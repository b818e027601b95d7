/* SPDX-License-Identifier: MIT */
/* Installed packages that want other releases of each other: the exceptions that they raise for it (conflicts.def). */
#include "analyzer/howto.h"
#include "analyzer/missing.h"
#include "analyzer/proof.h"

#include <stdlib.h>
#include <string.h>

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
	howto_install(m, f, remark && !other ? arena_printf(f->arena, "Install the release that fits (%s)", remark) : "Install the release that fits",
		      arguments, false);
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
