/* SPDX-License-Identifier: MIT */
/*
 * Memory of the GPU. A failed request is a cause only where nothing of the kind went well
 * afterwards on that thread (a back-off, a retry after freeing) and the end is linked to it.
 * Which of the ten ways it was: analyzer/gpu_shortage.c.
 */
#include "analyzer/gpu_shortage.h"
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <string.h>
#include <sys/resource.h>

/* Did a later request of the same kind on this thread get as much, or half of it (back-off)? */
static bool recovered(const struct model *m, const struct event *refused)
{
	uint64_t kind = FIELD(refused, cuda_alloc_failed, kind) & 0xff, size = FIELD(refused, cuda_alloc_failed, size);
	const struct event *e = refused;

	while ((e = model_next(m, KS_cuda_alloc, refused->tid, e)))
		if ((FIELD(e, cuda_alloc, kind) & 0xff) == kind && FIELD(e, cuda_alloc, size) >= size / 2)
			return true;
	return false;
}

/* The last request that was refused for want of memory. */
static const struct event *last_refused(const struct model *m)
{
	const struct event *e = NULL;

	while ((e = model_last(m, KS_cuda_alloc_failed, 0, e)))
		if (FIELD_SIGNED(e, cuda_alloc_failed, result) == 2)
			return e;
	return NULL;
}

/* The exception that reached the top says that memory (of the GPU: it is asked only where one is used) is full. */
static bool says_memory(const struct context *c)
{
	static const char *const words[] = { "OUT_OF_MEMORY", "out of memory", "Out of memory", "RESOURCE_EXHAUSTED",
					     "ResourceExhausted", "OOM when allocating", "OutOfMemory" };

	for (size_t i = 0; c->error.uncaught && i < sizeof(words) / sizeof(*words); i++)
		if (error_says(c, words[i]) || strstr(c->error.type, words[i]))
			return true;
	return false;
}

/* Words of the C library's and PyTorch's own allocators: memory of the host. */
static bool says_host(const struct context *c)
{
	return error_says(c, "DefaultCPUAllocator") || error_says(c, "Cannot allocate memory") ||
	       strcmp(c->error.type, "MemoryError") == 0;
}

/* No request failed at all: the framework's own pool, taken in advance, is full. */
static enum confidence match_pool(const struct model *m, struct finding *f, const struct gpu *g, const struct event *e)
{
	struct shortage s = shortage_of_pool(m, g, e);

	if (s.way != SHORT_POOL_FULL || !says_memory(f->context) || says_host(f->context) || m->ending.kind == END_CLEAN)
		return NO_MATCH;
	f->event = s.block ? s.block : model_last(m, KS_cuda_alloc, 0, NULL);
	f->number[0] = 1;
	return LIKELY;
}

static enum confidence match_oom(const struct model *m, struct finding *f)
{
	const struct event *e = last_refused(m);
	enum confidence linked;
	struct gpu g = gpu_look(m, f->context->tid);
	bool back = e && recovered(m, e);

	if (!e || back)
		linked = match_pool(m, f, &g, e);
	if (!e)
		return linked;
	if (back && linked == LIKELY)
		return LIKELY;
	f->event = e;
	f->number[0] = 0;
	if (back) {
		f->why_not = "a smaller or repeated request was granted afterwards: a back-off, as allocators do";
		return SEEN;
	}
	linked = cuda_link(m, f, model_last(m, KS_cuda_failed, e->tid, NULL));
	if (linked < PROVEN && m->ending.kind != END_CLEAN && !end_was_sent(m) && says_memory(f->context) && !says_host(f->context))
		return PROVEN;
	if (linked == SEEN)
		f->why_not = "the program went on after it";
	return linked;
}

/* --- what to type --- */

static void fix_prealloc(const struct model *m, struct finding *f, bool other)
{
	unsigned used = gpu_frameworks(m);

	if (used & GPU_TENSORFLOW || !(used & GPU_JAX))
		howto_set(m, f, AT_IMPORT, "Let TensorFlow take GPU memory as it needs it, instead of all at once", "TF_FORCE_GPU_ALLOW_GROWTH=true");
	if (used & GPU_JAX || !(used & GPU_TENSORFLOW))
		howto_set(m, f, AT_IMPORT, "Let JAX take GPU memory as it needs it, instead of three quarters at once",
			  "XLA_PYTHON_CLIENT_PREALLOCATE=false");
	if (other)
		finding_fix(f, "Or let each framework have a process of its own.");
}

