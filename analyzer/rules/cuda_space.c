/* SPDX-License-Identifier: MIT */
/* A limit on addresses that the driver calls a want of memory: RLIMIT_AS. */
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <errno.h>
#include <sys/resource.h>

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
	howto_ulimit(m, f, RLIMIT_AS, "v", "as", "unlimited");
	finding_fix(f, "Whoever wants to limit memory does it with a cgroup (Slurm, systemd, docker), which counts memory and not addresses (RLIMIT_AS).");
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
