/* SPDX-License-Identifier: MIT */
/*
 * The driver itself: not there, of another version than its kernel module or than the programs need,
 * the toolkit's stub in its place, no device, or a crash inside it.
 */
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

bool module_is_driver(const struct module *module)
{
	return module_like(module, "libcuda.so") || module_like(module, "libnvidia-") || module_like(module, "libcudadebugger");
}

const struct frame *cuda_caller(const struct event *e)
{
	for (size_t i = 0; e && e->stack && i < e->stack->n; i++) {
		const struct frame *frame = &e->stack->frames[i];

		if (!frame->module || frame->ours || module_is_driver(frame->module) || module_is_python(frame->module) ||
		    module_is_runtime(frame->module) || module_like(frame->module, "libffi") ||
		    module_like(frame->module, "_ctypes"))
			continue;
		return frame;
	}
	return NULL;
}

bool cuda_words(const struct model *m, const struct finding *f)
{
	static const char *const words[] = { "CUDA", "cuda", "cuInit", "GPU", "gpuarray", "cudnn", "cublas", "Cuda" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (f->context->error.uncaught && error_says(f->context, words[i]))
			return true;
		if (end_is_death(m) && !end_was_sent(m) && model_stderr_line(m, words[i], true))
			return true;
	}
	return false;
}

static bool on_stack(const struct stack *stack, const struct module *module)
{
	for (size_t i = 0; stack && module && i < stack->n; i++)
		if (stack->frames[i].module == module)
			return true;
	return false;
}

enum confidence cuda_link(const struct model *m, struct finding *f, const struct event *failure)
{
	const struct frame *caller = cuda_caller(failure);
	bool words = cuda_words(m, f);

	if (m->ending.kind == END_CLEAN || end_was_sent(m))
		return SEEN;
	if (f->context->error.uncaught && !end_is_death(m)) {
		if (!words)
			return SEEN;
		return failure && (!f->context->tid || failure->tid == f->context->tid) ? PROVEN : LIKELY;
	}
	if (!end_is_death(m) && m->ending.kind != END_EXIT)
		return SEEN;
	if (!failure)
		return words ? LIKELY : SEEN;
	if (failure->tid != f->context->tid)
		return words ? LIKELY : SEEN;
	if (caller && on_stack(f->context->stack, caller->module))
		return PROVEN;
	return words ? LIKELY : SEEN;
}

void cuda_cite(struct finding *f, const struct event *e)
{
	const struct frame *caller = cuda_caller(e);
	int code = (int)FIELD_SIGNED(e, cuda_failed, result);

	finding_cite(f, e->record, e->time, "%s gave %d (%s)%s%s", FIELD_TEXT(e, cuda_failed, function), code,
		     cuda_error_name(code), caller ? ", called by " : "", caller ? module_name(caller->module) : "");
}

/* The failed cuInit, or the first failure with this code. */
static const struct event *failed_with(const struct model *m, int code)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_failed, 0, e)))
		if (FIELD_SIGNED(e, cuda_failed, result) == code)
			return e;
	return NULL;
}

/* --- cuda.crash-in-driver --- */

/* The function of the driver's interface that leads into its own code: the outermost of its frames from here on; NULL. */
static const char *asked_for(const struct stack *stack, const struct frame *from)
{
	const char *name = NULL;

	for (const struct frame *f = from; f < stack->frames + stack->n && module_is_driver(f->module); f++)
		if (f->symbol && strncmp(f->symbol, "cu", 2) == 0)
			name = f->symbol;
	return name;
}

static enum confidence match_crash(const struct model *m, struct finding *f)
{
	const struct stack *stack = f->context->stack;
	struct gpu g = gpu_look(m, f->context->tid);
	bool inside = false;

