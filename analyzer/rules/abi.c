/* SPDX-License-Identifier: MIT */
/*
 * Parts that were built for other versions of each other, and said so themselves before they
 * ended the process: HDF5, protobuf, gflags, NumPy. The abort or exit must come from the library
 * that complains; its text then names the versions.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- abi.hdf5-mismatch --- */

static enum confidence match_hdf5(const struct model *m, struct finding *f)
{
	const struct frame *check = frame_calling(f->context->stack, "H5check_version");
	const struct frame *lib = frame_in(f->context->stack, "libhdf5");

	if (m->ending.kind != END_ABORT)
		return NO_MATCH;
	f->text = model_stderr_line(m, "Headers are ", true);
	f->frame = check ? check : lib ? lib : f->context->blame;
	if (!f->frame || (!check && !module_like(f->frame->module, "libhdf5")))
		return NO_MATCH;
	f->module = f->frame->module;
	return check || f->text ? PROVEN : NO_MATCH;
}

static void explain_hdf5(const struct model *m, struct finding *f)
{
	const char *said = f->text ? arena_line(f->arena, f->text) : NULL;
	const struct module *user = NULL;

	for (size_t i = 0; f->context->stack && i < f->context->stack->n && !user; i++) {
		const struct module *mod = f->context->stack->frames[i].module;

		if (mod && mod != f->module && !module_is_runtime(mod) && !module_is_python(mod))
			user = mod;
	}
	finding_title(f, "h5py was built for another version of HDF5 than the one that was loaded (%s)", module_name(f->module));
	finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time,
		     "abort by %s", frame_text(f->arena, f->frame));
	if (said)
		finding_cite(f, 0, m->ending.time, "on stderr: %.200s", said);
	finding_say(f,
		    "HDF5 compares the version of the headers that its user was built with, and "
		    "its own, and aborts when they differ%s%.200s",
		    said ? ": " : ".", said ? said : "");
	finding_say(f, "The library that was loaded is %s%s%s.", f->module->path,
		    user ? "; it was called by " : "", user ? user->path : "");
	finding_fix_package(m, f, "h5py", "reinstall");
	if (path_entry(f->arena, model_env(m, "LD_LIBRARY_PATH"), f->module->path))
		howto_unset(m, f, "The other HDF5 was found through LD_LIBRARY_PATH: take its folder out", "LD_LIBRARY_PATH");
	howto_set(m, f, AT_IMPORT, "Or switch HDF5's check off, at the risk of wrong data in files", "HDF5_DISABLE_VERSION_CHECK=2");
}

const struct rule rule_abi_hdf5_mismatch = {
	.id = "abi.hdf5-mismatch",
	.title = "h5py was built for another version of HDF5",
	.match = match_hdf5,
	.explain = explain_hdf5,
	.page = "libhdf5 finds that its user was compiled with the headers of another release and "
		"aborts: \"import keras\" kills the kernel.\n"
		"Proof: the abort's caller is H5check_version in libhdf5.\nMistaken for it: h5py's "
		"own UserWarning about versions, which is harmless.",
	.sources = "https://github.com/keras-team/keras/issues/7787 "
		   "https://github.com/h5py/h5py/issues/853",
};

/* --- abi.duplicate-protobuf --- */

static enum confidence match_protobuf(const struct model *m, struct finding *f)
{
	const char *type = m->crash.exception_type;
	bool fatal = type && strstr(type, "google::protobuf::FatalException");
	const struct frame *frame = frame_calling(f->context->stack, "protobuf");

	/* The Python package says the same with an exception. */
	if (f->context->error.uncaught && error_says(f->context, "into descriptor pool") &&
	    strstr(f->context->error.text, "duplicate file name ")) {
		f->name = f->context->error.text;
		return PROVEN;
	}
	if (m->ending.kind != END_ABORT)
		return NO_MATCH;
	f->text = model_stderr_line(m, "File already exists in database", true);
	f->frame = frame ? frame : f->context->blame;
	f->module = f->context->blame ? f->context->blame->module : NULL;
	if (!f->text || !f->module)
		return NO_MATCH;
	return fatal || frame || frame_calling(f->context->stack, "LogMessageFatal") ? PROVEN : LIKELY;
}

static void explain_twice_in_python(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *proto = arena_line(f->arena, strstr(e->text, "duplicate file name ") + strlen("duplicate file name "));

	finding_title(f, "The protobuf description %s is registered twice, with different contents", proto);
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %.160s", e->type, arena_line(f->arena, e->text));
	finding_say(f, "Two modules that protoc generated come from different files of the same name, %s; all generated modules of a "
		       "process share one pool, which knows each name once. The second was %s.", proto, e->file ? e->file : "the one imported last");
	finding_fix(f, "Look which packages bring a %s and take one out, bring both to the same release, or keep them in two processes.",
		    arena_printf(f->arena, "%.*s_pb2.py", (int)strcspn(proto, "."), proto));
}

