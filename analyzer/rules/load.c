/* SPDX-License-Identifier: MIT */
/*
 * A file that could not be loaded, and the program did not get over it.
 *
 * Proof: the failed load that loader.c found linked to the end (the exception repeats the
 * loader's words, or the code that asked for the file ended the process on the same thread).
 * What the words mean decides the rule. The file that the words name is reported, not the
 * argument of dlopen: that one is often there and whole.
 */
#include "analyzer/rules/load.h"
#include "analyzer/stray.h"
#include "analyzer/rules/needed.h"
#include "analyzer/howto.h"

#include <string.h>

const struct bad_load *load_fault(struct finding *f, enum loader_fault fault)
{
	const struct bad_load *bad = &f->context->bad_load;

	if (!bad->load || bad->words.fault != fault)
		return NULL;
	f->load = bad->load;
	f->path = bad->words.file;
	f->symbol = bad->words.symbol ? bad->words.symbol : bad->words.version;
	f->text = bad->load->error;
	return bad;
}

const char *load_wanted(const struct finding *f)
{
	return f->load && f->load->path ? f->load->path : "the program";
}

void load_tell(const struct model *m, struct finding *f)
{
	const struct bad_load *bad = &f->context->bad_load;
	const struct py_error *e = &f->context->error;
	const struct event *record = f->load->ended ? f->load->ended : f->load->began;

	finding_cite(f, record ? record->record : 0,
		     f->load->end >= 0 ? f->load->end : f->load->begin, "loading %s failed: %s",
		     load_wanted(f), f->text);
	if (bad->link == LINK_EXCEPTION && e->event)
		finding_cite(f, e->event->record, e->event->time, "%s reached the top: %.200s",
			     e->type, arena_line(f->arena, e->text));
	else if (bad->link == LINK_EXCEPTION)
		finding_cite(f, 0, m->ending.time, "the traceback ends with %s: %.200s", e->type,
			     arena_line(f->arena, e->text));
	else if (f->context->end)
		finding_cite(f, f->context->end->record, f->context->end->time,
			     "%s was called by %s",
			     f->context->end->number == KS_abort_call ? "abort" : "exit",
			     frame_text(f->arena, f->context->blame));
	finding_say(f, "The system's loader said: %s", f->text);
	if (bad->link == LINK_EXCEPTION && *e->type &&
	    !strstr(arena_line(f->arena, e->text), f->text))
		finding_say(f, "Python's last message, \"%s: %.160s\", hides them.", e->type,
			    arena_line(f->arena, e->text));
	if (bad->link == LINK_CALLER || bad->link == LINK_TIME)
		finding_say(f, "%s asked for %s, and then ended the process on the same thread.",
			    software_file(f->arena, f->load->caller.module), base_name(load_wanted(f)));
	if (bad->link == LINK_EXCEPTION && e->file)
		finding_say_traced(f, "It was asked for at %s, line %d.", e->file, e->line);
}

static const struct library {
	const char *prefix, *what, *fix;
} libraries[] = {
#define LIBRARY(prefix, what, fix) { prefix, what, fix },
#include "analyzer/rules/libraries.def"
#undef LIBRARY
};

static const struct library *library_named(const char *name)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		if (strncmp(name, libraries[i].prefix, strlen(libraries[i].prefix)) == 0)
			return &libraries[i];
	}
	return NULL;
}

/* auditwheel gives bundled libraries a hash: libzmq-f468291a.so.5. */
static bool is_bundled(const char *file)
{
	const char *dash = strrchr(base_name(file), '-');

	return strstr(file, ".libs/") || (dash && strspn(dash + 1, "0123456789abcdef") == 8);
}

