/* SPDX-License-Identifier: MIT */
/*
 * Why a cause is not the verdict: its conditions one by one (analyzer/rules/needs.def), each with
 * whether this trace fulfils it; then what the rule itself made of the trace, and what was found
 * in place of what is missing. The rule decides; a condition is necessary and never enough.
 */
#include "analyzer/why_not.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "analyzer/proof.h"
#include "analyzer/report.h"
#include "analyzer/words.h"

static bool fault_of(const struct model *m, int signal)
{
	return m->crash.present && !m->crash.repaired && m->crash.raw->code > 0 && end_is_signal(m, signal);
}

static bool faulted(const struct model *m)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (fault_of(m, signals[i]))
			return true;
	}
	return false;
}

static bool exception_of(const struct context *c, const char *type)
{
	return c->error.uncaught && strstr(c->error.type, type);
}

static bool words_of(const struct model *m, const struct context *c, const char *words)
{
	return error_says(c, words) || model_stderr_line(m, words, true) ||
	       (m->crash.abort_message && strstr(m->crash.abort_message, words));
}

static bool refused_by(const struct context *c, enum loader_fault fault)
{
	return c->bad_load.load && c->bad_load.words.fault == fault;
}

static bool loading(const struct model *m, const struct context *c)
{
	for (size_t i = 0; i < m->nloads; i++) {
		if (m->loads[i].outcome == LOAD_RUNNING && m->loads[i].tid == c->tid)
			return true;
	}
	return false;
}

static bool limited(const struct model *m)
{
	static const uint32_t kinds[] = { KS_alloc_failed, KS_map_failed, KS_thread_failed };

	if (model_limit(m, RLIMIT_AS) != UNKNOWN || model_limit(m, RLIMIT_DATA) != UNKNOWN)
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct event *e = model_last(m, kinds[i], 0, NULL);
		const uint64_t as = !e ? UNKNOWN : kinds[i] == KS_alloc_failed ? FIELD(e, alloc_failed, as_limit) :
				    kinds[i] == KS_map_failed ? FIELD(e, map_failed, as_limit) : FIELD(e, thread_failed, as_limit);

		if (as != UNKNOWN && as)
			return true;
	}
	return false;
}

static bool cgroup_limited(const struct model *m)
{
	for (size_t i = 0; i < m->ncheckpoints; i++) {
		if (m->checkpoints[i].cg_limit != UNKNOWN && m->checkpoints[i].cg_limit)
			return true;
	}
	return false;
}

static bool waits_for_owner(const struct model *m)
{
	for (size_t i = 0; i < m->nthreads; i++) {
		if (m->threads[i].wait.owner)
			return true;
	}
	return false;
}

#define fault(signal)	fault_of(m, signal)
#define ended(what)	(m->ending.kind == (what))
#define raised(type)	exception_of(c, type)
#define says(words)	words_of(m, c, words)
#define any(event)	(model_last(m, event, 0, NULL) != NULL)
#define loaded(name)	(model_module_named(m, name, NULL) != NULL)
#define refused(what)	refused_by(c, what)
#define on_stack(name)	(frame_calling(c->stack, name) != NULL)

struct each {
	const char *cause;
	void (*call)(const char *words, bool holds, void *data);
	void *data;
};

static void one_need(const struct each *e, const char *cause, const char *words, bool holds)
{
	if (strcmp(cause, e->cause) == 0)
		e->call(words, holds, e->data);
}

void needs_each(const struct model *m, const struct context *c, const char *cause,
		void (*call)(const char *words, bool holds, void *data), void *data)
{
	const struct each e = { cause, call, data };

#define NEED(id, words, test) one_need(&e, id, words, test);
#include "analyzer/rules/needs.def"
#undef NEED
}

struct told {
	FILE *out;
	unsigned met, missing;
};

static void tell_need(const char *words, bool holds, void *data)
{
	struct told *t = data;

	t->met += holds;
	t->missing += !holds;
	fprintf(t->out, "  [%s] %s\n", holds ? "yes" : "no ", words);
}

static void tell_memory(const struct model *m, FILE *out)
{
	const struct memory_summary mem = report_memory(m);
	struct arena a = { 0 };

	if (mem.rss != UNKNOWN)
		fprintf(out, "  memory at the last look: %s%s%s%s%s%s\n", size_words(&a, mem.rss),
			mem.available != UNKNOWN ? ", of the machine's available: " : "", mem.available != UNKNOWN ? size_words(&a, mem.available) : "",
			mem.cgroup_limit != UNKNOWN ? ", limit of its container: " : "",
			mem.cgroup_limit != UNKNOWN ? size_words(&a, mem.cgroup_limit) : "",
			mem.as_limit != UNKNOWN ? ", its address space is limited" : "");
	arena_free(&a);
}

