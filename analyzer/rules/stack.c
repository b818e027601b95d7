/* SPDX-License-Identifier: MIT */
/*
 * The stack of a thread came to its end. Proof is where the fault lies: just below the thread's
 * stack (or in its guard), and close to the stack pointer. A null pointer or a wild one is
 * neither. Also here: stacks so large that threads cannot be made.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define KIB	1024ull
#define MIB	(1024 * KIB)

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Below the low end that is known of this stack, by no more than a guard and a big frame. */
static bool below_bounds(const struct model *m, uint64_t guard)
{
	const struct ks_crash *c = m->crash.raw;
	uint64_t at = m->crash.address;

	return c->stack_low && at < c->stack_low + 64 * KIB && at + guard + MIB >= c->stack_low;
}

/* The maps say it: nothing or a guard at the address, and the stack right above. */
static bool below_mapping(const struct model *m)
{
	uint64_t at = m->crash.address, next = UINT64_MAX;
	const struct mapping *above = NULL;

	if (m->crash.map_address && m->crash.map_address->perms[0] != '-' && m->crash.map_address->perms[1] != '-')
		return false;
	for (size_t i = 0; i < m->nmaps; i++) {
		const struct mapping *map = &m->maps[i];

		if (map->start > at && map->start < next && map->perms[1] == 'w') {
			next = map->start;
			above = map;
		}
	}
	return above && next - at <= 2 * MIB && m->crash.sp + 64 * KIB >= at && m->crash.sp < above->end;
}

/* What the program asked for: the recorder has made the stack a little larger, for its own use. */
static uint64_t asked_for(const struct model *m, uint64_t whole)
{
	const struct event *e = NULL;

	while ((e = model_last(m, KS_thread_start, m->crash.tid, e))) {
		const uint64_t size = FIELD(e, thread_start, stack_size);

		if (size && whole > size && whole - size <= 128 * KIB)
			return size;
	}
	return whole;
}

static enum confidence match_overflow(const struct model *m, struct finding *f)
{
	const struct ks_crash *c = m->crash.raw;
	bool main;

	if (!m->crash.present || m->crash.repaired || c->code <= 0)
		return NO_MATCH;
	if (!end_is_signal(m, SIGSEGV) && !end_is_signal(m, SIGBUS))
		return NO_MATCH;
	main = m->crash.tid == m->pid;
	f->thread = m->crash.thread;
	f->number[0] = main;
	f->number[1] = c->stack_high > c->stack_low ? asked_for(m, c->stack_high - c->stack_low) : 0;
	f->number[2] = c->stack_low;
	/* A call or push writes at the stack pointer; big frames probe a little away from it. */
	if (distance(m->crash.address, m->crash.sp) > MIB)
		return NO_MATCH;
	if (below_bounds(m, main ? MIB : f->thread ? f->thread->guard_size : 0))
		return PROVEN;
	if (c->stack_low && !(main && m->crash.address >= c->stack_low))
		return NO_MATCH;
	return below_mapping(m) ? PROVEN : NO_MATCH;
}

/* What reads or writes nested data by calling itself for each level; the word for that data. */
static const struct nested {
	const char *module, *words;
} nested[] = {
	{ "_json", "the data that json reads or writes" }, { "_pickle", "the object that pickle reads or writes" },
	{ "orjson", "the data that orjson reads or writes" }, { "ujson", "the data that ujson reads or writes" },
	{ "_yaml", "the YAML data" }, { "pyexpat", "the XML data" }, { "_elementtree", "the XML data" }, { "etree", "the XML data" },
	{ "_ujson", "the data" }, { "msgpack", "the data that msgpack reads or writes" }, { "_cmsgpack", "the data that msgpack reads or writes" },
};

/* The module whose functions fill the innermost part of the stack; NULL. */
static const struct nested *nested_data(const struct model *m)
{
	const struct stack *s = m->crash.stack;

	for (size_t k = 0; k < sizeof(nested) / sizeof(nested[0]); k++) {
		size_t n = 0;

		for (size_t i = 0; s && i < s->n && i < 32; i++)
			n += module_like(s->frames[i].module, nested[k].module);
		if (n > 2)
			return &nested[k];
	}
	return NULL;
}

/* The Python function that fills the most frames. */
static const struct py_frame *recursion(const struct thread *t, size_t *times)
{
	const struct py_frame *most = NULL;

	*times = 0;
	for (size_t i = 0; t && i < t->npython && i < 200; i++) {
		size_t n = 0;

		for (size_t k = 0; k < t->npython; k++) {
			const char *a = t->python[i].function, *b = t->python[k].function;

			n += a && b && strcmp(a, b) == 0;
		}
		if (n > *times) {
			*times = n;
			most = &t->python[i];
		}
	}
	return most;
}

