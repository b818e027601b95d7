/* SPDX-License-Identifier: MIT */
/*
 * Runtimes that use SIGSEGV on purpose (HotSpot, Julia) need their handler; whoever replaces it
 * turns their ordinary faults into deaths: pytest's faulthandler beside JPype, for instance.
 */
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static bool needs_faults(const struct module *module)
{
	return module_like(module, "libjvm") || module_like(module, "libjulia") || module_like(module, "libsigsegv") || module_like(module, "libart.");
}

/* A fault in a runtime's own code, or in what it compiled. */
static bool in_runtime(const struct model *m, const struct module *runtime)
{
	const struct mapping *map = m->crash.map_pc;

	if (m->crash.module == runtime)
		return true;
	return !m->crash.module && map && map->perms[2] == 'x' && (!map->path || map->path[0] != '/');
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct event *theirs = NULL, *later = NULL;

	if (!m->crash.present || m->crash.repaired || m->ending.kind != END_SIGNAL || m->crash.raw->code <= 0)
		return NO_MATCH;
	for (const struct event *e = NULL; (e = model_next(m, KS_handler_set, 0, e));) {
		const struct frame *caller;

		if (FIELD_SIGNED(e, handler_set, signal) != m->ending.signal)
			continue;
		caller = model_frame(m, FIELD(e, handler_set, caller), true);
		if (FIELD(e, handler_set, handler) > 1 && needs_faults(caller->module)) {
			theirs = e;
			later = NULL;
			f->module = caller->module;
		} else if (theirs && FIELD(e, handler_set, handler) != FIELD(theirs, handler_set, handler)) {
			later = e;
			f->other = caller->module;
		} else if (theirs) {
			later = NULL;	/* put back */
		}
	}
	if (!theirs || !later || !in_runtime(m, f->module))
		return NO_MATCH;
	f->event = later;
	f->number[0] = theirs->record;
	f->number[1] = theirs->time;
	return PROVEN;
}

static void explain(const struct model *m, struct finding *f)
{
	finding_title(f, "The %s handler of %s was replaced by %s", signal_word(m->ending.signal), module_name(f->module), module_name(f->other));
	finding_cite(f, f->number[0], f->number[1], "%s installed its handler", module_name(f->module));
	finding_cite(f, f->event->record, f->event->time, "%s put another one in its place", module_name(f->other));
	finding_cite(f, m->crash.record, m->ending.time, "%s in code of that runtime", signal_word(m->ending.signal));
	finding_say(f, "%s uses %s on purpose (null checks, safepoints) and repairs it in its own handler. %s installed another handler later, so that an "
		    "ordinary fault of the runtime became a death.", module_name(f->module), signal_word(m->ending.signal), module_name(f->other));
	finding_fix(f, "Do not switch faulthandler on (or off) after the runtime has started: start pytest with -p no:faulthandler, unset "
		    "PYTHONFAULTHANDLER, or call faulthandler.enable() before the JVM or Julia starts.");
}

const struct rule rule_signal_handler_replaced = {
	.id = "signal.handler-replaced",
	.title = "A runtime's signal handler was replaced",
	.match = match,
	.explain = explain,
	.page = "HotSpot and Julia use SIGSEGV internally; a tool that replaces their handler kills them.\nProof: the runtime's handler was set, another one "
		"was set later and not put back, and the fault lies in the runtime's code.",
	.sources = "https://github.com/jpype-project/jpype/issues/1261 https://github.com/JuliaPy/PyCall.jl/issues/884",
};