/* What it was in place of what is missing: the end, the exception, the failed loads and requests. */
static void tell_found(const struct model *m, const struct context *c, FILE *out)
{
	static const struct { uint32_t number; const char *words; } kinds[] = {
		{ KS_alloc_failed, "failed requests for memory" }, { KS_map_failed, "refused mappings" },
		{ KS_thread_failed, "threads that could not be made" }, { KS_cuda_failed, "refused calls of the GPU's driver" },
		{ KS_file_changed, "loaded files that were changed on disk" }, { KS_child_end, "ends of child processes" },
		{ KS_signal_from, "signals from other processes" },
	};
	unsigned failed = 0;

	fputs("\nWhat there is in this recording:\n", out);
	if (m->crash.present && !m->crash.repaired && m->ending.kind == END_SIGNAL)
		fprintf(out, "  the end: %s (code %d) at address 0x%llx\n", signal_word(m->ending.signal),
			m->crash.raw->code, (unsigned long long)m->crash.address);
	else
		fprintf(out, "  the end: %s%s%s\n", ending_word(m->ending.kind), m->ending.signal ? ", " : "",
			m->ending.signal ? signal_word(m->ending.signal) : "");
	if (c->blame)
		fprintf(out, "  it came from %s\n", frame_text(c->arena, c->blame));
	if (c->error.uncaught)
		fprintf(out, "  exception: %s: %.120s\n", c->error.type, arena_line(c->arena, c->error.text));
	for (size_t i = 0; i < m->nloads; i++)
		failed += m->loads[i].outcome == LOAD_FAILED;
	if (c->bad_load.load)
		fprintf(out, "  a failed load that is linked to the end: %s\n", c->bad_load.load->error);
	else
		fprintf(out, "  failed loads: %u, none of them linked to the end\n", failed);
	tell_memory(m, out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned n = 0;

		for (const struct event *e = NULL; (e = model_next(m, kinds[i].number, 0, e));)
			n++;
		if (n)
			fprintf(out, "  %s: %u\n", kinds[i].words, n);
	}
}

/* The paragraph of a page that says what the proof is. */
static void tell_proof(const struct rule *rule, FILE *out)
{
	const char *proof = rule->page ? strstr(rule->page, "Proof") : NULL;

	if (!proof)	/* of general ones the page says all of it */
		proof = rule->page;
	if (proof)
		fprintf(out, "  %.*s\n", (int)strcspn(proof, "\n"), proof);
}

static void tell_match(const struct verdict *v, const struct finding *f, const struct told *t, FILE *out)
{
	switch (f->confidence) {
	case PROVEN:
	case LIKELY:
		fprintf(out, "\nIt fits this recording (%s), but %s was found: %s.\n", confidence_word(f), v->best.rule->id,
			f->rule->general && !v->best.rule->general ? "that says why, this one only where" :
			f->confidence < v->best.confidence ? "its proof is stronger" : "it is more specific");
		break;
	case SEEN:
		fprintf(out, "\nIt was seen, but it is not the cause: %s.\n",
			f->why_not ? f->why_not : "nothing links it to the end");
		break;
	case NO_MATCH:
		if (t->missing)
			fprintf(out, "\n%u of its conditions %s not fulfilled.\n", t->missing, t->missing == 1 ? "is" : "are");
		else
			fputs("\nWhat is missing is the proof, the link between what was seen and the end:\n", out);
		if (!t->missing)
			tell_proof(f->rule, out);
		break;
	}
}

void why_not(const struct model *m, const struct verdict *v, const struct rule *rule, FILE *out)
{
	struct verdict tried;
	struct told told = { .out = out };

	fprintf(out, "The verdict is %s: %s\n", v->best.rule->id, v->best.title ? v->best.title : v->best.rule->title);
	if (rule == v->best.rule) {
		fprintf(out, "\n%s is the verdict (%s). It demands:\n", rule->id, confidence_word(&v->best));
		needs_each(m, v->context, rule->id, tell_need, &told);
		tell_proof(rule, out);
		return;
	}
	fprintf(out, "\nWhy not %s (%s)?\n", rule->id, rule->title);
	if (strcmp(rule->id, "unknown") == 0) {
		fprintf(out, "It is said where no rule finds a proof, or even a likely cause. Here %s is %s.\n", v->best.rule->id,
			confidence_word(&v->best));
		return;
	}
	rule_try(m, rule, &tried);
	fputs("It demands:\n", out);
	needs_each(m, tried.context, rule->id, tell_need, &told);
	if (!told.met && !told.missing)
		tell_proof(rule, out);
	tell_match(v, &tried.best, &told, out);
	tell_found(m, tried.context, out);
	verdict_free(&tried);
}
