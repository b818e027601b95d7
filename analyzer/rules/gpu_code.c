/* SPDX-License-Identifier: MIT */
/*
 * Code for a GPU that could not be made or found, outside of the driver's own answers: XLA without
 * NVIDIA's libdevice, and a ROCm build without code for this card.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <string.h>

/* --- cuda.libdevice-missing --- */

static enum confidence match_libdevice(const struct model *m, struct finding *f)
{
	static const char *const words[] = { "libdevice is required by this HLO module", "libdevice not found at",
					     "Can't find libdevice directory" };
	bool raised = false;

	for (int i = 0; i < 2; i++)
		raised |= error_says(f->context, words[i]);
	for (int i = 0; i < 3 && !f->text; i++) {
		f->text = model_stderr_line(m, words[i], true);
		f->text = f->text ? arena_line(f->arena, f->text) : NULL;
	}
	if (raised && !f->text)
		f->text = arena_line(f->arena, f->context->error.text);
	if (raised)
		return PROVEN;
	if (!f->text)
		return NO_MATCH;
	if (end_is_death(m) && !end_was_sent(m) && f->context->blame &&
	    (module_like(f->context->blame->module, "libtensorflow") || module_like(f->context->blame->module, "_pywrap") ||
	     module_like(f->context->blame->module, "xla") || module_like(f->context->blame->module, "libjax")))
		return LIKELY;
	f->why_not = "XLA says so also where it never compiles for a GPU; nothing links it to the end";
	return SEEN;
}

static void explain_libdevice(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *flags = model_env(m, "XLA_FLAGS");

	finding_title(f, "XLA did not find libdevice, a part of the CUDA toolkit");
	finding_cite(f, e->event ? e->event->record : 0, e->event ? e->event->time : m->ending.time, "its words: %.250s", f->text);
	finding_say(f, "To compile for NVIDIA GPUs, XLA needs the file nvvm/libdevice/libdevice.10.bc of the CUDA toolkit. It looked "
		       "in the folders that it knows and found none; the driver and the GPU are in order.");
	finding_say(f, "It said: %.300s", f->text);
	if (flags && strstr(flags, "xla_gpu_cuda_data_dir"))
		finding_say(f, "XLA_FLAGS leads it to %s.", flags);
	finding_fix(f, "Install it:");
	finding_run(f, "%s", package_command(m, f->arena, "nvidia-cuda-nvcc-cu12", NULL, false));
	howto_set(m, f, AT_IMPORT, "Then lead XLA to the folder that holds nvvm/libdevice, in place of /usr/local/cuda",
		  "XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda");
}

const struct rule rule_cuda_libdevice_missing = {
	.id = "cuda.libdevice-missing",
	.title = "XLA did not find libdevice",
	.match = match_libdevice,
	.explain = explain_libdevice,
	.page = "XLA (TensorFlow, JAX) compiles for GPUs with NVIDIA's libdevice, a file of the CUDA toolkit that the "
		"packages of these frameworks do not always bring.\n"
		"Proof: the exception that ended the program repeats XLA's words \"libdevice is required by this HLO "
		"module but was not found\".\n"
		"Mistaken for it: a broken driver; a notebook that gets another environment than the terminal.",
	.sources = "https://github.com/keras-team/tf-keras/issues/62 https://github.com/tensorflow/tensorflow/issues/58681 "
		   "https://github.com/tensorflow/tensorflow/issues/60790",
};

/* --- rocm.no-kernel-image --- */

static const struct frame *in_hip(const struct stack *stack)
{
	const struct frame *f = frame_in(stack, "libamdhip64");

	return f ? f : frame_in(stack, "libhip_hcc");
}

static enum confidence match_rocm(const struct model *m, struct finding *f)
{
	static const char *const words[] = { "hipErrorNoBinaryForGpu", "HIP error: invalid device function" };

	for (int i = 0; i < 2 && !f->text; i++) {
		f->text = model_stderr_line(m, words[i], true);
		f->text = f->text ? arena_line(f->arena, f->text) : NULL;
		if (error_says(f->context, words[i])) {
			f->text = arena_line(f->arena, f->context->error.text);
			return PROVEN;
		}
	}
	f->frame = in_hip(f->context->stack);
	f->module = f->frame ? f->frame->module : NULL;
	if (m->ending.kind != END_ABORT || !f->text)
		return NO_MATCH;
	return f->frame && f->context->blame && f->context->blame->module == f->module ? PROVEN : LIKELY;
}

static void explain_rocm(const struct model *m, struct finding *f)
{
	const char *override = model_env(m, "HSA_OVERRIDE_GFX_VERSION");

	finding_title(f, "This ROCm build has no code for this GPU");
	finding_cite(f, 0, m->ending.time, "ROCm's words: %.250s", f->text);
	if (f->frame)
		finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time, "abort by %s",
			     frame_text(f->arena, f->frame));
	finding_say(f, "AMD's runtime looked for code for the card that is built in, and the package brings none for it: a card "
		       "that this ROCm release does not support. It said: %.200s", f->text);
	if (override && *override)
		finding_say(f, "HSA_OVERRIDE_GFX_VERSION is set to %s, so code for that card was looked for.", override);
	else
		finding_fix(f, "See which card it is: rocminfo | grep gfx. A card close to a supported one often runs its code (a "
			       "work-around at your own risk, results may be wrong): HSA_OVERRIDE_GFX_VERSION=10.3.0 for gfx103x");
	finding_fix(f, "Use a build of the framework for a ROCm release that supports the card.");
}

const struct rule rule_rocm_no_kernel_image = {
	.id = "rocm.no-kernel-image",
	.title = "This ROCm build has no code for this GPU",
	.match = match_rocm,
	.explain = explain_rocm,
	.page = "TensorFlow or PyTorch for ROCm bring machine code for the cards that a ROCm release supports; on others the "
		"runtime aborts at the first operation.\n"
		"Proof: \"hipErrorNoBinaryForGpu\" and an abort that comes from libamdhip64; or the exception with these words.\n"
		"Mistaken for it: a missing driver.",
	.sources = "https://github.com/ROCm/tensorflow-upstream/issues/1800 https://github.com/pytorch/pytorch/issues/73534 "
		   "https://github.com/ROCm/legacy-rocm-build/issues/1623",
};
