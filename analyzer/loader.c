/* SPDX-License-Identifier: MIT */
/*
 * The loader's words (glibc elf/dl-load.c, dl-lookup.c, dl-version.c, dl-reloc.c and dl-error.c
 * make them) taken apart, and the one failed load that is linked to the end of the process.
 *
 * Failed loads are normal: TensorFlow, MKL, cuDNN and ctypes.util probe many files that are not
 * there. One counts only where the exception that ended the program repeats the loader's own
 * words, or where the same thread's end came from the very code that asked for the file.
 */
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

/* Text between begin and the next of stop; NULL where begin is not in text. */
static char *part(struct arena *arena, const char *text, const char *begin, const char *stop)
{
	const char *at = strstr(text, begin);

	return at ? arena_text(arena, at + strlen(begin), strcspn(at + strlen(begin), stop)) : NULL;
}

static const struct {
	const char *words;
	enum loader_fault fault;
} faults[] = {
	{ "cannot allocate memory in static TLS block", LOADER_STATIC_TLS },
	{ "cannot load any more object with static TLS", LOADER_STATIC_TLS },
	{ "cannot handle TLS data", LOADER_STATIC_TLS },
	{ "cannot enable executable stack", LOADER_EXEC_STACK },
	{ "failed to map segment", LOADER_MAP },
	{ "cannot map zero-fill pages", LOADER_NO_MEMORY },
	{ "cannot allocate", LOADER_NO_MEMORY },
	{ "Cannot allocate memory", LOADER_NO_MEMORY },
	{ "cannot create shared object descriptor", LOADER_NO_MEMORY },
	{ "out of memory", LOADER_NO_MEMORY },
	{ "file too short", LOADER_SHORT },
	{ "cannot read file data", LOADER_SHORT },
	{ "ELF load command past end of file", LOADER_SHORT },
	{ "invalid ELF header", LOADER_NOT_ELF },
	{ "wrong ELF class", LOADER_NOT_ELF },
	{ "ELF file", LOADER_NOT_ELF },
	{ "ELF load command", LOADER_NOT_ELF },
	{ "only ET_DYN and ET_EXEC can be loaded", LOADER_NOT_ELF },
	{ "object file has no", LOADER_NOT_ELF },
	{ "no loadable segments", LOADER_NOT_ELF },
	{ "cannot change memory protections", LOADER_TEXT_RELOCATION },
	{ "cannot make segment writable for relocation", LOADER_TEXT_RELOCATION },
	{ "cannot restore segment prot after reloc", LOADER_TEXT_RELOCATION },
	{ "Too many open files", LOADER_FILES },
	{ "Permission denied", LOADER_DENIED },
	{ "cannot open shared object file", LOADER_MISSING },
};

static void parse_version(struct loader_text *t, struct arena *arena, const char *error)
{
	t->fault = LOADER_VERSION;	/* "FILE: version `V' not found (required by OTHER)" */
	t->version = part(arena, error, "version `", "'");
	t->required_by = part(arena, error, "(required by ", ")");
	t->provider = t->file;
}

static void parse_symbol(struct loader_text *t, struct arena *arena, const char *error)
{
	if (strstr(error, "not defined in file")) {	/* "FILE: symbol S, version V not defined in file F with…" */
		t->fault = LOADER_SYMBOL_VERSION;
		t->symbol = part(arena, error, ": symbol ", ", ");
		t->version = part(arena, error, "version ", " ,");
		t->provider = part(arena, error, "not defined in file ", " ");
	} else {			/* "FILE: undefined symbol: S[, version V]" */
		t->fault = LOADER_SYMBOL;
		t->symbol = part(arena, error, "undefined symbol: ", ", \n");
		t->version = part(arena, error, ", version ", " ,\n");
		t->provider = t->version && strstr(t->version, ".so") ? t->version : NULL;
	}
	t->required_by = t->file;
}

struct loader_text loader_parse(struct arena *arena, const char *error)
{
	struct loader_text t = { .reason = "" };
	const char *colon = error ? strstr(error, ": ") : NULL;
	const char *last;

	if (!colon)
		return t;
	t.file = arena_text(arena, error, colon - error);
	last = strrchr(error, ':');
	t.reason = last && last[1] == ' ' ? last + 2 : "";
	if (strstr(error, "version `") && strstr(error, "not found")) {
		parse_version(&t, arena, error);
		return t;
	}
	if (strstr(error, "undefined symbol: ") || strstr(error, "not defined in file")) {
		parse_symbol(&t, arena, error);
		return t;
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strstr(error, faults[i].words)) {
			t.fault = faults[i].fault;
			break;
		}
	}
	return t;
}

/* A later load of the same file that went well: the program has found another way. */
static bool made_good(const struct model *m, const struct load *failed)
{
	for (size_t i = 0; i < m->nloads; i++) {
		const struct load *l = &m->loads[i];

		if (l->begin > failed->begin && l->outcome == LOAD_OK && l->path && failed->path &&
		    strcmp(base_name(l->path), base_name(failed->path)) == 0)
			return true;
	}
	return false;
}

/* The last lines of stderr, where a library says why it gives up. */
static const char *last_lines(const struct model *m, int lines)
{
	const char *tail = m->stderr_tail ? m->stderr_tail : "";
	const char *p = tail + strlen(tail);

	while (p > tail && p[-1] == '\n')
		p--;
	while (p > tail) {
		if (p[-1] == '\n' && --lines == 0)
			break;
		p--;
	}
	return p;
}

static bool function_on_stack(const struct context *c, const struct frame *caller)
{
	for (size_t i = 0; c->stack && caller->symbol && i < c->stack->n; i++) {
		const struct frame *f = &c->stack->frames[i];

		if (f->module == caller->module && f->symbol && strcmp(f->symbol, caller->symbol) == 0)
			return true;
	}
	return false;
}