	if (!end_is_death(m) || end_was_sent(m) || !m->crash.present)
		return NO_MATCH;
	for (size_t i = 0; stack && i < stack->n; i++) {
		const struct module *module = stack->frames[i].module;

		if (stack->frames[i].ours || module_is_runtime(module))
			continue;
		inside = module_is_driver(module);
		f->frame = &stack->frames[i];
		break;
	}
	f->event = g.entered;
	f->path = g.library ? g.library : inside ? f->frame->module->path : NULL;
	f->text = g.driver ? FIELD_TEXT(g.driver, cuda_driver, kernel) : NULL;
	f->name = g.entered ? FIELD_TEXT(g.entered, cuda_enter, function) : inside ? asked_for(stack, f->frame) : NULL;
	if (inside)
		return PROVEN;
	return NO_MATCH;
}

static void explain_crash(const struct model *m, struct finding *f)
{
	const char *what = f->name ? f->name : f->frame->symbol ? f->frame->symbol : "a function of the driver";

	finding_title(f, "The NVIDIA driver crashed inside %s", what);
	if (f->event)
		finding_cite(f, f->event->record, f->event->time, "%s was called and never returned", what);
	finding_cite(f, m->crash.record, m->ending.time, "%s on the same thread, in %s%s%s", signal_word(m->ending.signal),
		     module_name(f->frame->module), f->frame->symbol ? ", " : "", f->frame->symbol ? f->frame->symbol : "");
	finding_say(f, "The program called the GPU driver (%s), and the driver itself ended the process: %s.", what,
		    m->crash.abort_message ? m->crash.abort_message : signal_word(m->ending.signal));
	finding_say(f,
		    "The innermost code outside the C library is in %s; neither Keras nor "
		    "TensorFlow, PyTorch or your code was running there.",
		    f->path ? f->path : software_file(f->arena, f->frame->module));
	if (f->text)
		finding_say(f, "The kernel module says: %s.", f->text);
	finding_fix(f, "Ask whoever looks after this machine to install another version of the NVIDIA driver: the newest of its branch, or the one before "
		       "(on WSL the driver is that of Windows). Your code cannot mend it.");
	if (!(f->event && strstr(what, "cuInit")))
		howto_set(m, f, AT_IMPORT, "Until then use the CPU", "CUDA_VISIBLE_DEVICES=-1");
}

const struct rule rule_cuda_crash_in_driver = {
	.id = "cuda.crash-in-driver",
	.title = "The NVIDIA driver crashed",
	.match = match_crash,
	.explain = explain_crash,
	.page = "The process died inside the user-mode part of the NVIDIA driver.\n"
		"Proof: the innermost frame outside libc is in libcuda.so (or one of its parts); a "
		"driver call that began and never returned says which.\n"
		"Mistaken for it: heap corruption by the program. Where glibc finds it inside the "
		"driver, the report still says who noticed it.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/92251",
};

/* --- load.cuda-stub --- */

static enum confidence match_stub(const struct model *m, struct finding *f)
{
	struct gpu g = gpu_look(m, 0);
	const struct event *e = failed_with(m, 34);
	const struct module *lib = model_module_named(m, "libcuda.so", NULL);
	const char *path = g.library ? g.library : lib ? lib->path : NULL;
	bool named = path && strstr(path, "/stubs/");

	if (!e && !named)
		return NO_MATCH;
	f->event = e;
	f->module = lib;
	f->path = path;
	f->text = model_env(m, "LD_LIBRARY_PATH");
	if (e)
		return cuda_link(m, f, e);
	return cuda_words(m, f) ? LIKELY : SEEN;
}

static void explain_stub(const struct model *m, struct finding *f)
{
	const char *entry = f->path && f->text ? path_entry(f->arena, f->text, f->path) : NULL;

	(void)m;
	finding_title(f, "The CUDA toolkit's link stub was loaded in place of the driver");
	if (f->event)
		cuda_cite(f, f->event);
	if (f->module)
		finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
	finding_say(
		f,
		"%s is not a driver. It is the stub that the toolkit ships for linking (libcuda.so "
		"in a folder \"stubs\"): every function of it gives 34, CUDA_ERROR_STUB_LIBRARY.",
		f->path ? f->path : "The libcuda.so that was found");
	if (entry)
		finding_say(f, "It was found through LD_LIBRARY_PATH, which names %s.", entry);
	if (entry)
		howto_unset(m, f, arena_printf(f->arena, "Take the folder \"stubs\" (%s) out of LD_LIBRARY_PATH; the real libcuda.so.1 comes with the "
							 "driver", entry), "LD_LIBRARY_PATH");
	else
		finding_fix(f, "Take the folder \"stubs\" out of the places that are searched (LD_LIBRARY_PATH, /etc/ld.so.conf.d), and start it again; the "
			       "real libcuda.so.1 comes with the driver.");
}