static void explain_protobuf(const struct model *m, struct finding *f)
{
	const char *colon, *proto;

	if (f->name) {
		explain_twice_in_python(m, f);
		return;
	}
	colon = strstr(f->text, "database: ");
	proto = colon ? arena_line(f->arena, colon + 10) : "a .proto file";

	finding_title(f, "The protobuf description %s is registered twice, by two libraries", proto);
	finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time, "abort by %s",
		     frame_text(f->arena, f->context->blame));
	finding_cite(f, 0, m->ending.time, "on stderr: %.200s", arena_line(f->arena, f->text));
	finding_say(f,
		    "Two libraries in this process were built from the same %s and share one "
		    "protobuf runtime, which refuses the second and aborts. "
		    "The second was %s.",
		    proto, software_file(f->arena, f->module));
	for (size_t i = m->nloads; i-- > 0;) {
		if (m->loads[i].outcome == LOAD_RUNNING && m->loads[i].tid == f->context->tid) {
			finding_say(f, "It happened while %s was being loaded.", m->loads[i].path ? m->loads[i].path : "a library");
			break;
		}
	}
	finding_fix(f, "Do not import both packages in one notebook or script: of those that bring %s, use one, or another release of one. %s is one "
		       "of them.", proto, software_of(f->arena, f->module));
}

const struct rule rule_abi_duplicate_protobuf = {
	.id = "abi.duplicate-protobuf",
	.title = "A protobuf description is registered twice",
	.match = match_protobuf,
	.explain = explain_protobuf,
	.page = "The same .proto was compiled into two shared objects that use one protobuf "
		"runtime.\nProof: google::protobuf::FatalException or "
		"protobuf's fatal log on the stack of the abort, and its line naming the file.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/61593 "
		   "https://github.com/protocolbuffers/protobuf/issues/3469",
};

/* --- abi.protobuf-mix --- */

/* Generated code that is newer than the protobuf package: what it says, and the release that it needs. */
static const struct { const char *words, *needs; } newer_code[] = {
	{ "cannot import name 'runtime_version' from 'google.protobuf'", "--upgrade 'protobuf>=5.26'" },
	{ "cannot import name 'builder' from 'google.protobuf.internal'", "--upgrade 'protobuf>=3.20'" },
	{ "Protobuf Gencode/Runtime", NULL },
};

/* "gencode 7.35.1 runtime 5.29.3": the release that the code was generated by. */
static const char *made_by(struct arena *arena, const char *text)
{
	const char *at = strstr(text, "gencode "), *runtime = strstr(text, "runtime ");
	size_t n = at ? strspn(at + 8, "0123456789.") : 0, major = at ? strcspn(at + 8, ".") : 0;

	if (!n || !runtime)
		return NULL;
	return arena_printf(arena, "'protobuf>=%.*s,<%d'", (int)n, at + 8, atoi(arena_text(arena, at + 8, major)) + 1);
}

static bool made_for_newer(struct finding *f)
{
	for (size_t i = 0; f->context->error.uncaught && i < sizeof(newer_code) / sizeof(newer_code[0]); i++) {
		if (!error_says(f->context, newer_code[i].words))
			continue;
		f->text = f->context->error.text;
		f->name = newer_code[i].needs ? newer_code[i].needs : made_by(f->arena, f->text);
		return f->name != NULL;
	}
	return false;
}

static void explain_newer(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	finding_title(f, "Generated code needs another release of the protobuf package than the installed one");
	finding_cite(f, e->event ? e->event->record : 0, m->ending.time, "%s: %.160s", e->type, arena_line(f->arena, f->text));
	finding_say(f, "A package brings code that protoc generated, and such code runs with the protobuf package of its own release "
		       "or a somewhat newer one. This one refuses: %.200s", arena_line(f->arena, f->text));
	if (e->file)
		finding_say_traced(f, "It was raised at %s, line %d.", e->file, e->line);
	howto_install(m, f, "Install a protobuf that fits", f->name, false);
	finding_fix(f, "Where another package needs the older protobuf: an older release of the one that brings the generated code.");
}

static enum confidence match_mix(const struct model *m, struct finding *f)
{
	const struct stack *s = m->crash.stack;
	const struct frame *first = NULL;

	if (made_for_newer(f))
		return PROVEN;
	if (f->context->error.uncaught && (error_says(f->context, "Descriptors cannot not be created directly") ||
					   error_says(f->context, "Descriptors cannot be created directly"))) {
		f->text = f->context->error.text;
		return PROVEN;
	}
	if (!m->crash.present || m->crash.repaired || m->ending.kind != END_SIGNAL || m->crash.raw->code <= 0)
		return NO_MATCH;
	for (size_t i = 0; s && i < s->n && i < 12; i++) {
		const struct frame *at = &s->frames[i];

		if (!frame_names(at, "google::protobuf::") || !at->module)
			continue;
		if (!first)
			first = at;
		else if (at->module != first->module) {
			f->module = first->module;
			f->other = at->module;
			f->frame = first;
			return PROVEN;
		}
	}
	return NO_MATCH;
}