#define NULL_PAGE 0x10000	/* what lies behind a pointer that is null: mmap_min_addr, proc(5) */

/* The thread has done other things since: it got over the failure. */
static bool went_on(const struct model *m, const struct load *l)
{
	int64_t since = l->end >= 0 ? l->end : l->begin;

	for (size_t i = m->nevents; i-- > 0 && m->events[i].time > since;) {
		const struct event *e = &m->events[i];

		switch (e->tid == l->tid ? e->number : 0) {
		case KS_fork:
		case KS_child_end:
		case KS_alloc_big:
		case KS_free_big:
		case KS_py_import:
		case KS_py_cell:
			return true;
		}
	}
	return false;
}

/* A fault is no decision of the program's: it may come of the failure where something that is null was used. */
static bool fault_may_follow(const struct model *m, const struct load *l)
{
	return m->crash.present && (m->crash.pc < NULL_PAGE || m->crash.address < NULL_PAGE) &&
	       m->ending.signal == SIGSEGV && !went_on(m, l);
}

/*
 * The same object asked for the file and then ended the process, on the same thread. That is
 * proof where the asking function is still among the callers, or its last words repeat the
 * loader's, and it comes at once; TensorFlow probes for CUDA from the object that may fail a check much later.
 */
static enum link link_to_death(const struct model *m, const struct context *c, const struct load *l)
{
	const char *words = last_lines(m, 6);
	int64_t gap = m->ending.time - (l->end >= 0 ? l->end : l->begin);
	bool said = (l->error && strstr(words, l->error)) || (l->path && strstr(words, base_name(l->path)));

	/* Python, ctypes and cffi hand the failure back to the program, as an exception. */
	if (l->tid != c->tid || !l->caller.module || module_is_python(l->caller.module) ||
	    module_calls_for_others(l->caller.module) ||
	    !(module_on_stack(c->stack, l->caller.module) || (c->blame && c->blame->module == l->caller.module)))
		return LINK_NONE;
	/* Who tells of a failure has noticed it: a fault behind that is another matter, unless something null was used. */
	if (m->ending.kind == END_SIGNAL && !fault_may_follow(m, l))
		return LINK_NONE;
	if (gap < 2000000000 && (function_on_stack(c, &l->caller) || said))
		return LINK_CALLER;
	return gap >= 0 && gap < 20000000 ? LINK_TIME : LINK_NONE;
}

/* The word in a text, not a part of another one. */
static bool has_name(const char *text, const char *name)
{
	static const char inner[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	for (const char *p = text; *name && (p = strcasestr(p, name)); p++) {
		if ((p == text || !strchr(inner, p[-1])) && (!p[strlen(name)] || !strchr(inner, p[strlen(name)])))
			return true;
	}
	return false;
}

static bool speaks_of_import(const char *words)
{
	static const char *const parts[] = { "install", "import", "requir", "not available", "unavailable", NULL };

	for (int i = 0; parts[i]; i++) {
		if (strcasestr(words, parts[i]))
			return true;
	}
	return false;
}

/*
 * The import of an extension module failed, the program caught that, said in words of its own that it
 * cannot do without ("lxml is not installed") and ended at once.
 */
static bool said_otherwise(const struct model *m, const struct context *c, const struct load *l)
{
	const char *last = stderr_last_line(m, c->arena), *words = c->error.uncaught ? c->error.text : last ? last : "";
	const char *slash = l->path ? strrchr(l->path, '/') : NULL, *folder = slash;

	if (m->ending.kind != END_EXIT || l->tid != c->tid || !module_is_python(l->caller.module) || !slash ||
	    !module_is_extension(l->path) || went_on(m, l) || m->ending.time - l->begin > 1000000000)
		return false;
	while (folder > l->path && folder[-1] != '/')
		folder--;
	if (!speaks_of_import(words))
		return false;
	return has_name(words, arena_text(c->arena, folder, (size_t)(slash - folder))) ||
	       has_name(words, arena_text(c->arena, slash + 1, strcspn(slash + 1, ".")));
}

static enum link link_of(const struct model *m, const struct context *c, const struct load *l)
{
	bool call_ended = m->ending.kind == END_ABORT || m->ending.kind == END_EXIT || m->ending.kind == END_SIGNAL;

	if (c->error.uncaught && l->error && (strstr(c->error.text, l->error) || strstr(c->error.chain, l->error)))
		return LINK_EXCEPTION;
	if (c->error.uncaught && l->error && l->path && strstr(c->error.text, "load") &&
	    strstr(c->error.text, base_name(l->path)))
		return LINK_TEXT;
	if (said_otherwise(m, c, l))
		return LINK_TEXT;
	if (!c->error.uncaught && call_ended)
		return link_to_death(m, c, l);
	return LINK_NONE;
}

struct bad_load loader_decisive(const struct model *m, const struct context *c)
{
	struct bad_load best = { .link = LINK_NONE };
	bool lives = m->ending.kind == END_CLEAN || m->ending.kind == END_RUNNING;

	for (size_t i = m->nloads; i-- > 0;) {
		const struct load *l = &m->loads[i];
		enum link link;

		if (l->outcome != LOAD_FAILED || !l->error)
			continue;
		link = link_of(m, c, l);
		if (link <= best.link)
			continue;
		if ((link != LINK_EXCEPTION || lives) && made_good(m, l))
			continue;
		best.load = l;
		best.link = link;
	}
	if (!best.load)
		return best;
	best.words = loader_parse(c->arena, best.load->error);
	best.confidence = best.link == LINK_TIME || best.link == LINK_TEXT ? LIKELY : PROVEN;
	return best;
}
