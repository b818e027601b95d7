/* SPDX-License-Identifier: MIT */
/*
 * A request for memory failed and the program did not survive it: a limit on the address space,
 * or a size that could not be had. The proof is arithmetic: what was in use, what was asked for,
 * what the limit was, all recorded at the failure; and a link of that request to the end.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define LOW_2GB	0x40	/* x86_64: MAP_32BIT */

struct request {			/* a failed one, whatever event told of it */
	const struct event *event;
	uint64_t size, vsize, limit, available, caller;
	const char *function;
};

static struct request request_of(const struct event *e)
{
	struct request r = { .event = e, .available = UNKNOWN };

	switch (e->number) {
	case KS_alloc_failed:
		r.size = FIELD(e, alloc_failed, size);
		r.vsize = FIELD(e, alloc_failed, vsize);
		r.limit = FIELD(e, alloc_failed, as_limit);
		r.available = FIELD(e, alloc_failed, mem_available);
		r.caller = FIELD(e, alloc_failed, caller);
		r.function = FIELD_TEXT(e, alloc_failed, function);
		break;
	case KS_map_failed:
		r.size = FIELD(e, map_failed, size);
		r.vsize = FIELD(e, map_failed, vsize);
		r.limit = FIELD(e, map_failed, as_limit);
		r.caller = FIELD(e, map_failed, caller);
		r.function = FIELD_TEXT(e, map_failed, function);
		break;
	case KS_thread_failed:
		r.size = FIELD(e, thread_failed, stack_size);
		r.vsize = FIELD(e, thread_failed, vsize);
		r.limit = FIELD(e, thread_failed, as_limit);
		r.caller = FIELD(e, thread_failed, caller);
		r.function = "pthread_create";
		break;
	}
	return r;
}

/*
 * ENOMEM has other reasons than a lack of memory, which programs live with (mprotect(2), mmap(2), mremap(2)): pages that
 * are not mapped at all, no room where a mapping has to stay, none below 2 GiB, no huge pages set aside. What takes no
 * new memory is never refused for a lack of it.
 */
static bool map_wants_memory(const struct model *m, const struct event *e)
{
	const char *function = FIELD_TEXT(e, map_failed, function), *overcommit = model_info(m, "overcommit");
	uint64_t flags = FIELD(e, map_failed, flags);

	if (!function || FIELD_SIGNED(e, map_failed, error) != -ENOMEM)
		return false;
	if (strcmp(function, "mprotect") == 0)
		return (FIELD(e, map_failed, protection) & PROT_WRITE) &&
		       ((overcommit && *overcommit == '2') || model_limit(m, RLIMIT_DATA) != UNKNOWN);
	if (strcmp(function, "mremap") == 0)
		return flags & MREMAP_MAYMOVE;
	return !(flags & MAP_HUGETLB) && !(m->arch == KS_ARCH_X86_64 && (flags & LOW_2GB));
}

static bool was_enomem(const struct model *m, const struct event *e)
{
	if (e->number == KS_map_failed)
		return map_wants_memory(m, e);
	if (e->number == KS_thread_failed)
		return FIELD_SIGNED(e, thread_failed, error) == EAGAIN ||
		       FIELD_SIGNED(e, thread_failed, error) == ENOMEM;
	return true;
}

/* For a small block glibc asks the kernel for 128 KiB more, in pages (malloc/malloc.c: sysmalloc,
 * M_TOP_PAD). */
#define TOP_PAD	((128u << 10) + 2 * 4096)

/* A size that no machine has: a mistake, whatever the limit. */
static bool is_absurd(uint64_t size, uint64_t available)
{
	return size > 1ull << 47 || (available != UNKNOWN && available && size / 16 > available);
}

static bool over_limit(const struct request *r)
{
	const uint64_t pad = r->event->number == KS_alloc_failed ? TOP_PAD : 0;

	return r->limit && r->limit != UNKNOWN && !is_absurd(r->size, r->available) &&
	       (r->size > r->limit || r->vsize > r->limit - r->size ||
		r->limit - r->size - r->vsize < pad);
}

/*
 * The limit on data (anonymous memory that can be written, since Linux 4.7): how much of it was in
 * use is not known, but it is less than the whole address space; and nothing else refuses a
 * request that the machine has memory for.
 */