/* What a shell takes as it is, of the begin of a name or path. */
static const char *plain_path(struct arena *arena, const char *name)
{
	return arena_text(arena, name, strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-/"));
}

/* --- load.missing-library --- */

/* The failed load that is linked to the end, or one that failed for it, with the same words: another cause tells of it. */
static bool ended_it(const struct context *c, const struct load *l)
{
	const struct load *bad = c->bad_load.load;

	return bad && (l == bad || (l->error && bad->error && strcmp(l->error, bad->error) == 0));
}

static enum confidence match_missing(const struct model *m, struct finding *f)
{
	unsigned failed = 0;
	const struct load *first = NULL;

	if (load_fault(f, LOADER_MISSING)) {
		if (load_other_machine(m, f))
			return NO_MATCH;	/* it is there, for another processor: load.invalid-elf */
		f->name = base_name(f->path);
		return f->context->bad_load.confidence;
	}
	for (size_t i = 0; i < m->nloads; i++) {
		if (m->loads[i].outcome == LOAD_FAILED && m->loads[i].path && !ended_it(f->context, &m->loads[i])) {
			first = first ? first : &m->loads[i];
			failed++;
		}
	}
	if (!failed)
		return NO_MATCH;
	finding_title(f, failed == 1 ? "%u load failed, of %s" : "%u loads failed, the first of %s", failed, base_name(first->path));
	f->load = first;
	f->why_not = "the same thread went on: looking for files that may be missing is normal";
	return SEEN;
}

/* Another file stands between the one that was asked for and the missing one, and is what to mend. */
static void explain_between(const struct model *m, struct finding *f, const struct needer *by, const struct library *known)
{
	finding_title(f, "%s is missing, which %s needs", f->name, software_of_path(f->arena, by->path));
	load_tell(m, f);
	finding_say(f, "%s was asked for and is there; it needs, by way of others, %s, which is there too; and that one needs %s, which is in "
		       "none of the folders that are searched.", load_wanted(f), by->path, f->name);
	if (known)
		finding_say(f, "%s is %s.", f->name, known->what);
	if (by->entry) {
		finding_say(f, "%s was taken because LD_LIBRARY_PATH names %s, which is searched before the folders that the package itself "
			       "and the system have.", base_name(by->path), by->entry);
		howto_unset(m, f, "Take that folder out of LD_LIBRARY_PATH, or all of it", "LD_LIBRARY_PATH");
	}
	if (known && !by->entry)
		howto_words(m, f, known->fix);
	if (!by->entry && !known)
		finding_fix_package(m, f, by->path, "reinstall");
}

static void explain_missing(const struct model *m, struct finding *f)
{
	const struct library *known;
	struct needer by;

	if (f->confidence == SEEN)
		return;
	known = library_named(f->name);
	if (strcmp(f->name, base_name(load_wanted(f))) != 0 &&
	    find_needer(m, f->arena, load_wanted(f), f->name, &by) && !by.direct) {
		explain_between(m, f, &by, known);
		return;
	}
	if (strcmp(f->name, base_name(load_wanted(f))) == 0)
		finding_title(f, "%s is missing: the loader found it nowhere", f->name);
	else
		finding_title(f, "%s is missing, which %s needs", f->name, software_of_path(f->arena, load_wanted(f)));
	load_tell(m, f);
	if (strcmp(f->name, base_name(load_wanted(f))) != 0)
		finding_say(f,
			    "%s itself is there; %s, another file that it needs, is in none of the folders that are searched.",
			    load_wanted(f), f->name);
	if (known)
		finding_say(f, "%s is %s.", f->name, known->what);
	if (known)
		howto_words(m, f, known->fix);
	else if (is_bundled(f->path) || module_is_extension(load_wanted(f)))
		finding_fix_package(m, f, load_wanted(f), "reinstall");
	if (!is_bundled(f->path))
		howto_set(m, f, AT_START, arena_printf(f->arena, "If %s is installed somewhere (find / -name '%s*' tells), name its folder in place "
							 "of /FOLDER", f->name, plain_path(f->arena, f->name)), "LD_LIBRARY_PATH=/FOLDER");
}

const struct rule rule_load_missing_library = {
	.id = "load.missing-library",
	.title = "A shared library is missing",
	.match = match_missing,
	.explain = explain_missing,
	.page = "The loader could not find a library by name in any folder that it searches "
		"(RUNPATH, LD_LIBRARY_PATH, "
		"ld.so.cache, the standard folders), and the program did not get over it.\n"
		"Proof: the failed dlopen with the loader's text, and either the exception that "
		"ended the program repeats "
		"that text, or the object that asked for the file ended the process on the same "
		"thread.\n"
		"Mistaken for it: TensorFlow, MKL, cuDNN and ctypes.util look for many files that "
		"may be missing; such a "
		"failure that was followed by progress is never a cause. The file in the text is "
		"missing, not the argument of "
		"dlopen; \"No module named\" can hide it.",
	.sources = "https://github.com/NVIDIA/tensorflow/issues/110 "
		   "https://github.com/microsoft/CNTK/issues/3775 "
		   "https://github.com/daswer123/xtts-finetune-webui/issues/18 "
		   "https://github.com/OpenTalker/SadTalker/issues/323",
};

/* --- load.version-not-found --- */

static enum confidence match_version(const struct model *m, struct finding *f)
{
	(void)m;
	return load_fault(f, LOADER_VERSION) ? f->context->bad_load.confidence : NO_MATCH;
}

/* The folder of the environment; as one word of a shell, or where it is none: one to be filled in. */
static const char *prefix_of(const struct model *m, struct arena *arena)
{
	const struct event *e = python_ready(m);
	const char *prefix = e ? FIELD_TEXT(e, py_ready, prefix) : NULL;

	return prefix && *prefix && strcmp(plain_path(arena, prefix), prefix) == 0 ? prefix : "/FOLDER";
}

static void explain_version(const struct model *m, struct finding *f)
{
	const struct loader_text *w = &f->context->bad_load.words;
	const char *list = model_env(m, "LD_LIBRARY_PATH");
	const char *entry = path_entry(f->arena, list, w->file);
	const char *by = w->required_by ? w->required_by : load_wanted(f);
	bool libc = w->version && strncmp(w->version, "GLIBC_", 6) == 0;

	finding_title(f, "%s is too old for %s: it has no version %s", base_name(w->file), software_of_path(f->arena, by),
		      w->version ? w->version : "");
	load_tell(m, f);
	finding_say(f, "%s was built with a newer %s than the one that the loader took, %s.",
		    software_file_of_path(f->arena, by), base_name(w->file), w->file);
	if (entry)
		finding_say(f,
			    "That file comes from LD_LIBRARY_PATH (%s), which is searched before "
			    "all others.",
			    entry);
	if (libc) {
		finding_say(f, "This machine's C library is %s; LD_LIBRARY_PATH cannot help here.",
			    model_info(m, "glibc") ? model_info(m, "glibc") : "older");
		finding_fix(f, "Install a build of the package that was made for this system's C "
			       "library, or use a newer system.");
		finding_fix_package(m, f, by, "reinstall");
	} else if (entry) {
		howto_unset(m, f, arena_printf(f->arena, "Take %s out of LD_LIBRARY_PATH", entry), "LD_LIBRARY_PATH");
	} else {
		howto_set(m, f, AT_START, arena_printf(f->arena, "Let a newer %s be found first, for instance that of the environment",
						       base_name(w->file)),
			  arena_printf(f->arena, "LD_LIBRARY_PATH=%s/lib", prefix_of(m, f->arena)));
	}
}

const struct rule rule_load_version_not_found = {
	.id = "load.version-not-found",
	.title = "A library is there but too old",
	.match = match_version,
	.explain = explain_version,
	.page = "A library needs a symbol version (GLIBCXX_3.4.20, CXXABI_1.3.8, GLIBC_2.29) that "
		"the file which the loader "
		"took does not define: an older copy was found first, or the system is older than "
		"the package.\n"
		"Proof: the failed dlopen with the loader's text, repeated by the exception that "
		"ended the program.\n"
		"Mistaken for it: the file is not missing, it is the wrong one. GLIBC versions "
		"cannot be had by another search path.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/10596 "
		   "https://github.com/tensorflow/tensorflow/issues/30856 "
		   "https://github.com/ContinuumIO/anaconda-issues/issues/10795 "
		   "https://github.com/ai4d-iasc/trixie/issues/97",
};

/* --- load.mixed-versions --- */

/* Where the loader's words name the file that ought to define the symbol, the two do not belong
 * together. */
static enum confidence match_mixed(const struct model *m, struct finding *f)
{
	const struct bad_load *bad = load_fault(f, LOADER_SYMBOL_VERSION);

	if (!bad)
		bad = load_fault(f, LOADER_SYMBOL);
	if (bad && !bad->words.provider)
		f->name = stray_library(m, f->arena, bad->words.file, bad->words.symbol, &f->symbol);
	if (bad && f->name)
		return bad->confidence;
	if (!bad || !bad->words.provider)
		return NO_MATCH;
	f->other = model_module_named(m, base_name(bad->words.provider), NULL);
	return bad->confidence;
}

static const char *provider_path(const struct model *m, struct finding *f)
{
	const struct loader_text *w = &f->context->bad_load.words;

	(void)m;
	return f->other && f->other->path ? f->other->path : w->provider;
}

/* The words name the symbol alone; the files say where it ought to come from. */
static void explain_stray(const struct model *m, struct finding *f)
{
	const struct loader_text *w = &f->context->bad_load.words;
	const char *list = model_env(m, "LD_LIBRARY_PATH");

	finding_title(f, "%s of LD_LIBRARY_PATH is not the %s that %s was built with", f->name, base_name(f->name),
		      software_file_of_path(f->arena, w->file));
	load_tell(m, f);
	finding_say(f, "%s needs %s. LD_LIBRARY_PATH (%s) is searched before the system's folders and those of packages, and leads to %s, "
		       "which does not define %s; the one that would be taken without it, %s, does.",
		    w->file, base_name(f->name), list, f->name, w->symbol, f->symbol);
	howto_unset(m, f, arena_printf(f->arena, "Take the folders of other installations out of LD_LIBRARY_PATH (it is %s)", list),
		    "LD_LIBRARY_PATH");
}

static void explain_mixed(const struct model *m, struct finding *f)
{
	const struct loader_text *w = &f->context->bad_load.words;
	const char *list = model_env(m, "LD_LIBRARY_PATH");
	const char *by_entry = path_entry(f->arena, list, w->file);
	const char *entry = f->other ? path_entry(f->arena, list, f->other->path) : NULL;

	if (f->name) {
		explain_stray(m, f);
		return;
	}
	finding_title(f, "%s and %s do not belong together: they are of different versions", software_file_of_path(f->arena, w->file),
		      software_file_of_path(f->arena, provider_path(m, f)));
	load_tell(m, f);
	finding_say(f,
		    "%s was built for a %s that defines this symbol; the %s that the loader took "
		    "does not: two releases are mixed.",
		    w->file, base_name(w->provider), base_name(w->provider));
	if (f->other) {
		finding_cite(f, f->other->record, f->other->load_time, "%s was loaded from %s",
			     base_name(w->provider), f->other->path);
		finding_say(f, "%s was loaded from %s.", base_name(w->provider),
			    provider_path(m, f));
	}
	if (by_entry || entry)
		finding_say(f,
			    "%s comes from LD_LIBRARY_PATH (%s), before the folder of the package.",
			    by_entry ? base_name(w->file) : base_name(w->provider),
			    by_entry ? by_entry : entry);
	else if (list && *list)
		finding_say(f,
			    "LD_LIBRARY_PATH is %s: its folders are searched before those of the "
			    "packages.",
			    list);
	if (list && *list)
		howto_unset(m, f, arena_printf(f->arena, "Take the folders of other installations out of LD_LIBRARY_PATH (it is %s)", list),
			    "LD_LIBRARY_PATH");
	finding_fix_package(m, f, w->file, "reinstall");
}

const struct rule rule_load_mixed_versions = {
	.id = "load.mixed-versions",
	.title = "Libraries of different versions are mixed",
	.match = match_mixed,
	.explain = explain_mixed,
	.page = "Two files of one family (cuDNN's parts, CUDA's nvJitLink and cuSPARSE, MKL) come "
		"from different releases: one "
		"needs a symbol that the other does not define.\n"
		"Proof: LD_LIBRARY_PATH leads to a library that is needed by name and lacks the symbol, which "
		"the one behind it has; or the loader's text names both files (\"undefined symbol: S, version "
		"LIB.so.N\", \"not defined in file\"), and "
		"the exception repeats it or the asking library ended the process on the same "
		"thread.\n"
		"Mistaken for it: a missing library, a missing driver. Often LD_LIBRARY_PATH leads "
		"to another installation.",
	.sources = "https://github.com/naver/dust3r/issues/198 "
		   "https://github.com/davisking/dlib/issues/2719 "
		   "https://github.com/pytorch/pytorch/issues/111469 "
		   "https://github.com/infiniflow/ragflow/issues/4466",
};

/* --- load.undefined-symbol --- */

static enum confidence match_symbol(const struct model *m, struct finding *f)
{
	const struct event *missing = model_last(m, KS_symbol_missing, f->context->tid, NULL);
	const struct frame *caller;

	if (load_fault(f, LOADER_SYMBOL) || load_fault(f, LOADER_SYMBOL_VERSION))
		return f->context->bad_load.confidence;
	if (!missing || m->ending.kind != END_ABORT || !FIELD_TEXT(missing, symbol_missing, name))
		return NO_MATCH;
	caller = model_frame(m, FIELD(missing, symbol_missing, caller), true);
	f->symbol = FIELD_TEXT(missing, symbol_missing, name);
	/* The code that asked for the symbol gave up: its last words name the symbol. */
	if (!caller->module || !f->context->blame || f->context->blame->module != caller->module ||
	    !model_stderr_line(m, f->symbol, true) || m->ending.time - missing->time > 2000000000)
		return NO_MATCH;
	f->event = missing;
	f->module = caller->module;
	return PROVEN;
}

static void explain_symbol(const struct model *m, struct finding *f)
{
	const struct loader_text *w = &f->context->bad_load.words;

	if (f->event) {
		finding_title(f, "%s asked for the function %s, which is not there, and gave up",
			      software_of(f->arena, f->module), f->symbol);
		finding_cite(f, f->event->record, f->event->time, "dlsym found no %s", f->symbol);
		finding_say(f,
			    "%s looked for the function %s and aborted on the same thread when it "
			    "was not found: the library "
			    "that ought to have it is of another version.",
			    software_file(f->arena, f->module), f->symbol);
		finding_fix_package(m, f, f->module->path, "reinstall");
		return;
	}
	finding_title(f, "%s needs %s, which no library has that was loaded: its parts are of different versions",
		      software_of_path(f->arena, w->file), w->symbol ? w->symbol : "");
	load_tell(m, f);
	finding_say(
		f, "%s was built against another version of a library than the one that is loaded.",
		w->file);
	if (strncmp(w->symbol ? w->symbol : "", "iJIT_", 5) == 0) {
		finding_fix(f, "MKL 2024.1 took this symbol out; use the one before:");
		finding_run(f, "conda install 'mkl==2024.0'");
	}
	finding_fix_package(m, f, w->file, "reinstall");
}

const struct rule rule_load_undefined_symbol = {
	.id = "load.undefined-symbol",
	.title = "A library needs a symbol that nobody defines",
	.match = match_symbol,
	.explain = explain_symbol,
	.page = "A library refers to a function that none of the loaded files defines: it was "
		"built against another version of "
		"one of them.\nProof: the loader's text in the exception that ended the program; "
		"or a failed dlsym, and the object "
		"that asked aborts on the same thread and names the symbol.\n"
		"Mistaken for it: failed dlsym calls are normal, programs ask which functions a "
		"library has.",
	.sources = "https://github.com/pytorch/pytorch/issues/123097 "
		   "https://github.com/tensorflow/tensorflow/issues/722",
};
