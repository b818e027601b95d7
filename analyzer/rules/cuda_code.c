/* SPDX-License-Identifier: MIT */
/*
 * Device code and what runs on the device: kernels for another GPU, the PTX compiler, faults of
 * kernels (sticky: the first counts), hardware, and a fork after cuInit.
 */
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <signal.h>
#include <string.h>

/* The first failure whose code is in the list (0 ends it), over all threads. */
static const struct event *first_of(const struct model *m, const int *codes)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_failed, 0, e)))
		for (const int *c = codes; *c; c++)
			if (FIELD_SIGNED(e, cuda_failed, result) == *c)
				return e;
	return NULL;
}

static enum confidence match_codes(const struct model *m, struct finding *f, const int *codes)
{
	const struct event *e = first_of(m, codes);
	enum confidence linked;

	if (!e)
		return NO_MATCH;
	f->event = e;
	linked = cuda_link(m, f, e);
	/* A sticky error comes back from any later call: a death after it on another thread is
	 * linked, too. */
	if (linked == SEEN && cuda_error_sticky((int)FIELD_SIGNED(e, cuda_failed, result)) &&
	    end_is_death(m) && !end_was_sent(m) && cuda_words(m, f))
		return LIKELY;
	return linked;
}

void cuda_say_error(struct finding *f)
{
	int code = (int)FIELD_SIGNED(f->event, cuda_failed, result);
	uint64_t launches = FIELD(f->event, cuda_failed, launches);
	const char *detail = FIELD_TEXT(f->event, cuda_failed, detail);

	cuda_cite(f, f->event);
	finding_say(f, "%s gave %d, %s: %s.", FIELD_TEXT(f->event, cuda_failed, function), code,
		    cuda_error_name(code), cuda_error_meaning(code));
	if (detail)
		finding_say(f, "It was about %s.", detail);
	if (cuda_error_sticky(code))
		finding_say(f,
			    "It is the first such error; every later call of this process gives it again.%s",
			    launches ? arena_printf(f->arena, " %llu pieces of work for the GPU (kernel launches) had begun since the last time "
							      "that all went well: one of them is to blame.", (unsigned long long)launches) : "");
}

/* What the driver's log says itself (12.9 and later). */
void cuda_say_log(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_cuda_log, 0, NULL);

	if (e && FIELD_TEXT(e, cuda_log, text))
		finding_cite(f, e->record, e->time, "the driver's log: %s",
			     arena_line(f->arena, FIELD_TEXT(e, cuda_log, text)));
}

/* --- cuda.kernel-fault --- */

static enum confidence match_fault(const struct model *m, struct finding *f)
{
	static const int codes[] = { 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 0 };

	return match_codes(m, f, codes);
}

static void explain_fault(const struct model *m, struct finding *f)
{
	int code = (int)FIELD_SIGNED(f->event, cuda_failed, result);

	finding_title(f, "A kernel on the GPU failed: %s", cuda_error_meaning(code));
	cuda_say_error(f);
	cuda_say_log(m, f);
	if (code == 710)
		finding_fix(f, "Check indices and class labels against their ranges (a label >= "
			       "the number of classes is the usual one); run that step on the CPU "
			       "for a plain message.");
	else if (code == 702)
		finding_fix(f, "The GPU drives a screen and its watchdog stopped the kernel: use "
			       "another GPU, or shorter kernels.");
	else
		finding_fix(f, "Check indices, shapes and strides that reach the GPU; an index out "
			       "of range is the usual reason.");
	if (m->is_kernel)
		finding_fix(f, "Restart the kernel of the notebook before anything else: this process cannot use the GPU any more.");
	howto_set(m, f, AT_IMPORT, "To find the line: let Python wait for each call to the GPU, once; the line that the error names is then the guilty one",
		  "CUDA_LAUNCH_BLOCKING=1");
}

const struct rule rule_cuda_kernel_fault = {
	.id = "cuda.kernel-fault",
	.title = "A kernel on the GPU failed",
	.match = match_fault,
	.explain = explain_fault,
	.page = "A kernel touched memory that is not its own, failed an assertion, or was "
		"stopped.\n"
		"Proof: the first driver call that gave a sticky error (700, 702, 710, 714 to 719, "
		"721), linked to the end. It surfaces at a later call than the launch.\n"
		"Mistaken for it: the call that reported it, and all errors after the first.",
	.sources = "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html",
};

/* --- cuda.hardware-error --- */

static enum confidence match_hardware(const struct model *m, struct finding *f)
{
	static const int codes[] = { 214, 220, 226, 0 };

	return match_codes(m, f, codes);
}

static void explain_hardware(const struct model *m, struct finding *f)
{
	finding_title(f, "The GPU reported a hardware error");
	cuda_say_error(f);
	cuda_say_log(m, f);
	finding_fix(f, "Tell whoever looks after the machine: it should be rebooted or the GPU be reset, and replaced if it comes back. Its log says more:");
	finding_run(f, "sudo dmesg | grep -i xid; nvidia-smi -q -d ECC");
}