static void explain_mix(const struct model *m, struct finding *f)
{
	if (f->name) {
		explain_newer(m, f);
		return;
	}
	if (f->text) {
		finding_title(f, "The protobuf package is too new for generated code that is imported here");
		finding_cite(f, f->context->error.event ? f->context->error.event->record : 0,
			     m->ending.time, "%s: %.160s", f->context->error.type,
			     arena_line(f->arena, f->text));
		finding_say(f,
			    "Code that was generated for protobuf 3 (TensorFlow's, for instance) "
			    "was imported with the protobuf package 4 or later, which "
			    "refuses it: %.200s",
			    arena_line(f->arena, f->text));
		if (f->context->error.file)
			finding_say_traced(f, "It was raised at %s, line %d.", f->context->error.file, f->context->error.line);
		finding_fix(f, "Install the protobuf that it was made for:");
		finding_run(f, "%s", package_command(m, f->arena, "'protobuf<=3.20.3'", NULL, false));
		howto_set(m, f, AT_IMPORT, "Or keep the new one and let it take its slow, tolerant way", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python");
		return;
	}
	finding_title(f, "Two copies of protobuf call into each other: %s and %s", software_of(f->arena, f->module), software_of(f->arena, f->other));
	finding_cite(f, m->crash.record, m->ending.time, "%s in %s, called from %s",
		     signal_word(m->ending.signal), frame_text(f->arena, f->frame),
		     module_name(f->other));
	finding_say(f,
		    "On the crashing stack code of google::protobuf in %s was called by code of "
		    "google::protobuf in %s: two copies, probably of "
		    "different versions, were taken for one.",
		    f->module->path, f->other->path);
	finding_fix(f, "Use %s and %s in two processes (two notebooks), or take both from one source (all from conda-forge, or all with pip), so "
		       "that they share one protobuf.", software_of(f->arena, f->module), software_of(f->arena, f->other));
}

const struct rule rule_abi_protobuf_mix = {
	.id = "abi.protobuf-mix",
	.title = "Versions of protobuf are mixed",
	.match = match_mix,
	.explain = explain_mix,
	.page = "Generated code of protobuf 3 under the package of protobuf 4, or two native "
		"copies that call each other.\n"
		"Proof: protobuf's own TypeError ended the program; or consecutive frames of "
		"google::protobuf in two files on the crashing stack.",
	.sources = "https://github.com/NixOS/nixpkgs/pull/436579 "
		   "https://protobuf.dev/news/2022-05-06/",
};

/* --- abi.duplicate-gflags --- */

static enum confidence match_gflags(const struct model *m, struct finding *f)
{
	const struct event *e = f->context->end;

	if (!e || e->number != KS_exit_call || m->ending.kind != END_EXIT ||
	    module_is_python(f->context->blame ? f->context->blame->module : NULL))
		return NO_MATCH;
	f->text = model_stderr_line(m, "is being linked both statically and dynamically", true);
	f->event = e;
	f->module = f->context->blame ? f->context->blame->module : NULL;
	if (!f->module)
		return NO_MATCH;
	if (frame_calling(e->stack, "FlagRegisterer") || module_like(f->module, "libgflags"))
		return f->text || FIELD(e, exit_call, load) ? PROVEN : LIKELY;
	return f->text ? LIKELY : NO_MATCH;
}

static void explain_gflags(const struct model *m, struct finding *f)
{
	(void)m;
	finding_title(f, "gflags is in this process twice, and %s ended it", software_of(f->arena, f->module));
	finding_cite(f, f->event->record, f->event->time, "exit was called by %s", frame_text(f->arena, f->context->blame));
	if (f->text)
		finding_say(f, "gflags said: %.300s", arena_line(f->arena, f->text));
	finding_say(f, "Two libraries bring gflags, one linked into itself, one shared; "
		       "registering the same flag twice makes gflags call exit(1), while "
		       "a library is being loaded and before any Python code of it runs.");
	finding_fix(f, "Do not import both packages in one notebook or script; or take both from one source (all from conda-forge, or all with "
		       "pip), so that they share one libgflags.");
}

const struct rule rule_abi_duplicate_gflags = {
	.id = "abi.duplicate-gflags",
	.title = "gflags is in the process twice",
	.match = match_gflags,
	.explain = explain_gflags,
	.page = "gflags linked statically into one library and dynamically into another: exit(1) "
		"from a constructor.\nProof: exit called by gflags' "
		"registration while a load is on the stack.",
	.sources = "https://github.com/facebookincubator/velox/issues/12358 "
		   "https://github.com/facebook/folly/issues/2428",
};
