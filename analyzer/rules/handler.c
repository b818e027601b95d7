/* SPDX-License-Identifier: MIT */
/*
 * Runtimes that use SIGSEGV on purpose (HotSpot, Julia) need their handler; whoever replaces it
 * turns their ordinary faults into deaths: pytest's faulthandler beside JPype, for instance.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static bool needs_faults(const struct module *module)
{
	return module_like(module, "libjvm") || module_like(module, "libjulia") ||
	       module_like(module, "libsigsegv") || module_like(module, "libart.");
}

/* A fault in a runtime's own code, or in what it compiled. */
static bool in_runtime(const struct model *m, const struct module *runtime)
{
	const struct mapping *map = m->crash.map_pc;

	if (m->crash.module == runtime)
		return true;
	return !m->crash.module && map && map->perms[2] == 'x' && (!map->path || map->path[0] != '/');
}

/* Somebody's handler in place of the runtime's: the first such change. */
static bool find_change(const struct model *m, struct finding *f, int signal, const struct event **theirs)
{
	*theirs = NULL;
	for (const struct event *e = NULL; (e = model_next(m, KS_handler_set, 0, e));) {
		const struct frame *caller;

		if (FIELD_SIGNED(e, handler_set, signal) != signal)
			continue;
		caller = model_frame(m, FIELD(e, handler_set, caller), true);
		if (FIELD(e, handler_set, handler) > 1 && needs_faults(caller->module)) {
			*theirs = e;
			f->module = caller->module;
		} else if (*theirs && FIELD(e, handler_set, handler) != FIELD(*theirs, handler_set, handler)) {
			f->other = caller->module;
			f->event = e;
			return true;
		}
	}
	return false;
}

static bool put_back(const struct model *m, int signal, const struct event *theirs, const struct event *change)
{
	for (const struct event *e = change; (e = model_next(m, KS_handler_set, 0, e));) {
		if (FIELD_SIGNED(e, handler_set, signal) == signal &&
		    FIELD(e, handler_set, handler) == FIELD(theirs, handler_set, handler))
			return true;
	}
	return false;
}

/* The stranger's handler was called shortly before the end, on the same thread (faulthandler puts the old one back then). */
static bool was_called(const struct model *m, const struct finding *f, int signal)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_signal_seen, f->context->tid, e));) {
		if (FIELD_SIGNED(e, signal_seen, signal) == signal && FIELD_SIGNED(e, signal_seen, code) > 0 &&
		    FIELD(e, signal_seen, handler) == FIELD(f->event, handler_set, handler))
			return m->ending.time - e->time < 10000000000;
	}
	return false;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct event *theirs;
	int signal = m->ending.kind == END_ABORT ? SIGSEGV : m->ending.signal;
	bool proven;

	if (!m->crash.present || m->crash.repaired || (m->ending.kind != END_SIGNAL && m->ending.kind != END_ABORT))
		return NO_MATCH;
	if (!find_change(m, f, signal, &theirs))
		return NO_MATCH;
	if (m->ending.kind == END_ABORT)	/* the runtime did not know the fault as its own any more, and gave up */
		proven = f->context->blame && f->context->blame->module == f->module && was_called(m, f, signal);
	else
		proven = m->crash.raw->code > 0 && in_runtime(m, f->module) &&
			 (!put_back(m, signal, theirs, f->event) || was_called(m, f, signal));
	f->number[0] = theirs->record;
	f->number[1] = theirs->time;
	f->number[2] = (uint64_t)signal;
	return proven ? PROVEN : NO_MATCH;
}

static void explain(const struct model *m, struct finding *f)
{
	const char *name = signal_word((int)f->number[2]);

	finding_title(f, "The %s handler of %s was replaced by %s", name, software_of(f->arena, f->module), software_of(f->arena, f->other));
	finding_cite(f, f->number[0], (int64_t)f->number[1], "%s installed its handler of %s", module_name(f->module), name);
	finding_cite(f, f->event->record, f->event->time, "%s put another one in its place", module_name(f->other));
	finding_cite(f, m->crash.record, m->ending.time, "%s in code of that runtime", signal_word(m->ending.signal));
	finding_say(f,
		    "%s uses %s on purpose (null checks, safepoints) and repairs it in its own "
		    "handler. %s installed another handler later, so that an "
		    "ordinary fault of the runtime became a death.",
		    software_file(f->arena, f->module), name, software_file(f->arena, f->other));
	finding_fix(f, "Do not switch faulthandler on (or off) after %s has started: call faulthandler.enable() before it, in the first lines, or not at "
		       "all; start pytest with -p no:faulthandler.", software_of(f->arena, f->module));
	if (model_env(m, "PYTHONFAULTHANDLER"))
		howto_unset(m, f, "PYTHONFAULTHANDLER switches it on, too", "PYTHONFAULTHANDLER");
}

const struct rule rule_signal_handler_replaced = {
	.id = "signal.handler-replaced",
	.title = "A runtime's signal handler was replaced",
	.match = match,
	.explain = explain,
	.page = "HotSpot and Julia use SIGSEGV internally; a tool that replaces their handler "
		"kills them.\nProof: the runtime's handler was set, another one "
		"was set later and not put back, and the fault lies in the runtime's code.",
	.sources = "https://github.com/jpype-project/jpype/issues/1261 "
		   "https://github.com/JuliaPy/PyCall.jl/issues/884",
};
