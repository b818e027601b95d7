/* SPDX-License-Identifier: MIT */
/*
 * An extension that was built for another NumPy than the one that runs. NumPy's own import
 * machinery says so, in one of its fixed texts; then either that exception ends the program, or
 * the extension, which did not expect it, fails a check and aborts (TensorFlow's bfloat16).
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
	"A module that was compiled using NumPy 1.x cannot be run in",
	"module compiled against ABI version",
	"module compiled against API version",
	"module was compiled against NumPy C-API version",
	"_ARRAY_API not found",
	"numpy.dtype size changed",
	"numpy.ufunc size changed",
	"numpy.ndarray size changed",
	"numpy.core.multiarray failed to import",
	"numpy.core.umath failed to import",
	"numpy._core.multiarray failed to import",
	"numpy._core.umath failed to import",
	NULL,
};

static const struct module *numpy_module(const struct model *m)
{
	const struct module *mod = model_module_named(m, "_multiarray_umath", NULL);

	return mod ? mod : model_module_named(m, "multiarray.", NULL);
}

/* The line of stderr that says it best: the first of the texts that is there. */
/* NumPy breaks its message into lines of some 60 columns: up to the end of the sentence. */
static const char *sentence(struct arena *arena, const char *text)
{
	const char *end = strstr(text, ".\n"), *paragraph = strstr(text, "\n\n");
	size_t n = strcspn(text, "\n");
	char *line;

	if (end && (!paragraph || end < paragraph) && end - text < 240)
		n = (size_t)(end + 1 - text);
	line = arena_text(arena, text, n);
	for (char *p = line; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	return line;
}

static const char *said(const struct model *m, struct arena *arena)
{
	for (int i = 0; texts[i]; i++) {
		const char *line = model_stderr_line(m, texts[i], true);

		if (line)
			return sentence(arena, strstr(m->stderr_tail, line) ? strstr(m->stderr_tail, line) : line);
	}
	return NULL;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const char *check;
	bool raised = false;

	f->module = numpy_module(m);
	/* NumPy itself could not be loaded: something else is wrong. */
	if (!f->module || f->context->bad_load.load)
		return NO_MATCH;
	for (int i = 0; texts[i] && !raised; i++)
		raised = error_says(f->context, texts[i]);
	if (raised) {
		f->text = said(m, f->arena);
		f->text = f->text ? f->text : arena_line(f->arena, f->context->error.text);
		return PROVEN;
	}
	if (m->ending.kind != END_ABORT || !f->context->blame || f->context->blame->module == f->module)
		return NO_MATCH;
	f->text = said(m, f->arena);
	check = model_stderr_line(m, "Check failed: PyBfloat16_Type.tp_base != nullptr", true);
	if (!check)
		check = model_stderr_line(m, "bfloat16.cc", true);
	if (!check && !f->text)
		return NO_MATCH;
	f->name = check ? arena_line(f->arena, check) : f->text;
	f->frame = f->context->blame;
	return check && f->text ? PROVEN : f->text ? LIKELY : PROVEN;
}

/* 1: the extension wants a newer NumPy; -1: an older one (NumPy 1 under 2); 0 not told. */
static int wanted(const char *text, const char *version)
{
	const char *built = text ? strstr(text, "version 0x") : NULL;
	const char *have = text ? strstr(text, "numpy is 0x") : NULL;

	if (built && have) {
		unsigned long b = strtoul(built + 8, NULL, 16), h = strtoul(have + 9, NULL, 16);

		return b > h ? 1 : b < h ? -1 : 0;
	}
	if (text && (strstr(text, "NumPy 1.x") || strstr(text, "_ARRAY_API")))
		return -1;
	if (version)
		return atoi(version) >= 2 ? -1 : 0;
	return 0;
}

static void explain(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *version = package_version(f->arena, f->module->path);
	const char *own = !f->frame && e->file && site_packages(e->file) ? software_of_path(f->arena, e->file) : NULL;
	const char *who = f->frame ? software_file(f->arena, f->frame->module) : own ? own : e->file ? e->file : "an extension";
	const char *package = f->frame ? software_of(f->arena, f->frame->module) : own;
	int want = wanted(f->text, version);

	finding_title(f, "%s was built for %s NumPy than the one that is installed%s%s", package ? package : "An extension",
		      want > 0 ? "a newer" : want < 0 ? "an older" : "another", version ? ", " : "", version ? version : "");
	if (f->frame)
		finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time, "abort by %s",
			     frame_text(f->arena, f->frame));
	else
		finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %.160s",
			     e->type, arena_line(f->arena, e->text));
	if (f->text)
		finding_cite(f, 0, m->ending.time, "numpy's own words: %.300s", f->text);
	finding_cite(f, f->module->record, f->module->load_time, "numpy loaded from %s", f->module->path);
	finding_say(f, "NumPy%s%s (%s) was asked by %s for its C interface and said: %.300s",
		    version ? " " : "", version ? version : "", f->module->path, who,
		    f->text ? f->text : "that it does not fit");
	if (f->frame)
		finding_say(f, "%s went on without it and then failed a check of its own: %.200s", who, f->name);
	if (want < 0) {
		howto_install(m, f, "Install the NumPy that it was built for", "'numpy<2'", false);
		finding_fix(f, "Or upgrade %s to a release that was built for NumPy 2.", package ? package : "the package that complains");
	} else if (want > 0) {
		howto_install(m, f, "Install a newer NumPy", "--upgrade numpy", false);
	} else {
		howto_install(m, f, arena_printf(f->arena, "Upgrade numpy to a release that goes with %s",
						 package ? package : "the package that complains"), "--upgrade numpy", false);
	}
}

const struct rule rule_abi_numpy_mismatch = {
	.id = "abi.numpy-mismatch",
	.title = "An extension was built for another NumPy",
	.match = match,
	.explain = explain,
	.page = "An extension module was compiled for another C interface of NumPy than the "
		"installed one has: NumPy 2 under modules for NumPy 1, or a "
		"NumPy older than the module wants.\nProof: NumPy itself is loaded and its import "
		"machinery said so, in the exception that ended the "
		"program, or before the abort of the extension.\nMistaken for it: a NumPy that "
		"could not be loaded says \"failed to import\" too.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/16488 "
		   "https://github.com/tensorflow/tensorflow/issues/90245 "
		   "https://github.com/nv-tlabs/vipe/issues/42",
};