static bool over_data(const struct model *m, const struct request *r)
{
	uint64_t limit = model_limit(m, RLIMIT_DATA);
	const char *overcommit = model_info(m, "overcommit");

	return limit != UNKNOWN && limit && !over_limit(r) && !is_absurd(r->size, r->available) &&
	       (r->size > limit || r->vsize > limit - r->size) &&
	       !(overcommit && *overcommit == '2') &&
	       (r->available == UNKNOWN || r->available / 4 > r->size);
}

/* What the top of Python or of C++ says when a request of this thread failed. */
static bool says_no_memory(const struct model *m, const struct context *c, const struct event *e)
{
	const struct py_error *error = &c->error;
	const char *type = m->crash.exception_type;

	if (e->tid != c->tid)
		return false;
	if (error->uncaught && m->ending.time - e->time < 60000000000)
		return strstr(error->type, "MemoryError") ||
		       strstr(error->text, "Cannot allocate memory") ||
		       strstr(error->text, "can't start new thread") ||
		       strstr(error->text, "bad_alloc") ||
		       strstr(error->text, "memory allocation failed") ||
		       ((strstr(error->text, "OOM when allocating") || strstr(error->text, "RESOURCE_EXHAUSTED: Out of memory")) &&
			!strstr(error->text, "GPU"));
	return m->ending.kind == END_ABORT && type &&
	       (strstr(type, "bad_alloc") || strstr(type, "system_error")) &&
	       m->ending.time - e->time < 5000000000;
}

/* The failed request that is linked to the end. */
static enum confidence find_request(const struct model *m, struct finding *f, struct request *best,
				    bool limited)
{
	static const uint32_t kinds[] = { KS_alloc_failed, KS_map_failed, KS_thread_failed };
	enum confidence confidence = NO_MATCH;

	for (size_t i = 0; i < 3; i++) {
		for (const struct event *e = NULL; (e = model_last(m, kinds[i], 0, e));) {
			struct request r = request_of(e);
			enum confidence now;

			if (!was_enomem(m, e) || (over_limit(&r) || over_data(m, &r)) != limited ||
			    (!limited && e->number == KS_thread_failed))
				continue;
			now = says_no_memory(m, f->context, e)
				      ? PROVEN
				      : failure_link(m, f->context, e, r.caller);
			if (now > confidence) {
				confidence = now;
				*best = r;
			}
		}
	}
	return confidence;
}

static void keep(struct finding *f, const struct model *m, const struct request *r)
{
	f->event = r->event;
	f->name = r->function ? r->function : "malloc";
	f->number[0] = r->size;
	f->number[1] = r->vsize;
	f->number[2] = r->limit;
	f->number[3] = r->available;
	f->module = failure_module(m, r->event, r->caller);
}

/* --- mem.address-space-limit --- */

#define LARGE_LIBRARY	(1ull << 30)	/* libtensorflow_cc, libtorch_cuda and libcudnn reach this size */

/* A library could not be mapped, under a limit that it does not fit in. */
static enum confidence match_load(const struct model *m, struct finding *f)
{
	const struct bad_load *bad = &f->context->bad_load;
	uint64_t limit = model_limit(m, RLIMIT_AS), need = 0, vsize = 0;
	const struct event *e;

	if (!bad->load || limit == UNKNOWN || !limit)
		return NO_MATCH;
	if (bad->words.fault != LOADER_MAP && bad->words.fault != LOADER_NO_MEMORY)
		return NO_MATCH;
	if (strstr(bad->load->error, "not permitted") ||
	    strstr(bad->load->error, "Permission denied"))
		return NO_MATCH;
	f->load = bad->load;
	f->path = bad->words.file;
	e = bad->load->refused;
	if (e)
		need = FIELD(e, load_refused, need_size);
	for (size_t i = 0; i < m->ncheckpoints; i++) {
		if (m->checkpoints[i].vsize != UNKNOWN &&
		    m->checkpoints[i].time <= bad->load->begin + 5000000000)
			vsize = m->checkpoints[i].vsize;
	}
	f->number[0] = need;
	f->number[1] = vsize;
	f->number[2] = limit;
	f->number[3] = UNKNOWN;
	f->name = "loading";
	if (need > limit || (vsize && vsize < limit && need > limit - vsize))
		return bad->confidence;
	/*
	 * Where the file could be mapped at all, the loader's mmap is refused for want of address
	 * space alone: permissions and mounts have words of their own. A limit far above what
	 * was mapped and what a library takes proves nothing.
	 */
	return vsize > limit / 2 || limit < LARGE_LIBRARY * 4 ? bad->confidence : LIKELY;
}

