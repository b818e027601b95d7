/* SPDX-License-Identifier: MIT */
/*
 * TensorFlow compares the cuDNN that it finds with the one that it was built with, says so when
 * they do not fit, and then fails: a check that aborts (before 2.5), or an exception.
 */
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <string.h>

#define WORDS "Loaded runtime CuDNN library: "

static bool by_tensorflow(const struct context *c)
{
	const struct module *module = c->blame ? c->blame->module : NULL;

	return module_like(module, "libtensorflow") || module_like(module, "_pywrap_tensorflow");
}

static bool exception_of_cudnn(const struct context *c)
{
	return error_says(c, "DNN library") || error_says(c, "convolution algorithm") ||
	       error_says(c, "cuDNN") || error_says(c, "CuDNN");
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const char *line = model_stderr_line(m, WORDS, true);

	f->module = model_module_named(m, "libcudnn", NULL);
	if (!line || !f->module || !strstr(line, "compiled with"))
		return NO_MATCH;
	f->text = arena_line(f->arena, strstr(line, WORDS) ? strstr(line, WORDS) : line);
	if (m->ending.kind == END_ABORT && by_tensorflow(f->context))
		return PROVEN;
	return exception_of_cudnn(f->context) ? PROVEN : SEEN;
}

static void explain(const struct model *m, struct finding *f)
{
	const char *list = model_env(m, "LD_LIBRARY_PATH");
	const char *entry = path_entry(f->arena, list, f->module->path);

	if (f->confidence == SEEN) {
		finding_title(f, "cuDNN is of another version than TensorFlow was built with");
		return;
	}
	finding_title(f, "cuDNN (%s) is of another version than TensorFlow was built with",
		      software_of(f->arena, f->module));
	finding_cite(f, 0, m->ending.time, "on stderr: %.300s", f->text);
	finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
	if (m->ending.kind == END_ABORT)
		finding_cite(f, f->context->end ? f->context->end->record : m->crash.record,
			     m->ending.time, "abort by %s", frame_text(f->arena, f->context->blame));
	finding_say(f, "TensorFlow asked cuDNN for its version, found that it does not fit, and "
		       "could not compute with it: %.300s", f->text);
	finding_say(f, "The cuDNN that was found is %s.", f->module->path);
	if (entry)
		finding_say(f, "It comes from LD_LIBRARY_PATH (%s).", entry);
	finding_fix(f, "Install the cuDNN release that TensorFlow was built with: the second number above, in place of VERSION:");
	finding_run(f, "%s", package_command(m, f->arena, "'nvidia-cudnn-cu12==VERSION.*'", NULL, false));
	if (entry)
		howto_unset(m, f, "Or take the other one out of LD_LIBRARY_PATH", "LD_LIBRARY_PATH");
}

const struct rule rule_cuda_cudnn_mismatch = {
	.id = "cuda.cudnn-mismatch",
	.title = "cuDNN is of another version than TensorFlow was built with",
	.match = match,
	.explain = explain,
	.page = "The cuDNN library that is found is older than, or of another major version than, "
		"the one that TensorFlow was compiled with.\nProof: TensorFlow's own comparison of "
		"both versions, and its abort, or the exception about cuDNN that ended the program.\n"
		"Mistaken for it: \"could not create cudnn handle\", which has other causes too.",
	.sources = "https://github.com/windj007/docker-jupyter-keras-tools/issues/7 "
		   "https://github.com/tensorflow/text/issues/554 "
		   "https://github.com/tensorflow/models/issues/6770",
};
