/* SPDX-License-Identifier: MIT */
/*
 * Two copies of one runtime that get in each other's way. Such crashes are named only where
 * their signature is specific: a jump through std::call_once's per-thread pointer, C++ locale
 * code of a second libstdc++, frames of one family in two files. Otherwise the rule for crashes in
 * constructors says which objects are involved, and nothing about guilt.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static const struct { const char *files, *what, *fix; } clashes[] = {
#define CLASH_FILES(files, what, fix) { files, what, fix },
#define CLASH_SYMBOL(symbol, what, fix)
#include "analyzer/rules/clashes.def"
#undef CLASH_FILES
#undef CLASH_SYMBOL
};

static const struct { const char *symbol, *what, *fix; } symbols[] = {
#define CLASH_FILES(files, what, fix)
#define CLASH_SYMBOL(symbol, what, fix) { symbol, what, fix },
#include "analyzer/rules/clashes.def"
#undef CLASH_FILES
#undef CLASH_SYMBOL
};

enum how { HOW_ONCE, HOW_LOCALE, HOW_FILES, HOW_FAMILY, HOW_SYMBOL };

static bool is_fault(const struct model *m)
{
	return m->crash.present && !m->crash.repaired && m->ending.kind == END_SIGNAL && m->crash.raw->code > 0 &&
	       (m->ending.signal == SIGSEGV || m->ending.signal == SIGBUS || m->ending.signal == SIGILL);
}

/* std::call_once keeps the function in thread-local variables of libstdc++: a second copy has its own. */
static enum confidence match_once(const struct model *m, struct finding *f)
{
	const struct stack *s = m->crash.stack;
	bool nowhere = m->crash.pc < 4096 || !m->crash.map_pc || m->crash.map_pc->perms[2] != 'x';

	for (size_t i = 0; s && i < s->n && i < 5; i++) {
		const struct frame *at = &s->frames[i];

		if (!frame_names(at, "pthread_once") && !frame_names(at, "call_once") && !frame_names(at, "once_proxy"))
			continue;
		if (!nowhere && !(s->frames[0].module && frame_names(&s->frames[0], "once_proxy")))
			return NO_MATCH;
		f->frame = f->context->blame;
		f->module = f->frame ? f->frame->module : NULL;
		f->number[0] = HOW_ONCE;
		return f->module ? PROVEN : NO_MATCH;
	}
	return NO_MATCH;
}

static bool is_locale(const struct frame *f)
{
	return frame_names(f, "std::locale") || frame_names(f, "std::codecvt") ||
	       frame_names(f, "std::ctype") || frame_names(f, "std::num_put") ||
	       frame_names(f, "std::ostream") || frame_names(f, "std::basic_ostream") ||
	       frame_names(f, "std::basic_ios") ||
	       frame_names(f, "std::__cxx11::basic_ostringstream");
}

static enum confidence match_locale(const struct model *m, struct finding *f)
{
	const struct frame *top = m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;

	if (!top || !module_like(top->module, "libstdc++") || !is_locale(top))
		return NO_MATCH;
	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *mod = &m->modules[i];

		if (mod == top->module || module_is_libc(mod) || mod->unload_time >= 0)
			continue;
		if (model_exports(m, mod, "_ZNSt6localeC1Ev") == 1) {
			f->other = mod;
			f->module = top->module;
			f->frame = f->context->blame;
			f->number[0] = HOW_LOCALE;
			return PROVEN;
		}
	}
	return NO_MATCH;
}

static enum confidence match_files(const struct model *m, struct finding *f)
{
	const struct module *pc = f->context->blame ? f->context->blame->module : m->crash.module;

	for (size_t i = 0; pc && i < sizeof(clashes) / sizeof(clashes[0]); i++) {
		if (!module_like(pc, clashes[i].files))
			continue;
		for (const struct module *mod = NULL; (mod = model_module_named(m, clashes[i].files, mod));) {
			if (mod == pc || strcmp(mod->path, pc->path) == 0 || mod->unload_time >= 0)
				continue;
			/* Parts of one installation lie in one folder. */
			if (same_directory(mod->path, pc->path))
				continue;
			f->module = pc;
			f->other = mod;
			f->frame = f->context->blame;
			f->name = clashes[i].what;
			f->text = clashes[i].fix;
			f->number[0] = HOW_FILES;
			return PROVEN;
		}
	}
	return NO_MATCH;
}