const struct rule rule_load_cuda_stub = {
	.id = "load.cuda-stub",
	.title = "The CUDA toolkit's stub was loaded in place of the driver",
	.match = match_stub,
	.explain = explain_stub,
	.page = "The toolkit's link stub of libcuda was found before (or without) the driver.\n"
		"Proof: a driver call gave 34, CUDA_ERROR_STUB_LIBRARY, or the mapped file lies in a folder named stubs.\n"
		"Mistaken for it: an old driver, since programs print that the driver is too old.",
	.sources = "https://github.com/Theano/Theano/issues/6572",
};

/* --- cuda.driver-mismatch --- */

static enum confidence match_mismatch(const struct model *m, struct finding *f)
{
	const struct event *e = failed_with(m, 803);
	struct gpu g = gpu_look(m, 0);

	e = e ? e : failed_with(m, 804);
	if (!e)
		return NO_MATCH;
	f->event = e;
	f->path = g.driver ? FIELD_TEXT(g.driver, cuda_driver, real_path) : NULL;
	f->text = g.driver ? FIELD_TEXT(g.driver, cuda_driver, kernel) : NULL;
	f->number[0] = (uint64_t)FIELD_SIGNED(e, cuda_failed, result);
	return cuda_link(m, f, e);
}

static void explain_mismatch(const struct model *m, struct finding *f)
{
	const char *function = FIELD_TEXT(f->event, cuda_failed, function);

	(void)m;
	finding_title(f, f->number[0] == 804 ? "The forward-compatible CUDA driver does not run on this GPU"
					     : "The driver's library and the kernel module do not belong together");
	cuda_cite(f, f->event);
	finding_say(f, "%s said %llu: %s.", function, (unsigned long long)f->number[0], cuda_error_meaning((int)f->number[0]));
	if (f->path)
		finding_say(f, "The user-mode driver in use is %s.", f->path);
	if (f->text)
		finding_say(f, "The kernel module says: %s.", f->text);
	if (f->path && strstr(f->path, "compat"))
		finding_fix(f, "Take the folder of the cuda-compat package out of the library "
			       "path; it is for data-centre GPUs only.");
	finding_fix(f, "Reboot the machine, or ask whoever looks after it to: after an upgrade of the driver both parts are of one version only then "
		       "(reloading the nvidia kernel modules does it, too).");
	if (model_info(m, "container"))
		finding_fix(f, "In a container: take a libcuda.so.1 out that is baked into the image; the right one is mounted from the host.");
}

const struct rule rule_cuda_driver_mismatch = {
	.id = "cuda.driver-mismatch",
	.title = "The driver's parts do not belong together",
	.match = match_mismatch,
	.explain = explain_mismatch,
	.page = "libcuda.so (user mode) and the nvidia kernel module are of different versions, or "
		"forward compatibility was tried where there is none.\n"
		"Proof: a driver call gave 803 or 804.\nMistaken for it: a missing or too old "
		"driver.",
	.sources = "https://github.com/NVIDIA/nvidia-docker/issues/1256",
};

/* --- cuda.no-driver --- */

static enum confidence match_no_driver(const struct model *m, struct finding *f)
{
	const struct event *e = NULL;
	const struct load *miss = NULL;

