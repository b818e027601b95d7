/* SPDX-License-Identifier: MIT */
/*
 * Its parent was told that it died of a fault, and nothing inside saw one: it came before the recorder had begun or
 * after it was gone, on a stack without room for a handler, or under a handler that was set by system calls of its
 * own. Where it was is not known here; the kernel's log says it.
 */
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

#include "analyzer/words.h"

static enum confidence match_unseen(const struct model *m, struct finding *f)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	bool fault = false;

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		fault |= m->ending.signal == faults[i];
	(void)f;
	return fault && m->ending.kind == END_SIGNAL && !m->crash.present && !m->ending.sender_pid ? LIKELY : NO_MATCH;
}

/* What else is preloaded: its constructors run before ours where it comes behind us, its functions before ours in front. */
static const char *others_preloaded(const struct model *m, struct arena *a)
{
	const char *p = model_env(m, "LD_PRELOAD");
	struct text t = { 0 };
	const char *all;

	for (; p && *p; p += strspn(p, " :")) {
		size_t n = strcspn(p, " :");

		if (n && !memmem(p, n, "libkshim", 8)) {
			text_add(&t, t.n ? ", " : "");
			text_add_n(&t, p, n);
		}
		p += n;
	}
	all = t.n ? arena_text(a, text_get(&t), t.n) : NULL;
	text_free(&t);
	return all;
}

static void explain_unseen(const struct model *m, struct finding *f)
{
	const char *signal = signal_word(m->ending.signal), *others = others_preloaded(m, f->arena);

	finding_title(f, "It died of %s where the recorder could not see", signal);
	cite_parent(m, f);
	finding_say(f, "The process that waited for it was told of %s; inside it, nothing was seen of a fault. So it came before the recorder had "
		       "begun or after it had ended, on a stack with no room left for a handler, or where the program handles faults by system "
		       "calls of its own; or another process sent the signal.", signal);
	if (others) {
		finding_say(f, "Preloaded beside the recorder: %s.", others);
		finding_fix(f, "Start it without what else is preloaded, and then without the recorder (KSHIM=off), to see which of them it takes.");
	}
	finding_fix(f, "Linux writes down where a fault was, in which library:");
	finding_run(f, "journalctl -k --since \"%s\" | grep -e segfault -e trap -e \"\\[%u\\]\"", clock_words(f->arena, m->started + m->ending.time), m->pid);
}

const struct rule rule_crash_unseen = {
	.id = "crash.unseen",
	.title = "A fault that the recorder could not see",
	.match = match_unseen,
	.explain = explain_unseen,
	.general = true,
	.page = "The wait status says SIGSEGV (or another fault), the recording has no crash: very early, very late, or without a stack.\n"
		"Mistaken for it: SIGKILL, which leaves no crash in the recording either.",
	.sources = "https://man7.org/linux/man-pages/man7/signal.7.html",
};