/* mkl_* calls mkl_* in another file: the kernels of one MKL were taken by the other. */
static enum confidence match_family(const struct model *m, struct finding *f)
{
	const struct stack *s = m->crash.stack;

	for (size_t i = 0; s && i + 1 < s->n && i < 6; i++) {
		const struct frame *a = &s->frames[i], *b = &s->frames[i + 1];

		if (!a->raw || !b->raw || strncmp(a->raw, "mkl_", 4) != 0 || strncmp(b->raw, "mkl_", 4) != 0)
			continue;
		if (!a->module || !b->module || a->module == b->module || same_directory(a->module->path, b->module->path))
			continue;
		f->module = a->module;
		f->other = b->module;
		f->frame = a;
		f->name = "MKL";
		f->text = "Use one MKL: numpy and torch from the same channel, or a numpy with OpenBLAS.";
		f->number[0] = HOW_FAMILY;
		return PROVEN;
	}
	return NO_MATCH;
}

static enum confidence match_symbol(const struct model *m, struct finding *f)
{
	const struct stack *s = m->crash.stack;

	for (size_t i = 0; s && i < s->n && i < 3; i++) {
		for (size_t k = 0; k < sizeof(symbols) / sizeof(symbols[0]); k++) {
			if (!frame_names(&s->frames[i], symbols[k].symbol))
				continue;
			f->frame = &s->frames[i];
			f->module = s->frames[i].module;
			f->name = symbols[k].what;
			f->text = symbols[k].fix;
			f->number[0] = HOW_SYMBOL;
			return LIKELY;
		}
	}
	return NO_MATCH;
}

static enum confidence match_duplicate(const struct model *m, struct finding *f)
{
	static enum confidence (*const all[])(const struct model *, struct finding *) = {
		match_once, match_locale, match_family, match_files, match_symbol,
	};

	if (!is_fault(m))
		return NO_MATCH;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		enum confidence c = all[i](m, f);

		if (c != NO_MATCH)
			return c;
	}
	return NO_MATCH;
}

static const struct load *running_load(const struct model *m, uint32_t tid)
{
	for (size_t i = m->nloads; i-- > 0;) {
		if (m->loads[i].outcome == LOAD_RUNNING && m->loads[i].tid == tid)
			return &m->loads[i];
	}
	return NULL;
}

static void explain_duplicate(const struct model *m, struct finding *f)
{
	const struct load *l = running_load(m, f->context->tid);
	const char *where = frame_words(f->arena, f->frame), *place = frame_text(f->arena, f->frame);

	finding_cite(f, m->crash.record, m->ending.time, "%s at 0x%llx, pc 0x%llx, called by %s", signal_word(m->ending.signal),
		     (unsigned long long)m->crash.address, (unsigned long long)m->crash.pc, place);
	switch ((enum how)f->number[0]) {
	case HOW_ONCE:
		finding_title(f, "%s and another package bring two copies of the C++ runtime, which got in each other's way",
			      software_of(f->arena, f->module));
		finding_say(f,
			    "%s called a function of the C++ runtime (std::call_once), which then jumped to a place where no code is: it hands over "
			    "what is to be called in variables of its own, and one side used those of the other copy.",
			    software_of(f->arena, f->module));
		if (l)
			finding_say(f, "It happened while %s was being loaded, in its start code.",
				    l->path ? l->path : "a library");
		finding_fix(f, "Change the order of imports: %s first, before all others, in the first line of the %s (whoever is imported first "
			       "decides whose runtime is used). Then %s.", software_of(f->arena, f->module), m->is_kernel ? "notebook" : "program",
			    m->is_kernel ? "restart the kernel" : "start it again");
		break;
	case HOW_LOCALE:
		finding_title(f, "%s brings a second C++ runtime that gets in the way of the system's", software_of(f->arena, f->other));
		finding_cite(f, f->other->record, f->other->load_time, "%s exports symbols of libstdc++", f->other->path);
		finding_say(f,
			    "The fault lies in libstdc++'s stream or locale code, called by %s; %s "
			    "contains a copy of the same code and exports it, "
			    "so that the two copies' data are mixed.",
			    where, f->other->path);
		finding_fix(f, "Import the other packages first, before %s, then %s.", software_of(f->arena, f->other),
			    m->is_kernel ? "restart the kernel" : "start it again");
		finding_fix(f, "If %s is a library of your own: link it without -static-libstdc++.", software_of(f->arena, f->other));
		break;
	case HOW_FILES:
	case HOW_FAMILY:
		finding_title(f, "Two copies of %s in one process: that of %s and that of %s", f->name, software_file(f->arena, f->module),
			      software_file(f->arena, f->other));
		finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
		finding_cite(f, f->other->record, f->other->load_time, "loaded: %s", f->other->path);
		finding_say(f, "The fault lies in %s, and another copy of %s is loaded too: %s.", where, f->name, f->other->path);
		howto_words(m, f, f->text);
		break;
	case HOW_SYMBOL:
		finding_title(f, "%s", f->name);
		finding_say(f, "The fault lies in %s, a place known for it.", where);
		howto_words(m, f, f->text);
		break;
	}
}