const struct rule rule_cuda_hardware_error = {
	.id = "cuda.hardware-error",
	.title = "The GPU reported a hardware error",
	.match = match_hardware,
	.explain = explain_hardware,
	.page = "An error of memory or links that the hardware could not correct.\nProof: a driver "
		"call gave 214, 220 or 226.\nMistaken for it: any later failure, and the program.",
	.sources = "https://github.com/sgl-project/sglang/issues/9151",
};

/* --- cuda.no-kernel-image --- */

static enum confidence match_image(const struct model *m, struct finding *f)
{
	static const int codes[] = { 209, 200, 0 };

	return match_codes(m, f, codes);
}

static void explain_image(const struct model *m, struct finding *f)
{
	const struct event *device = model_last(m, KS_cuda_device, 0, NULL);

	finding_title(f, "The package has no code for this GPU");
	cuda_say_error(f);
	while (device && FIELD_SIGNED(device, cuda_device, device) < 0)
		device = model_last(m, KS_cuda_device, 0, device);
	if (device)
		finding_say(f, "The device is %s, of compute capability %llu.%llu.",
			    FIELD_TEXT(device, cuda_device, name)
				    ? FIELD_TEXT(device, cuda_device, name)
				    : "unnamed",
			    (unsigned long long)FIELD(device, cuda_device, major),
			    (unsigned long long)FIELD(device, cuda_device, minor));
	cuda_say_log(m, f);
	finding_fix(f, "Install a build of the package that supports this GPU (another CUDA "
		       "variant, or another release); an extension that you compile needs this "
		       "architecture among its targets.");
	finding_fix(f, "Or, if it did work before, a cache may be damaged; delete it, it is made again:");
	finding_run(f, "rm -rf ~/.nv/ComputeCache");
}

const struct rule rule_cuda_no_kernel_image = {
	.id = "cuda.no-kernel-image",
	.title = "The package has no code for this GPU",
	.match = match_image,
	.explain = explain_image,
	.page = "Neither machine code nor usable PTX for this GPU is in the binary.\nProof: "
		"loading code gave 209 (or 200), linked to the end.\nMistaken for it: a broken "
		"driver.",
	.sources = "https://github.com/jax-ml/jax/issues/5723",
};

/* --- cuda.ptxas --- */

static enum confidence match_ptxas(const struct model *m, struct finding *f)
{
	static const int codes[] = { 218, 221, 222, 223, 0 };
	enum confidence by_code = match_codes(m, f, codes);
	const char *line;

	if (by_code >= LIKELY)
		return by_code;
	/* XLA and Triton start ptxas as a program: its failure is told on stderr only. */
	line = model_stderr_line(m, "ptxas", true);
	if (line && end_is_death(m) && !end_was_sent(m) && strstr(line, "returned an error")) {
		f->text = line;
		return LIKELY;
	}
	return by_code;
}

static void explain_ptxas(const struct model *m, struct finding *f)
{
	const struct event *jit = model_last(m, KS_cuda_jit, 0, NULL);

	finding_title(f, "Device code could not be compiled (ptxas)");
	if (f->event)
		cuda_say_error(f);
	if (f->text)
		finding_say(f, "The last words on stderr: %s", arena_line(f->arena, f->text));
	if (jit && FIELD_TEXT(jit, cuda_jit, log))
		finding_cite(f, jit->record, jit->time, "the compiler's log: %s",
			     arena_line(f->arena, FIELD_TEXT(jit, cuda_jit, log)));
	cuda_say_log(m, f);
	finding_fix(f, "Let the PTX compiler fit the driver: install a newer driver, or the "
		       "package's build for the driver's CUDA version.");
	finding_fix(f, "Where ptxas is started as a program: put the one of the package's own CUDA "
		       "version first on the PATH of the kernel (pip: nvidia-cuda-nvcc; conda: "
		       "cuda-nvcc).");
}

const struct rule rule_cuda_ptxas = {
	.id = "cuda.ptxas",
	.title = "Device code could not be compiled",
	.match = match_ptxas,
	.explain = explain_ptxas,
	.page = "PTX is of a newer toolkit than the driver's compiler, the compiler is missing, or "
		"ptxas cannot be started or is refused.\n"
		"Proof: loading code gave 218, 221, 222 or 223; where ptxas is a program, its text "
		"is a hint only.\n"
		"Mistaken for it: a full disk, since XLA's text asks to check the file system's "
		"space.",
	.sources = "https://github.com/jax-ml/jax/issues/19730 "
		   "https://github.com/pangeo-data/pangeo-docker-images/issues/387",
};

/* --- cuda.slow-jit: a hang that is none --- */