/* The native function that fills the most frames. */
static const struct frame *native_recursion(const struct stack *s, size_t *times)
{
	const struct frame *most = NULL;

	*times = 0;
	for (size_t i = 0; s && i < s->n && i < 200; i++) {
		size_t n = 0;

		for (size_t k = 0; s->frames[i].raw && k < s->n; k++)
			n += s->frames[k].raw && strcmp(s->frames[k].raw, s->frames[i].raw) == 0;
		if (n > *times) {
			*times = n;
			most = &s->frames[i];
		}
	}
	return most;
}

static void tell_recursion(const struct model *m, struct finding *f)
{
	size_t times, native;
	const struct py_frame *py = recursion(f->thread, &times);
	const struct frame *frame = native_recursion(m->crash.stack, &native);

	if (py && times > 2)
		finding_say(f, "The Python function %s (%s:%d) called itself again and again.", py->function, py->file ? py->file : "?",
			    py->line);
	else if (frame && native > 9)
		finding_say(f, "It is native code that called itself again and again, with no call of Python between: %s. Python's own limit on "
			       "recursion does not count such calls.", frame_words(f->arena, frame));
}

static void explain_overflow(const struct model *m, struct finding *f)
{
	const char *name = f->thread && f->thread->name[0] ? f->thread->name : NULL;
	const char *whose = f->number[0] ? "the main thread"
			    : name	 ? arena_printf(f->arena, "the thread \"%s\"", name)
					 : "a thread";
	const char *size = f->number[1] ? size_text(f->arena, f->number[1]) : NULL;
	const struct nested *data = nested_data(m);

	if (data)
		finding_title(f, "%c%s is nested too deeply: the stack of %s overflowed", toupper((unsigned char)*data->words), data->words + 1,
			      whose);
	else
		finding_title(f, "Calls were nested too deeply: the stack of %s overflowed", whose);
	finding_cite(f, m->crash.record, m->ending.time, "%s at 0x%llx, stack pointer 0x%llx, stack from 0x%llx to 0x%llx",
		     signal_word(m->ending.signal), (unsigned long long)m->crash.address, (unsigned long long)m->crash.sp,
		     (unsigned long long)f->number[2], (unsigned long long)m->crash.raw->stack_high);
	finding_say(f, "Each call takes room on the stack until it returns, and the stack of %s%s%s was used up.", whose,
		    size ? ", which has " : "", size ? arena_printf(f->arena, "%s,", size) : "");
	if (data)
		finding_say(f, "For each level of the data one more call is made in native code, where Python's own limit on recursion does "
			       "not look.");
	else
		tell_recursion(m, f);
	if (data)
		finding_fix(f, "Look at the data: is it meant to have thousands of levels, or does it hold itself? Make it flatter (a list with "
			       "references instead of objects within objects), or refuse what is nested too deeply.");
	else
		finding_fix(f, "Look for a recursion that does not end, or turn it into a loop; do not raise sys.setrecursionlimit() beyond what "
			       "the stack holds.");
	if (f->number[0]) {
		howto_ulimit(m, f, RLIMIT_STACK, "s", "stack",
			     arena_printf(f->arena, "%llu", f->number[1] ? (unsigned long long)(f->number[1] / 1024 * 8) : 65536ull));
	} else {
		finding_fix(f, "Or give threads a larger stack, in a line before the thread is made:");
		finding_run(f, "import threading; threading.stack_size(%llu)",
			    f->number[1] ? (unsigned long long)(f->number[1] * 8 & ~4095ull) : 268435456ull);
	}
}

const struct rule rule_stack_overflow = {
	.id = "stack.overflow",
	.title = "A thread's stack overflowed",
	.match = match_overflow,
	.explain = explain_overflow,
	.page = "Calls were nested more deeply than the stack holds: endless or deep recursion, "
		"mostly with a raised recursion limit.\n"
		"Proof: SIGSEGV whose address lies just below the thread's stack, or in its guard "
		"page, and close to the stack pointer.\n"
		"Mistaken for it: any SIGSEGV in deep code. A null or wild pointer is elsewhere.",
	.sources = "https://github.com/python/cpython/issues/96222 "
		   "https://github.com/pytorch/pytorch/issues/127622",
};

/* --- stack.limit-too-large: threads fail because each asks for a huge stack --- */