const struct rule rule_abi_duplicate_runtime = {
	.id = "abi.duplicate-runtime",
	.title = "Two copies of a runtime get in each other's way",
	.match = match_duplicate,
	.explain = explain_duplicate,
	.page = "Two C++ runtimes, two MKLs, two libzmq or cuDNN: symbols of one are used with "
		"data of the other.\n"
		"Proof: a jump to nowhere out of pthread_once below std::call_once; a fault in "
		"libstdc++'s locale code while another file exports it; "
		"frames of one family in two files.\nMistaken for it: import-order crashes without "
		"such a signature.",
	.sources = "https://github.com/apache/arrow/issues/4472 "
		   "https://github.com/pytorch/pytorch/issues/109923 "
		   "https://github.com/pytorch/pytorch/issues/926 "
		   "https://github.com/jupyter/jupyter/issues/108",
};

/* --- abi.crash-in-constructor --- */

static enum confidence match_constructor(const struct model *m, struct finding *f)
{
	const struct stack *s = m->crash.stack;
	const struct frame *before = NULL;

	f->load = running_load(m, f->context->tid);
	if (!is_fault(m) || !f->load)
		return NO_MATCH;
	for (size_t i = 0; s && i < s->n; i++) {
		const struct frame *at = &s->frames[i];

		if (module_is_libc(at->module) && (frame_names(at, "call_init") || frame_names(at, "_dl_init")))
			break;
		if (at->module && !module_is_runtime(at->module))
			before = at;
		if (i + 1 == s->n)
			return NO_MATCH;
	}
	/* The fault is in another object than the constructor's: one took the other's symbols. */
	if (!before || !f->context->blame || before->module == f->context->blame->module)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = before->module;
	f->other = f->context->blame->module;
	return PROVEN;
}

static void explain_constructor(const struct model *m, struct finding *f)
{
	finding_title(f, "Importing %s crashed inside %s: the two do not go together", software_of(f->arena, f->module),
		      software_of(f->arena, f->other));
	finding_cite(f, m->crash.record, m->ending.time, "%s in %s", signal_word(m->ending.signal), frame_text(f->arena, f->frame));
	finding_cite(f, f->load->began ? f->load->began->record : 0, f->load->begin, "loading %s had not returned", f->load->path);
	finding_say(f,
		    "While %s was being loaded, a constructor of %s called into %s, which crashed. "
		    "The objects involved are these two; the records do "
		    "not say which of them is wrong.",
		    f->load->path, f->module->path, f->other->path);
	finding_fix(f, "Try the other order of imports: %s before %s, in the first lines, then %s.", software_of(f->arena, f->module), software_of(f->arena, f->other),
		    m->is_kernel ? "restart the kernel" : "start it again");
	finding_fix(f, "Or take both from one source (all from conda-forge, or all with pip), in releases of about the same date.");
}

const struct rule rule_abi_crash_in_constructor = {
	.id = "abi.crash-in-constructor",
	.title = "A library's start code crashed in another library",
	.match = match_constructor,
	.explain = explain_constructor,
	.general = true,
	.page = "import torch, then import tensorflow: SIGSEGV while a library is being loaded, in "
		"another object than the constructor's: symbols were "
		"interposed.\nProof: the load had not returned, the loader's call of constructors "
		"is on the stack, and the two objects differ. No culprit.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/14812 "
		   "https://github.com/tensorflow/tensorflow/issues/57669",
};