/* The driver's compiler at work, in a living process. */
static const struct thread *compiling(const struct model *m)
{
	for (size_t i = 0; i < m->nthreads; i++)
		if (m->threads[i].alive && frame_in(m->threads[i].native, "libnvidia-ptxjitcompiler"))
			return &m->threads[i];
	return NULL;
}

static enum confidence match_slow(const struct model *m, struct finding *f)
{
	struct gpu g = gpu_look(m, f->context->tid ? f->context->tid : m->pid);
	const char *name = g.entered ? FIELD_TEXT(g.entered, cuda_enter, function) : NULL;

	f->thread = m->ending.kind == END_RUNNING ? compiling(m) : NULL;
	if (f->thread) {
		f->event = g.entered;
		return PROVEN;
	}
	if (!name || (strncmp(name, "cuModuleLoad", 12) != 0 &&
		      strncmp(name, "cuLibraryLoad", 13) != 0 && strncmp(name, "cuLink", 6) != 0))
		return NO_MATCH;
	if (m->ending.kind != END_RUNNING && m->ending.kind != END_KILLED && !end_was_sent(m) &&
	    !end_is_signal(m, SIGINT))
		return NO_MATCH;
	f->event = g.entered;
	f->number[0] = (uint64_t)(m->ending.time - g.entered->time);
	return m->ending.time - g.entered->time > 5000000000ll ? LIKELY : SEEN;
}

static void explain_slow(const struct model *m, struct finding *f)
{
	const char *name = f->event ? FIELD_TEXT(f->event, cuda_enter, function) : NULL;

	finding_title(f, "The driver was still compiling device code");
	if (f->thread) {
		finding_title(f, "The driver compiles device code just now; it is slow, and not stuck");
		finding_cite(f, 0, m->ending.time, "thread %u is in libnvidia-ptxjitcompiler: %s", f->thread->tid,
			     frame_text(f->arena, frame_in(f->thread->native, "libnvidia-ptxjitcompiler")));
		if (f->event)
			f->number[0] = (uint64_t)(m->ending.time - f->event->time);
	}
	if (!name)
		name = "The driver";
	if (f->event)
		finding_cite(f, f->event->record, f->event->time,
		     "%s was called and had not returned %.0f s later", name,
		     SECONDS(f->number[0]));
	finding_say(f,
		    "%s makes machine code for this GPU out of PTX where the package brings none; "
		    "that takes minutes the first time, and is no deadlock.",
		    name);
	finding_fix(f, "Wait for it once (the result is kept in ~/.nv/ComputeCache), or install a "
		       "build with code for this GPU.");
}

const struct rule rule_cuda_slow_jit = {
	.id = "cuda.slow-jit",
	.title = "The driver was compiling device code",
	.match = match_slow,
	.explain = explain_slow,
	.page = "The first use of a GPU for which a package brings PTX only takes minutes.\nProof: "
		"a call that loads code began, and had not returned at the end.\nMistaken for it: "
		"a deadlock.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/22043",
};

/* --- fork.cuda --- */

static enum confidence match_fork(const struct model *m, struct finding *f)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_failed, 0, e))) {
		uint64_t init = FIELD(e, cuda_failed, init_pid);

		if (FIELD_SIGNED(e, cuda_failed, result) != 3 || !init || init == m->pid)
			continue;
		f->event = e;
		f->number[0] = init;
		/* In the child itself the proof is whole: who called cuInit, who forked, what the
		 * driver said. */
		return m->ending.kind == END_RUNNING && !f->context->error.uncaught ? LIKELY
										    : PROVEN;
	}
	return NO_MATCH;
}

static void explain_fork(const struct model *m, struct finding *f)
{
	finding_title(f, "A forked process used CUDA, which its parent had initialised");
	cuda_cite(f, f->event);
	finding_say(f,
		    "Process %u was made by fork() from process %llu after that had called cuInit. "
		    "CUDA does not survive a fork: in the child the driver says 3, "
		    "CUDA_ERROR_NOT_INITIALIZED.",
		    m->pid, (unsigned long long)f->number[0]);
	finding_fix(f, "Start worker processes with spawn (or \"forkserver\"), in a line before any is made:");
	finding_run(f, "import multiprocessing; multiprocessing.set_start_method(\"spawn\")");
	finding_fix(f, "Or do not touch the GPU in the parent before the workers are forked.");
}

const struct rule rule_fork_cuda = {
	.id = "fork.cuda",
	.title = "A forked process used CUDA after its parent did",
	.match = match_fork,
	.explain = explain_fork,
	.page = "CUDA was initialised, the process forked, and the child used CUDA.\n"
		"Proof: the child's driver call gave 3, and cuInit had been called by its parent's "
		"pid.\nMistaken for it: a broken driver, or an undetected cuInit in the parent by "
		"another library.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/57877 "
		   "https://github.com/vllm-project/vllm/issues/32611",
};