static enum confidence match_large(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_thread_failed, f->context->tid, NULL);
	uint64_t limit = model_limit(m, RLIMIT_STACK), size;

	if (!e || FIELD_SIGNED(e, thread_failed, error) == EPERM || m->ending.kind == END_RUNNING)
		return NO_MATCH;
	size = FIELD(e, thread_failed, stack_size);
	f->event = e;
	f->number[0] = size;
	f->number[1] = FIELD(e, thread_failed, threads);
	f->number[2] = limit;
	if (size < 256 * MIB || (limit != UNKNOWN && limit / 2 > size))
		return NO_MATCH;
	/* Another limit explains it better: the rule of that limit says so. */
	if (FIELD(e, thread_failed, pids_max) != UNKNOWN &&
	    FIELD(e, thread_failed, pids_current) + 1 >= FIELD(e, thread_failed, pids_max))
		return NO_MATCH;
	if (!end_is_death(m) && !f->context->error.uncaught && m->ending.kind != END_EXIT) {
		f->why_not = "the program went on without that thread";
		return SEEN;
	}
	for (const struct event *map = NULL; (map = model_last(m, KS_map_failed, e->tid, map));) {
		if (e->time - map->time < 100000000 && FIELD(map, map_failed, size) >= size)
			return PROVEN;
	}
	return size * (f->number[1] + 1) > (1ull << 46) || size >= 1024 * MIB ? PROVEN : LIKELY;
}

/* The variable that asked for such stacks, where it was not ulimit -s: OpenMP runtimes have their own. */
static const char *stack_variable(const struct model *m)
{
	static const char *const names[] = { "KMP_STACKSIZE", "OMP_STACKSIZE", "GOMP_STACKSIZE", NULL };

	for (int i = 0; names[i]; i++) {
		if (model_env(m, names[i]))
			return names[i];
	}
	return NULL;
}

static void explain_asked(const struct model *m, struct finding *f)
{
	const char *name = stack_variable(m), *value = name ? model_env(m, name) : NULL;
	const char *size = size_text(f->arena, f->number[0]);
	const struct module *caller = model_module_at(m, FIELD(f->event, thread_failed, caller));

	finding_title(f, "A thread could not be made: it was to have a stack of %s", size);
	finding_cite(f, f->event->record, f->event->time, "pthread_create failed; stack of %s, %llu threads", size,
		     (unsigned long long)f->number[1]);
	finding_say(f, "%s wanted a thread with a stack of %s, and the system refused it. It is not ulimit -s that asks for so much%s.",
		    caller ? software_file(f->arena, caller) : "The program", size,
		    f->number[2] == UNKNOWN ? "" : arena_printf(f->arena, ", which is %s", size_text(f->arena, f->number[2])));
	if (!name) {
		finding_fix(f, "Look where the size is set (threading.stack_size, or an option of the library), and ask for less: 8 MiB is usual.");
		return;
	}
	finding_say(f, "%s is set to \"%s\" in this process: the OpenMP runtime takes the size of its threads' stacks from it.", name, value);
	howto_unset(m, f, arena_printf(f->arena, "Take %s away (it is \"%s\"; 16M is plenty)", name, value), name);
}

static void explain_large(const struct model *m, struct finding *f)
{
	const char *start = start_command(m, f->arena);

	if (f->number[2] != UNKNOWN ? f->number[2] < f->number[0] / 2 : stack_variable(m) != NULL) {
		explain_asked(m, f);
		return;
	}
	finding_title(f, "A thread could not be made: the stack limit gives each thread %s", size_text(f->arena, f->number[0]));
	finding_cite(f, f->event->record, f->event->time, "pthread_create failed; stack of %s, %llu threads",
		     size_text(f->arena, f->number[0]), (unsigned long long)f->number[1]);
	finding_say(f,
		    "Each new thread gets a stack as large as the limit (ulimit -s), %s here; with "
		    "%llu threads there already, the system "
		    "refused another one.",
		    size_text(f->arena, f->number[0]), (unsigned long long)f->number[1]);
	finding_fix(f, "Set the usual limit in the shell that starts %s, before it does:", m->is_kernel ? "Jupyter" : "the program");
	finding_run(f, "ulimit -s 8192%s%s", start ? "; " : "", start ? start : "");
}

const struct rule rule_stack_limit_too_large = {
	.id = "stack.limit-too-large",
	.title = "Threads cannot be made because the stack limit is huge",
	.match = match_large,
	.explain = explain_large,
	.page = "ulimit -s is also the size of every thread's stack; a huge one times many threads "
		"cannot be mapped.\n"
		"Proof: pthread_create failed on the thread that ended, with the stack size of the "
		"limit; the mapping of that size failed.\n"
		"Mistaken for it: the number of processes (OpenBLAS prints RLIMIT_NPROC whatever "
		"happened).",
	.sources = "https://github.com/OpenMathLib/OpenBLAS/issues/4762",
};
