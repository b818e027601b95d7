/* SPDX-License-Identifier: MIT */
/*
 * Memory of the GPU. A failed request is a cause only where nothing of the kind went well
 * afterwards on that thread (a back-off, a retry after freeing) and the end is linked to it.
 * Which of the ten ways it was is arithmetic: the request, what was free, what this process
 * held, and the device's size, as they stood at that moment.
 */
#include "analyzer/rules/cuda.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define MIB	(1024ull * 1024)

enum shortage {			/* which way a request can fail */
	OTHER_PROCESS, PREALLOCATED, OVERSUBSCRIBED, FRAGMENTED, ABSURD, PINNED, WORKSPACE, NOT_TOLD,
};

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

/* The biggest block that this process got, in bytes. */
static uint64_t biggest(const struct model *m)
{
	const struct event *e = NULL;
	uint64_t most = 0;

	while ((e = model_next(m, KS_cuda_alloc, 0, e)))
		if ((FIELD(e, cuda_alloc, kind) & 0xff) <= KS_GPU_PHYSICAL && FIELD(e, cuda_alloc, size) > most)
			most = FIELD(e, cuda_alloc, size);
	return most;
}

static enum shortage which(const struct model *m, const struct event *e, const struct gpu *g)
{
	uint64_t size = FIELD(e, cuda_alloc_failed, size), free_bytes = FIELD(e, cuda_alloc_failed, free);
	uint64_t total = FIELD(e, cuda_alloc_failed, total), live = FIELD(e, cuda_alloc_failed, live_device);
	const struct frame *caller = cuda_caller(e);

	if ((FIELD(e, cuda_alloc_failed, kind) & 0xff) == KS_GPU_PINNED)
		return PINNED;
	if (total == UNKNOWN && g->total != UNKNOWN)
		total = g->total;
	if (total == UNKNOWN || free_bytes == UNKNOWN)
		return NOT_TOLD;
	if (size > total)
		return ABSURD;
	if (size <= free_bytes)
		return FRAGMENTED;
	if (biggest(m) > total / 2)
		return PREALLOCATED;
	if (total - free_bytes > live + total / 4 && live < total / 2)
		return OTHER_PROCESS;
	if (caller && size <= 64 * MIB && (module_like(caller->module, "libcublas") || module_like(caller->module, "libcudnn")))
		return WORKSPACE;
	return OVERSUBSCRIBED;
}

static enum confidence match_oom(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_cuda_alloc_failed, 0, NULL);
	enum confidence linked;
	struct gpu g = gpu_look(m, f->context->tid);

	if (!e || FIELD_SIGNED(e, cuda_alloc_failed, result) != 2)
		return NO_MATCH;
	f->event = e;
	f->number[0] = (uint64_t)which(m, e, &g);
	f->number[1] = g.total;
	f->number[2] = FIELD(e, cuda_alloc_failed, live_device);
	f->number[3] = biggest(m);
	if (recovered(m, e)) {
		f->why_not = "a smaller or repeated request was granted afterwards: a back-off, as allocators do";
		return SEEN;
	}
	linked = cuda_link(m, f, model_last(m, KS_cuda_failed, e->tid, NULL));
	if (linked == SEEN && m->ending.kind != END_CLEAN && f->context->error.uncaught &&
	    (error_says(f->context, "OUT_OF_MEMORY") || error_says(f->context, "out of memory") ||
	     error_says(f->context, "RESOURCE_EXHAUSTED")))
		return PROVEN;
	if (linked == SEEN)
		f->why_not = "the program went on after it";
	return linked;
}

static void say_which(struct finding *f, enum shortage way, const struct event *e)
{
	struct arena *a = f->arena;
	uint64_t size = FIELD(e, cuda_alloc_failed, size), free_bytes = FIELD(e, cuda_alloc_failed, free);
	const char *live = size_text(a, f->number[2]), *total = size_text(a, f->number[1]);
	const char *room = free_bytes == UNKNOWN ? "an unknown amount" : size_text(a, free_bytes);

	switch (way) {
	case OTHER_PROCESS:
		finding_say(f,
			    "This process held only %s of the device's %s, yet just %s was free: "
			    "other processes hold the rest (often another notebook's kernel).",
			    live, total, room);
		finding_fix(f, "See who holds it with nvidia-smi, and shut down the other "
			       "notebooks' kernels (or the old process) that use this GPU.");
		break;
	case PREALLOCATED:
		finding_say(f,
			    "One block of %s, more than half of the device, belongs to this "
			    "process already: a framework that takes the memory in advance "
			    "(TensorFlow and JAX do). %s was free for what came after.",
			    size_text(a, f->number[3]), room);
		finding_fix(f, "Let the framework take memory as it needs it: "
			       "TF_FORCE_GPU_ALLOW_GROWTH=true for TensorFlow, "
			       "XLA_PYTHON_CLIENT_PREALLOCATE=false for JAX.");
		break;
	case ABSURD:
		finding_say(f,
			    "The request is larger than the whole device (%s): no setting can "
			    "satisfy it. A shape is most likely not what was meant.",
			    total);
		finding_fix(f,
			    "Look at the shapes: a single tensor of %s was asked for. Use a "
			    "smaller batch, or split it.",
			    size_text(a, size));
		break;
	case FRAGMENTED:
		finding_say(f, "%s was free, which is more than the request: not in one piece, or reserved by the driver.", room);
		finding_fix(f, "For PyTorch try PYTORCH_ALLOC_CONF=expandable_segments:True; "
			       "release caches (torch.cuda.empty_cache()) and restart the kernel.");
		break;
	case PINNED:
		finding_say(f, "It is memory of the host that the GPU was to reach (pinned): the "
			       "GPU's own memory has nothing to do with it.");
		finding_fix(f, "Allow more locked memory (ulimit -l unlimited) or more RAM for the "
			       "container; use fewer data-loading workers, or pin_memory=False.");
		break;
	case WORKSPACE:
		finding_say(f,
			    "It was the working space of a library (%s): nothing was left for it. "
			    "This process held %s of %s.",
			    module_name(cuda_caller(e)->module), live, total);
		finding_fix(f, "Leave room for cuBLAS and cuDNN: a smaller batch or model, or "
			       "memory growth instead of taking all in advance.");
		break;
	case OVERSUBSCRIBED:
		finding_say(f,
			    "This process itself held %s of the device's %s, and %s was free: it "
			    "needs more than there is.",
			    live, total, room);
		finding_fix(f, "Use a smaller batch or model, and release what is no longer needed "
			       "(del the arrays that earlier cells keep) before the next step.");
		break;
	case NOT_TOLD:
		finding_say(f, "How much was free is not known. This process held %s.", live);
		finding_fix(f, "Use a smaller batch, release what is no longer needed (del), and "
			       "look at nvidia-smi for other processes.");
		break;
	}
}