	if (model_module_named(m, "libcuda.so", NULL))
		return NO_MATCH;
	for (size_t i = 0; i < m->nloads; i++) {
		const struct load *l = &m->loads[i];

		if (l->outcome != LOAD_OK && l->path && strncmp(base_name(l->path), "libcuda.so", 10) == 0 &&
		    (l->outcome == LOAD_FAILED || !l->error))
			miss = l;
	}
	if (!miss)
		return NO_MATCH;
	(void)e;
	f->load = miss;
	if (m->ending.kind == END_CLEAN || !f->context->error.uncaught || !cuda_words(m, f))
		return SEEN;
	return error_says(f->context, "driver") || error_says(f->context, "libcuda") || error_says(f->context, "NVIDIA") ? PROVEN
															 : LIKELY;
}

static void explain_no_driver(const struct model *m, struct finding *f)
{
	finding_title(f, "There is no NVIDIA driver on this machine");
	finding_cite(f, f->load->began ? f->load->began->record : 0, f->load->begin, "%s looked for %s and did not find it",
		     module_name(f->load->caller.module), f->load->path);
	finding_say(f, "%s looked for the driver's library (libcuda.so.1): %s.", software_file(f->arena, f->load->caller.module),
		    f->load->error ? f->load->error : "no such library came into the process");
	finding_say(f,
		    "The exception then says what the CUDA runtime makes of that%s; there is "
		    "nothing to be too old: no driver was found at all.",
		    error_says(f->context, "insufficient")
			    ? " (\"driver version is insufficient\", error 35)"
			    : "");
	finding_fix(f, model_info(m, "container") ?
			       "If the machine has an NVIDIA GPU: start the container with it (docker run --gpus all …), and check with:" :
			       "If the machine has an NVIDIA GPU: have its driver installed, and check with:");
	finding_run(f, "nvidia-smi");
	howto_set(m, f, AT_IMPORT, "If it has none: use the CPU (and, for some packages, their CPU version)", "CUDA_VISIBLE_DEVICES=-1");
}

const struct rule rule_cuda_no_driver = {
	.id = "cuda.no-driver",
	.title = "There is no NVIDIA driver",
	.match = match_no_driver,
	.explain = explain_no_driver,
	.page = "A program needs CUDA and libcuda.so.1 is not on the machine (or not in the "
		"container).\n"
		"Proof: the failed load of libcuda.so, no such module in the process, and an "
		"exception about the driver that ended it.\n"
		"Mistaken for it: cudart gives error 35, \"driver version is insufficient\", for a "
		"driver that is missing as well. A failed load alone is normal on CPU machines.",
	.sources = "https://github.com/NVIDIA/nvidia-docker/issues/399 "
		   "https://github.com/tensorflow/tensorflow/issues/42255",
};

/* --- cuda.driver-too-old --- */

static enum confidence match_too_old(const struct model *m, struct finding *f)
{
	struct gpu g = gpu_look(m, f->context->tid);
	int runtime = cuda_runtime_version(m, &f->other);
	const char *number = cuda_driver_number(&g), *minimum = runtime ? cuda_minimum_driver(runtime) : NULL;
	bool older = number && minimum && cuda_driver_older(number, minimum);
	bool words = error_says(f->context, "insufficient") || error_says(f->context, "newer driver") ||
		     error_says(f->context, "too old") || model_stderr_line(m, "driver version is insufficient", true);

	if (!g.version && !older)
		return NO_MATCH;
	f->number[0] = (uint64_t)g.version;
	f->number[1] = (uint64_t)runtime;
	f->event = g.driver;
	f->path = g.library;
	f->name = number;
	/* Within a major version an older driver runs newer runtimes (minor-version compatibility). */
	if (runtime && g.version && runtime / 1000 <= g.version / 1000 && !words)
		return NO_MATCH;
	if (!words || m->ending.kind == END_CLEAN)
		return runtime ? SEEN : NO_MATCH;
	return older || (runtime && g.version && runtime > g.version) ? PROVEN : LIKELY;
}