/* numba and CuPy know arrays, and no batches. */
static bool computes_arrays(const struct model *m)
{
	return model_module_below(m, "/numba/") || model_module_below(m, "/cupy");
}

static void fix_smaller(const struct model *m, struct finding *f)
{
	const char *earlier = m->is_kernel ? "what earlier cells keep on the GPU" : "what is no longer needed on the GPU";

	if (gpu_frameworks(m) & ~GPU_CUPY || works_in_batches(m) || !computes_arrays(m))
		finding_fix(f, "Halve the batch size (batch_size=…) until it fits, or take a smaller model or shorter input.");
	else
		finding_fix(f, "Use smaller arrays, smaller numbers (float32 rather than float64), or work in pieces.");
	if (gpu_frameworks(m) & GPU_PYTORCH) {
		finding_fix(f, "Release %s (and use torch.no_grad() where nothing is trained):", earlier);
		finding_run(f, "del model, outputs; import gc; gc.collect(); torch.cuda.empty_cache()");
	} else {
		finding_fix(f, "Release %s (del NAME) before the next step.", earlier);
	}
}

static void fix_pieces(const struct model *m, struct finding *f)
{
	unsigned used = gpu_frameworks(m);

	if (used & GPU_PYTORCH || !used)
		howto_set(m, f, AT_IMPORT, "Let PyTorch take memory that can grow (2.9 and later call it PYTORCH_ALLOC_CONF)",
			  "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True");
	if (used & GPU_CUPY) {
		finding_fix(f, "Let CuPy give back what it keeps:");
		finding_run(f, "cupy.get_default_memory_pool().free_all_blocks()");
	}
	finding_fix(f, m->is_kernel ? "Restart the kernel: its memory is in one piece again." :
				      "Start it again: its memory is in one piece then.");
}

static void fix_holders(struct finding *f)
{
	finding_fix(f, "See which processes hold it:");
	finding_run(f, "nvidia-smi --query-compute-apps=pid,used_memory,name --format=csv");
	finding_fix(f, "Then shut down the notebooks among them that are not needed (Jupyter: Running, Shut Down), or end the process (kill and its "
		       "number); if they are somebody else's, ask them, or take another GPU.");
}

/* --- what happened --- */

static void say_other(const struct model *m, struct finding *f, const struct shortage *s)
{
	struct arena *a = f->arena;

	(void)m;
	finding_say(f, "This process held %s%s of the device's %s, yet just %s was free: other processes hold the rest, about "
		       "%s (often another notebook's kernel)%s.",
		    s->live ? "only " : "", s->live ? size_text(a, s->live) : "nothing", size_text(a, s->total), size_text(a, s->free),
		    size_text(a, s->others),
		    s->others_first ? ", and did so before this one had asked for anything" : "");
	if (s->way != SHORT_OWN_OLDER) {
		fix_holders(f);
		return;
	}
	finding_say(f, "One of them is recorded here: process %u%s%s%s, %s, held %s.", s->holder.pid, s->holder.what ? " (" : "",
		    s->holder.what ? s->holder.what : "", s->holder.what ? ")" : "",
		    s->holder.kernel ? "a kernel of yours that was never shut down" : "of the same user",
		    size_text(a, s->holder.bytes));
	finding_cite(f, 0, s->refused->time, "the recording of process %u: %s", s->holder.pid, s->holder.file);
	if (s->holder.alive) {
		finding_fix(f, "End it, if it is not needed%s:", s->holder.kernel ? " (in Jupyter: Running, Shut Down; or so)" : "");
		finding_run(f, "kill %u", s->holder.pid);
	} else {
		finding_fix(f, "It has ended since: start this one again.");
	}
}

static void say_limited(struct finding *f, const struct shortage *s)
{
	struct arena *a = f->arena;

	finding_say(f, "The device is %s%s%s, of which this process may use %s: a slice of it (MIG), a virtual GPU or a limit of the cluster. "
		       "It held %s, and %s was free.",
		    s->device ? s->device : "larger", s->nominal ? " with " : "", s->nominal ? size_text(a, s->nominal) : "",
		    size_text(a, s->total), size_text(a, s->live), size_text(a, s->free));
	finding_fix(f, "Use a smaller batch or smaller arrays; or ask whoever runs the cluster for a larger slice or a whole GPU than these %s (nvidia-smi -L "
		       "shows which one this is).", size_text(a, s->total));
}

