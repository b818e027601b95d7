/* SPDX-License-Identifier: MIT */
/*
 * cuDNN or cuBLAS gave up when it was set up. Its words are the same for four causes, which are kept
 * apart by what the driver answered before: no memory left, device code that it could not load (a
 * damaged cache), a cuDNN that does not fit the rest, a driver that does not work.
 */
#include "analyzer/gpu_shortage.h"
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <string.h>

enum handle_cause { NOT_KNOWN, NO_ROOM, BAD_CODE, WRONG_LIBRARY, BAD_DRIVER };

static const char *words_of(const struct model *m, const struct context *c)
{
	static const char *const texts[] = {
		"CUDNN_STATUS_", "CUBLAS_STATUS_", "could not create cudnn handle", "failed to create cublas handle",
		"Failed to get convolution algorithm", "DNN library is not found", "cuDNN failed to initialize",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (error_says(c, texts[i]) || (end_is_death(m) && model_stderr_line(m, texts[i], true)))
			return texts[i];
	return NULL;
}

/* Two files of one of cuDNN's parts, or parts of two releases: libcudnn_ops.so.9.1.0 beside libcudnn_graph.so.9.10.2. */
static bool two_cudnns(const struct model *m, struct finding *f)
{
	const struct module *first = model_module_named(m, "libcudnn", NULL), *other = first;

	while (first && (other = model_module_named(m, "libcudnn", other))) {
		if (same_directory(first->path, other->path))
			continue;
		f->module = first;
		f->other = other;
		return true;
	}
	return false;
}

static bool is_one_of(int code, const int *codes)
{
	while (*codes && *codes != code)
		codes++;
	return *codes != 0;
}

static enum handle_cause find(const struct model *m, struct finding *f)
{
	static const int code[] = { 200, 209, 218, 221, 222, 300, 0 };
	struct gpu g = gpu_look(m, f->context->tid);

	/* What was refused and never granted: the last of them, not a back-off long ago. */
	if (g.refused && FIELD_SIGNED(g.refused, cuda_alloc_failed, result) == 2) {
		f->event = g.refused;
		return NO_ROOM;
	}
	f->event = g.first;
	if (g.first && is_one_of((int)FIELD_SIGNED(g.first, cuda_failed, result), code))
		return BAD_CODE;
	if (two_cudnns(m, f))
		return WRONG_LIBRARY;
	return g.first ? BAD_DRIVER : NOT_KNOWN;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	f->text = words_of(m, f->context);
	if (!f->text || m->ending.kind == END_CLEAN || end_was_sent(m))
		return NO_MATCH;
	f->number[0] = find(m, f);
	return f->number[0] ? LIKELY : SEEN;
}

static void explain(const struct model *m, struct finding *f)
{
	finding_title(f, "cuDNN or cuBLAS could not be set up");
	switch ((enum handle_cause)f->number[0]) {
	case NO_ROOM:
		finding_cite(f, f->event->record, f->event->time, "%s of %s failed before it", FIELD_TEXT(f->event, cuda_alloc_failed, function),
			     size_text(f->arena, FIELD(f->event, cuda_alloc_failed, size)));
		finding_say(f, "Before the library gave up, a request for GPU memory had been refused: no room was left for its handle.");
		howto_set(m, f, AT_IMPORT, "Leave room: let TensorFlow take GPU memory as it needs it", "TF_FORCE_GPU_ALLOW_GROWTH=true");
		finding_fix(f, "Use a smaller batch, and let no other process be on this GPU (nvidia-smi shows them).");
		return;
	case BAD_CODE:
		cuda_say_error(f);
		cuda_say_log(m, f);
		finding_say(f, "Before the library gave up, the driver could not load device code: a damaged cache of compiled code, or "
			       "a library without code for this GPU.");
		finding_fix(f, "Delete the cache of compiled code; it is made again:");
		finding_run(f, "rm -rf ~/.nv/ComputeCache");
		finding_fix(f, "If it comes back: install a build of the package that supports this GPU.");
		return;
	case WRONG_LIBRARY:
		finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
		finding_cite(f, f->other->record, f->other->load_time, "loaded: %s", f->other->path);
		finding_say(f, "Parts of cuDNN came from two places, %s and %s; they work together only within one release.", f->module->path,
			    f->other->path);
		howto_unset(m, f, "Keep one of them: take the other's folder out of LD_LIBRARY_PATH, or uninstall the one that the framework does not bring",
			    "LD_LIBRARY_PATH");
		return;
	case BAD_DRIVER:
		cuda_say_error(f);
		cuda_say_log(m, f);
		finding_say(f, "The library's own text (%s…) has several causes; the driver call above failed before it and is the first "
			       "thing to look at.", f->text);
		finding_fix(f, "Mend what that driver call complains of first; then check that one version of cuDNN alone is on the library path.");
		return;
	case NOT_KNOWN:
		finding_say(f, "The library's own text (%s…) has several causes, and no call of the driver is known to have failed before it.",
			    f->text);
	}
}

const struct rule rule_cuda_handle_failed = {
	.id = "cuda.handle-failed",
	.title = "cuDNN or cuBLAS could not be set up",
	.match = match,
	.explain = explain,
	.page = "cuDNN or cuBLAS gave an error when its handle was made. Four causes share the "
		"text: no memory left, a damaged cache of compiled code, a wrong cuDNN, a driver "
		"that does not fit.\n"
		"Proof: the driver call that failed before it, or cuDNN's parts from two places; without one the cause stays open.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/14111 "
		   "https://github.com/tensorflow/tensorflow/issues/8309",
};