static enum confidence match_limit(const struct model *m, struct finding *f)
{
	struct request r;
	enum confidence c = match_load(m, f);

	if (c != NO_MATCH)
		return c;
	c = find_request(m, f, &r, true);
	if (c != NO_MATCH) {
		keep(f, m, &r);
		f->number[4] = over_data(m, &r) ? model_limit(m, RLIMIT_DATA) : 0;
		return c;
	}
	for (const struct event *e = NULL; (e = model_last(m, KS_alloc_failed, 0, e));) {
		r = request_of(e);
		if (over_limit(&r)) {
			keep(f, m, &r);
			finding_title(f, "a request for %s failed under a limit of %s",
				      size_text(f->arena, r.size), size_text(f->arena, r.limit));
			f->why_not = "the program went on after it";
			return SEEN;
		}
	}
	return NO_MATCH;
}

static void explain_data(const struct model *m, struct finding *f)
{
	struct arena *a = f->arena;

	finding_title(f, "The limit on the process's data (%s) is reached", size_text(a, f->number[4]));
	finding_cite(f, f->event->record, f->event->time, "%s of %llu bytes failed; RLIMIT_DATA is %llu", f->name,
		     (unsigned long long)f->number[0], (unsigned long long)f->number[4]);
	finding_say(f, "%s asked for %s with %s and did not get them%s.",
		    f->module ? software_file(f->arena, f->module) : "The program", size_text(a, f->number[0]), f->name,
		    f->number[3] == UNKNOWN ? "" :
					      arena_printf(a, ", although the machine had %s available",
							   size_text(a, f->number[3])));
	finding_say(f, "RLIMIT_DATA (ulimit -d) is %s: a process may not have more memory of its own than that.",
		    size_text(a, f->number[4]));
	howto_ulimit(m, f, RLIMIT_DATA, "d", "data", "unlimited");
	howto_less_memory(m, f, "Or");
}

static void explain_limit(const struct model *m, struct finding *f)
{
	struct arena *a = f->arena;
	const char *limit = size_text(a, f->number[2]);

	if (f->confidence == SEEN)
		return;
	if (f->number[4]) {
		explain_data(m, f);
		return;
	}
	if (f->load) {
		const struct event *record = f->load->ended ? f->load->ended : f->load->began;

		finding_title(f, "The limit on memory addresses (ulimit -v, %s) is too small to load %s", limit,
			      software_of_path(f->arena, f->path));
		finding_cite(f, record ? record->record : 0, f->load->begin,
			     "loading %s failed: %s", f->load->path ? f->load->path : "",
			     f->load->error);
		if (f->number[0])
			finding_say(f, "Its file %s takes %s of address space.", base_name(f->path), size_text(a, f->number[0]));
		finding_say(f, "The loader could not map %s. The file is whole; there was no address space left for it.", f->path);
	} else {
		finding_title(f, "The limit on memory addresses (ulimit -v, %s) is reached", limit);
		finding_cite(f, f->event->record, f->event->time,
			     "%s of %llu bytes failed; address space in use %llu, limit (RLIMIT_AS) %llu",
			     f->name, (unsigned long long)f->number[0],
			     (unsigned long long)f->number[1], (unsigned long long)f->number[2]);
		finding_say(f, "%s asked for %s more (with %s) when %s of addresses were in use.",
			    f->module ? software_of(f->arena, f->module) : "The program",
			    size_text(a, f->number[0]), f->name, size_text(a, f->number[1]));
	}
	finding_say(f, "The limit (RLIMIT_AS) counts the address space that is mapped or set aside, which is more than what is really used; "
		       "the machine's memory is another matter.");
	if (f->number[3] != UNKNOWN && f->number[0] > f->number[3]) {
		finding_say(f, "Without the limit it would not fit either: the machine had %s available.", size_text(a, f->number[3]));
		finding_fix(f, "Ask for less at a time (chunks, another dtype, memory-mapped files): %s is more than "
			       "this machine has.", size_text(a, f->number[0]));
	}
	howto_ulimit(m, f, RLIMIT_AS, "v", "as", "unlimited");
}