static void explain_oom(const struct model *m, struct finding *f)
{
	const struct event *e = f->event;
	const char *function = FIELD_TEXT(e, cuda_alloc_failed, function);
	uint64_t size = FIELD(e, cuda_alloc_failed, size);
	const struct frame *caller = cuda_caller(e);

	finding_title(f, "The GPU had no room for %s", size_text(f->arena, size));
	finding_cite(f, e->record, e->time,
		     "%s of %llu bytes gave 2 (CUDA_ERROR_OUT_OF_MEMORY); this process held %s%s%s",
		     function, (unsigned long long)size, size_text(f->arena, f->number[2]),
		     caller ? "; called by " : "", caller ? module_name(caller->module) : "");
	finding_say(f, "%s was asked for %llu bytes (%s) and refused, and no later request went better.", function,
		    (unsigned long long)size, size_text(f->arena, size));
	say_which(f, (enum shortage)f->number[0], e);
	if (m->is_kernel)
		finding_fix(f, "A restarted kernel has given back all of its GPU memory.");
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

/* --- cuda.address-space-limit --- */

static const struct event *map_failed_within(const struct model *m, const struct event *failure)
{
	const struct event *begun = model_last(m, KS_cuda_enter, failure->tid, failure), *e = failure;

	while ((e = model_last(m, KS_map_failed, failure->tid, e))) {
		if (begun && e->time < begun->time)
			break;
		if (FIELD_SIGNED(e, map_failed, error) == -ENOMEM)
			return e;
	}
	return NULL;
}

static enum confidence match_space(const struct model *m, struct finding *f)
{
	const struct event *e = NULL;
	uint64_t limit = model_limit(m, RLIMIT_AS);
	enum confidence linked;

	if (limit == UNKNOWN)
		return NO_MATCH;
	while ((e = model_next(m, KS_cuda_failed, 0, e))) {
		int code = (int)FIELD_SIGNED(e, cuda_failed, result);
		const struct event *map = code == 2 || code == 304 || code == 999 ? map_failed_within(m, e) : NULL;

		if (!map)
			continue;
		f->event = e;
		f->number[0] = limit;
		f->number[1] = FIELD(map, map_failed, size);
		f->number[2] = FIELD(map, map_failed, vsize);
		f->number[3] = map->record;
		f->number[4] = (uint64_t)map->time;
		linked = cuda_link(m, f, e);
		return linked == LIKELY ? PROVEN : linked;
	}
	return NO_MATCH;
}

static void explain_space(const struct model *m, struct finding *f)
{
	const char *limit = size_text(f->arena, f->number[0]), *function = FIELD_TEXT(f->event, cuda_failed, function);

	(void)m;
	finding_title(f, "The limit on the address space stops the GPU driver");
	finding_cite(f, f->number[3], (int64_t)f->number[4],
		     "mmap of %llu bytes failed with ENOMEM; the process had %llu bytes mapped, "
		     "the limit (RLIMIT_AS) is %llu",
		     (unsigned long long)f->number[1], (unsigned long long)f->number[2],
		     (unsigned long long)f->number[0]);
	cuda_cite(f, f->event);
	finding_say(f,
		    "While %s ran, the driver tried to reserve %s of address space. This process "
		    "may have no more than %s in all (ulimit -v), so the reservation failed.",
		    function, size_text(f->arena, f->number[1]), limit);
	finding_say(f,
		    "The driver reports that as \"out of memory\", although neither the memory of "
		    "the device nor the RAM is short: it needs room for addresses, not memory.");
	finding_fix(f,
		    "Remove the limit before the kernel starts: ulimit -v unlimited (and \"as\" in "
		    "/etc/security/limits.conf, RLIMIT_AS in the service or job that starts it).");
	finding_fix(f, "Limit memory with a cgroup instead, which counts memory and not addresses.");
}

const struct rule rule_cuda_address_space_limit = {
	.id = "cuda.address-space-limit",
	.title = "The limit on the address space stops the GPU driver",
	.match = match_space,
	.explain = explain_space,
	.page = "RLIMIT_AS (ulimit -v) is below what the CUDA driver reserves, and the driver says that it is out of memory.\n"
		"Proof: a mapping failed with ENOMEM on the same thread within the failing driver call, and RLIMIT_AS is finite.\n"
		"Mistaken for it: a GPU without free memory.",
	.sources = "https://github.com/krlmlr/ulimit/issues/5",
};