static void explain_too_old(const struct model *m, struct finding *f)
{
	int have = (int)f->number[0], need = (int)f->number[1];
	/* libcudart.so.12 does not tell which 12 it is. */
	bool minor = need % 1000 != 0;
	const char *minimum = need ? cuda_minimum_driver(need) : NULL, *ships = minor ? cuda_driver_of(need) : NULL;

	(void)m;
	finding_title(f, "The NVIDIA driver is too old for this CUDA runtime");
	if (f->event && have)
		finding_cite(f, f->event->record, f->event->time, "cuDriverGetVersion said %d: the driver is of CUDA %s", have,
			     cuda_version_text(f->arena, have));
	else if (f->event)
		finding_cite(f, f->event->record, f->event->time, "the driver in use is %s", FIELD_TEXT(f->event, cuda_driver, real_path));
	if (f->other)
		finding_cite(f, f->other->record, f->other->load_time, "loaded: %s", f->other->path);
	if (have)
		finding_say(f, "The driver%s%s%s%s speaks CUDA %s.", f->path ? " " : "", f->path ? f->path : "",
			    f->name ? ", version " : "", f->name ? f->name : "", cuda_version_text(f->arena, have));
	else
		finding_say(f, "The driver %s is of version %s.", f->path ? f->path : "", f->name);
	if (need && minimum)
		finding_say(f, "The program's CUDA runtime is of CUDA %s, which needs a driver of version %s or newer%s%s.",
			    minor ? cuda_version_text(f->arena, need) : arena_printf(f->arena, "%d", need / 1000), minimum, ships ? "; with that toolkit came " : "", ships ? ships : "");
	finding_fix(f, "Install a newer NVIDIA driver%s%s, or upgrade the host's where this is a container.",
		    minimum ? ": at least " : "", minimum ? minimum : "");
	if (have)
		finding_fix(f, "Or install the framework's build for CUDA %d.", have / 1000);
	howto_set(m, f, AT_IMPORT, "Or run on the CPU for now", "CUDA_VISIBLE_DEVICES=-1");
}

const struct rule rule_cuda_driver_too_old = {
	.id = "cuda.driver-too-old",
	.title = "The NVIDIA driver is too old",
	.match = match_too_old,
	.explain = explain_too_old,
	.page = "The driver's CUDA version is older than the runtime that a package brings.\n"
		"Proof: the version that cuDriverGetVersion gave, the version of the loaded "
		"libcudart, and an exception that says so.\n"
		"Mistaken for it: no driver at all (the same error 35).",
	.sources = "https://docs.nvidia.com/deploy/cuda-compatibility/"
		   "minor-version-compatibility.html "
		   "https://github.com/tensorflow/tensorflow/issues/31319",
};

/* --- cuda.no-device --- */

static enum confidence match_no_device(const struct model *m, struct finding *f)
{
	const struct event *e = failed_with(m, 100);

	if (!e)
		return NO_MATCH;
	f->event = e;
	f->text = model_env(m, "CUDA_VISIBLE_DEVICES");
	return cuda_link(m, f, e);
}

static void explain_no_device(const struct model *m, struct finding *f)
{
	(void)m;
	finding_title(f, "The driver runs, and sees no GPU");
	cuda_cite(f, f->event);
	finding_say(f, "%s said 100, CUDA_ERROR_NO_DEVICE: the driver is there and has no device to show.",
		    FIELD_TEXT(f->event, cuda_failed, function));
	if (f->text) {
		finding_say(f, "CUDA_VISIBLE_DEVICES is set to \"%s\".", f->text);
		howto_unset(m, f, "Take CUDA_VISIBLE_DEVICES away, or set it to devices that \"nvidia-smi -L\" lists", "CUDA_VISIBLE_DEVICES");
	}
	finding_fix(f, "In a container: start it with --gpus all (NVIDIA_VISIBLE_DEVICES not "
		       "\"void\"); check that /dev/nvidia0 is there.");
}

const struct rule rule_cuda_no_device = {
	.id = "cuda.no-device",
	.title = "The driver sees no GPU",
	.match = match_no_device,
	.explain = explain_no_device,
	.page = "The driver works and has no device: hidden by CUDA_VISIBLE_DEVICES, not given to "
		"the container, or not there.\n"
		"Proof: a driver call gave 100 and the end is linked to it.\nMistaken for it: CPU "
		"fallback, where the same 100 is harmless.",
	.sources = "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html",
};