static void say_pinned(struct finding *f, const struct event *e)
{
	uint64_t limit = FIELD(e, cuda_alloc_failed, locked_limit), size = FIELD(e, cuda_alloc_failed, size);
	uint64_t had = FIELD(e, cuda_alloc_failed, live);

	finding_say(f, "It is memory of the host that the GPU was to reach (pinned): the GPU's own memory has nothing to do with it. "
		       "%s were pinned already.", had ? size_text(f->arena, had) : "None");
	/* The driver does not always count against it: where more is pinned than it allows, it is not what stopped this. */
	if (limit != UNKNOWN && had <= limit && had + size > limit)
		finding_say(f, "This process may lock %s at the most (ulimit -l).", size_text(f->arena, limit));
	finding_fix(f, "Use fewer data-loading workers (num_workers=…) or pin_memory=False; give the container more RAM, or allow more "
		       "locked memory (ulimit -l unlimited).");
}

static void say_owners(const struct model *m, struct finding *f, const struct shortage *s)
{
	struct gpu_owner owner[8];
	size_t n = gpu_owners(m, s->refused, owner, 8);

	if (n && owner[0].module && owner[0].bytes > s->live / 2)
		finding_say(f, "%s of it was asked for by %s.", size_text(f->arena, owner[0].bytes), software_file(f->arena, owner[0].module));
}

static void say_which(const struct model *m, struct finding *f, const struct shortage *s)
{
	struct arena *a = f->arena;
	const char *live = size_text(a, s->live), *total = s->total == UNKNOWN ? "?" : size_text(a, s->total);
	const char *room = s->free == UNKNOWN ? "an unknown amount" : s->free ? size_text(a, s->free) : "nothing";

	switch (s->way) {
	case SHORT_OTHER_PROCESS:
	case SHORT_OWN_OLDER:
		say_other(m, f, s);
		break;
	case SHORT_PREALLOCATED:
		finding_say(f, "One block of %s, more than half of the device, belongs to this process already: a framework that takes "
			       "the memory in advance (TensorFlow and JAX do). %s was free for what came after.",
			    size_text(a, s->biggest), room);
		fix_prealloc(m, f, true);
		break;
	case SHORT_ABSURD:
		finding_say(f, "The request is larger than the whole device (%s): no setting can satisfy it. A shape is most likely not "
			       "what was meant.", total);
		finding_fix(f, "Look at the shapes: a single tensor of %s was asked for. Use a smaller batch, or split it.",
			    size_text(a, s->size));
		break;
	case SHORT_FRAGMENTED:
		finding_say(f, "%s was free, which is more than the request: not in one piece, or kept by the driver.", room);
		fix_pieces(m, f);
		break;
	case SHORT_CACHED:
		finding_say(f, "PyTorch itself keeps %s that it does not use, more than the request, but in pieces: its cache is "
			       "fragmented. This process held %s of %s.", size_text(a, s->cached), live, total);
		fix_pieces(m, f);
		break;
	case SHORT_PINNED:
		say_pinned(f, s->refused);
		break;
	case SHORT_LIMITED:
		say_limited(f, s);
		break;
	case SHORT_WORKSPACE:
		finding_say(f, "It was the working space of a library (%s): nothing was left for it. This process held %s of %s, and %s "
			       "was free.", s->library, live, total, room);
		finding_fix(f, "Leave room for cuBLAS and cuDNN: a smaller batch or model, or memory growth instead of taking all in advance.");
		break;
	case SHORT_OVERSUBSCRIBED:
		finding_say(f, "This process itself held %s of the device's %s, and %s was free: it needs more than there is.", live,
			    total, room);
		say_owners(m, f, s);
		fix_smaller(m, f);
		break;
	case SHORT_POOL_FULL:
	case SHORT_NOT_TOLD:
		finding_say(f, "How much was free is not known. This process held %s.", live);
		fix_smaller(m, f);
		finding_fix(f, "Look at nvidia-smi for other processes.");
		break;
	}
}