const struct rule rule_mem_address_space_limit = {
	.id = "mem.address-space-limit",
	.title = "The limit on the address space is reached",
	.match = match_limit,
	.explain = explain_limit,
	.page = "RLIMIT_AS (ulimit -v, limits.conf \"as\", a batch system) is too small for the "
		"libraries or the data.\n"
		"Proof: arithmetic. What was mapped and what was asked for exceed the limit; and "
		"the request is linked to the end.\n"
		"Mistaken for it: a lack of RAM, a limit on threads, a full GPU (the driver needs "
		"much address space).",
	.sources = "https://github.com/tensorflow/tensorflow/issues/37449 "
		   "https://github.com/krlmlr/ulimit/issues/5",
};

/* --- mem.bad-alloc --- */

static enum confidence match_alloc(const struct model *m, struct finding *f)
{
	struct request r;
	enum confidence c = find_request(m, f, &r, false);
	const char *type = m->crash.exception_type;

	f->number[3] = UNKNOWN;
	if (c != NO_MATCH && (r.event->number != KS_map_failed || (f->context->error.uncaught) ||
			      m->ending.kind == END_ABORT)) {
		keep(f, m, &r);
		return c;
	}
	if (m->ending.kind == END_ABORT && type &&
	    (strstr(type, "std::bad_alloc") || strstr(type, "bad_array_new_length"))) {
		f->module = f->context->blame ? f->context->blame->module : NULL;
		return PROVEN;
	}
	if (f->context->error.uncaught && strstr(f->context->error.type, "MemoryError")) {
		f->text = f->context->error.text;
		return PROVEN;
	}
	return NO_MATCH;
}

static void explain_alloc(const struct model *m, struct finding *f)
{
	struct arena *a = f->arena;
	bool absurd = is_absurd(f->number[0], f->number[3]);

	if (f->event) {
		finding_title(f, "A request for %s of memory failed%s", size_text(a, f->number[0]),
			      absurd ? ", a size that cannot be meant" : "");
		finding_cite(f, f->event->record, f->event->time,
			     "%s(%llu) failed; %s of memory was available", f->name,
			     (unsigned long long)f->number[0],
			     f->number[3] == UNKNOWN ? "an unknown amount"
						     : size_text(a, f->number[3]));
		finding_say(f, "%s asked for %llu bytes (%s) and did not get them.",
			    f->module ? software_file(f->arena, f->module) : "The program",
			    (unsigned long long)f->number[0], size_text(a, f->number[0]));
		if (absurd)
			finding_say(f, "No machine has that: the size is a mistake (a negative "
				       "number, an overflow, a damaged shape or file), "
				       "not a lack of memory.");
		else if (f->number[3] != UNKNOWN && f->number[3])
			finding_say(f, "%s was available at that time.",
				    size_text(a, f->number[3]));
	} else if (f->text) {
		finding_title(f, "A request for memory failed (MemoryError)");
		finding_say(f, "Python raised MemoryError%s%.200s%s", *arena_line(a, f->text) ? ", with the words: " : "", arena_line(a, f->text),
			    *arena_line(a, f->text) ? "" : ": it asked for memory and did not get it.");
	} else {
		finding_title(f, "A C++ library asked for memory that it could not have "
				 "(std::bad_alloc)");
		finding_say(f, "The size was not seen: the request did not come through malloc.");
	}
	if (m->crash.exception_type)
		finding_cite(f, m->crash.record, m->ending.time, "uncaught C++ exception %s",
			     m->crash.exception_type);
	if (m->crash.exception_type)
		finding_say(
			f, "%s threw %s; nobody caught it, so the C++ runtime aborted the process.",
			f->module ? software_file(f->arena, f->module) : "A library", m->crash.exception_type);
	if (absurd)
		finding_fix(f, "Check the shapes and sizes that are handed to %s.",
			    f->module ? software_of(f->arena, f->module) : "the library");
	else
		howto_less_memory(m, f, "Let it");
	if (!absurd)
		finding_fix(f, "Or run it on a machine with more memory.");
}

const struct rule rule_mem_bad_alloc = {
	.id = "mem.bad-alloc",
	.title = "A request for memory failed",
	.match = match_alloc,
	.explain = explain_alloc,
	.page = "A C++ library threw std::bad_alloc that nobody caught, or Python's MemoryError "
		"ended the program.\n"
		"Proof: the exception's type read from the C++ runtime, or Python's exception, and "
		"the failed request with its size.\n"
		"Mistaken for it: \"out of RAM\". An absurd size means a damaged or negative "
		"number; a limit on address space is another cause.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/9487 "
		   "https://github.com/ljanyst/ssd-tensorflow/issues/8",
};