static void explain_pool(const struct model *m, struct finding *f, const struct gpu *g)
{
	struct shortage s = shortage_of_pool(m, g, last_refused(m));
	bool others = s.others != UNKNOWN && s.others >= s.total / 4;

	finding_title(f, "The memory that the framework had taken of the GPU is used up");
	if (s.block)
		finding_cite(f, s.block->record, s.block->time, "one block of %llu bytes was given", (unsigned long long)s.biggest);
	else if (f->event)
		finding_cite(f, f->event->record, f->event->time, "the last block was given: then this process held %s",
			     size_text(f->arena, g->live));
	if (f->context->error.event)
		finding_cite(f, f->context->error.event->record, f->context->error.event->time, "%s: %.200s", f->context->error.type,
			     arena_line(f->arena, f->context->error.text));
	if (s.block)
		finding_say(f, "The framework took %s of the device's %s in one block, and shares that out itself. The driver was not "
			       "asked and refused nothing: the block is full.", size_text(f->arena, s.biggest), size_text(f->arena, s.total));
	else
		finding_say(f, "The framework had taken %s of the device's %s, piece by piece, and shares that out itself. The driver was "
			       "not asked and refused nothing: it is a limit of the framework's own.", size_text(f->arena, g->live),
			    size_text(f->arena, s.total));
	if (others) {
		finding_cite(f, s.refused->record, s.refused->time, "a larger block (%llu bytes) had been refused: %llu bytes were free",
			     (unsigned long long)FIELD(s.refused, cuda_alloc_failed, size), (unsigned long long)s.free);
		finding_say(f, "It is small because other processes held about %s when it was taken (often another notebook's kernel).",
			    size_text(f->arena, s.others));
		fix_holders(f);
	}
	fix_smaller(m, f);
}

static void explain_oom(const struct model *m, struct finding *f)
{
	const struct event *e = f->event;
	struct gpu g = gpu_look(m, f->context->tid);
	const char *function;
	struct shortage s;
	const struct frame *caller;

	if (f->number[0]) {
		explain_pool(m, f, &g);
		return;
	}
	s = shortage_of(m, &g, e, f->context->error.text, f->arena);
	function = FIELD_TEXT(e, cuda_alloc_failed, function);
	caller = cuda_caller(e);
	finding_title(f, s.way == SHORT_PINNED ? "No %s of the host's memory could be pinned for the GPU" : "The GPU had no room for %s",
		      size_text(f->arena, s.size));
	finding_cite(f, e->record, e->time, "%s of %llu bytes gave 2 (CUDA_ERROR_OUT_OF_MEMORY); this process held %s%s%s", function,
		     (unsigned long long)s.size,
		     size_text(f->arena, s.way == SHORT_PINNED ? FIELD(e, cuda_alloc_failed, live) : s.live), caller ? "; called by " : "",
		     caller ? module_name(caller->module) : "");
	finding_say(f, "%s was asked for %llu bytes (%s) and refused, and no later request went better.", function,
		    (unsigned long long)s.size, size_text(f->arena, s.size));
	say_which(m, f, &s);
	if (g.untracked)
		finding_say(f, "%llu requests (%s) were too many to be followed and are not in these numbers.",
			    (unsigned long long)g.untracked, size_text(f->arena, g.untracked_bytes));
	if (m->is_kernel && s.way != SHORT_PINNED)
		finding_fix(f, "If all else fails: restart the kernel, which gives back all of its GPU memory, and run only the cells that are needed.");
}

const struct rule rule_cuda_out_of_memory = {
	.id = "cuda.out-of-memory",
	.title = "The GPU had no room for the last allocation",
	.match = match_oom,
	.explain = explain_oom,
	.page = "A request for GPU memory was refused and the program ended by it.\n"
		"Proof: the failed driver call with its size, no success of a like request after "
		"it, and an exception or an abort linked to it. What was free, held and there "
		"tells ten ways apart.\n"
		"Mistaken for it: TensorFlow's back-off (each try 0.9 of the one before, then "
		"success), memory that TensorFlow takes in advance, a limit on the address space, "
		"SIGKILL.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/8170 "
		   "https://github.com/jax-ml/jax/issues/17217",
};
