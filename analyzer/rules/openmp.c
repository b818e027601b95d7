/* SPDX-License-Identifier: MIT */
/*
 * Two OpenMP runtimes of LLVM's family in one process, and MKL without its kernels. Two copies in
 * the process prove nothing: libgomp beside libiomp5, or two libgomp, are normal and harmless. It
 * takes the abort, or the fault, from inside such a runtime.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

#include "analyzer/report.h"

static bool is_llvm_openmp(const struct module *m)
{
	return module_like(m, "libiomp5") || module_like(m, "libomp.") ||
	       module_like(m, "libomp-") || module_like(m, "libomptarget");
}

/* The next different file of the family behind after. */
static const struct module *next_openmp(const struct model *m, const struct module *not_this)
{
	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *mod = &m->modules[i];

		if (!is_llvm_openmp(mod) || mod == not_this)
			continue;
		if (!not_this || strcmp(mod->path, not_this->path) != 0)
			return mod;
	}
	return NULL;
}

/* --- abi.duplicate-openmp --- */

static enum confidence match_duplicate(const struct model *m, struct finding *f)
{
	bool gave_up = m->ending.kind == END_ABORT || (m->ending.kind == END_EXIT && f->context->end);
	bool gomp = model_module_named(m, "libgomp", NULL) != NULL;

	f->module = next_openmp(m, NULL);
	f->other = f->module ? next_openmp(m, f->module) : NULL;
	if (!f->other) {
		if (!f->module || !gomp)
			return NO_MATCH;
		finding_title(f, "libgomp and %s are both loaded", software_of(f->arena, f->module));
		f->why_not = "this mix is common and harmless; nothing ended inside either of them";
		return SEEN;
	}
	for (size_t i = 0; f->context->stack && i < f->context->stack->n; i++) {
		if (gave_up && is_llvm_openmp(f->context->stack->frames[i].module)) {
			f->frame = &f->context->stack->frames[i];
			break;
		}
	}
	f->text = model_stderr_line(m, "OMP: Error #15", true);
	if (f->frame && f->context->blame && is_llvm_openmp(f->context->blame->module))
		return PROVEN;
	if (f->text && gave_up && f->context->blame && is_llvm_openmp(f->context->blame->module))
		return PROVEN;
	finding_title(f, "two OpenMP runtimes are loaded: %s and %s", f->module->path, f->other->path);
	f->why_not = "the end did not come from either of them";
	return SEEN;
}

static void explain_duplicate(const struct model *m, struct finding *f)
{
	if (f->confidence == SEEN)
		return;
	if (strcmp(f->module->name, f->other->name) == 0)
		finding_title(f, "Two copies of the OpenMP runtime %s, from two folders", f->module->name);
	else
		finding_title(f, "Two copies of the OpenMP runtime: %s and %s", f->module->name, f->other->name);
	finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time, "the end came from %s",
		     frame_text(f->arena, f->context->blame));
	finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
	finding_cite(f, f->other->record, f->other->load_time, "loaded: %s", f->other->path);
	finding_say(f,
		    "The OpenMP runtime (%s) found that another copy of it is already at work in "
		    "this process, and aborted%s%.120s%s",
		    module_name(f->context->blame->module), f->text ? ": \"" : ".",
		    f->text ? arena_line(f->arena, f->text) : "", f->text ? "\"" : "");
	finding_say(f, "Both %s and %s are loaded.", f->module->path, f->other->path);
	if (package_of(f->arena, f->module->path) && package_of(f->arena, f->other->path))
		finding_fix(f, "Let only one OpenMP runtime into the process: take %s and %s from the same source (all from conda-forge, or all with "
			       "pip); or leave the one out that is not needed.", software_of(f->arena, f->module), software_of(f->arena, f->other));
	else
		finding_fix(f, "Let only one OpenMP runtime into the process: take all packages from the same source (all from conda-forge, or all with "
			       "pip), or leave one of these two files out (do not load it, take its folder out of LD_LIBRARY_PATH).");
	howto_set(m, f, AT_IMPORT, "Or, as a risky work-around, let it go on with both; by the runtime's own words it may crash or give wrong results",
		  "KMP_DUPLICATE_LIB_OK=TRUE");
}

const struct rule rule_abi_duplicate_openmp = {
	.id = "abi.duplicate-openmp",
	.title = "Two copies of the OpenMP runtime in one process",
	.match = match_duplicate,
	.explain = explain_duplicate,
	.page = "LLVM's or Intel's OpenMP runtime finds another copy of itself in the process and "
		"aborts (OMP: Error #15).\n"
		"Proof: two different files of that family are loaded, and the abort's innermost "
		"caller is one of them.\n"
		"Mistaken for it: two copies alone; libgomp beside libiomp5 (normal); every dead "
		"kernel with conda's MKL.",
	.sources = "https://github.com/odlgroup/odl/issues/1451 "
		   "https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md "
		   "https://github.com/pytorch/pytorch/issues/98836",
};

/* --- abi.openmp-mix --- */

static enum confidence match_mix(const struct model *m, struct finding *f)
{
	const struct module *pc = m->crash.module;
	const struct module *iomp = model_module_named(m, "libiomp5", NULL);
	const struct module *omp = model_module_named(m, "libomp.", NULL);

	omp = omp ? omp : model_module_named(m, "libomp-", NULL);
	if (!m->crash.present || m->crash.repaired || m->ending.kind != END_SIGNAL || !iomp || !omp || m->crash.raw->code <= 0)
		return NO_MATCH;
	f->module = iomp;
	f->other = omp;
	return is_llvm_openmp(pc) ? PROVEN : NO_MATCH;
}

static void explain_mix(const struct model *m, struct finding *f)
{
	finding_title(f, "libiomp5 (Intel) and libomp (LLVM) work in one process, and one of them crashed");
	finding_cite(f, m->crash.record, m->ending.time, "%s in %s", signal_word(m->ending.signal), module_name(m->crash.module));
	finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
	finding_cite(f, f->other->record, f->other->load_time, "loaded: %s", f->other->path);
	finding_say(f,
		    "The fault lies inside %s, while both %s and %s are loaded. On Linux this pair "
		    "does not get along: their authors' and "
		    "threadpoolctl's tests end in crashes or hang.",
		    software_file(f->arena, m->crash.module), f->module->path, f->other->path);
	howto_set(m, f, AT_IMPORT, "Let MKL use GNU's runtime instead", "MKL_THREADING_LAYER=GNU");
	finding_fix(f, "Or use a numpy with OpenBLAS (that of pip, or of conda-forge).");
}

const struct rule rule_abi_openmp_mix = {
	.id = "abi.openmp-mix",
	.title = "Intel's and LLVM's OpenMP runtimes are mixed",
	.match = match_mix,
	.explain = explain_mix,
	.page = "libomp and libiomp5 in one process crash or hang, on Linux.\nProof: a fault "
		"inside one of them, and both are loaded.\n"
		"libgomp with libiomp5 is harmless.",
	.sources = "https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md "
		   "https://github.com/scikit-learn/scikit-learn/issues/21302",
};

/* --- abi.mkl-dispatch --- */

/* What MKL says it could not load; and its code for any processor, which it asks for when all else has failed. */
static bool is_last_resort(const struct finding *f, const struct load *l)
{
	const char *name = base_name(l->path);

	return (f->text && strstr(f->text, name)) || strncmp(name, "libmkl_def.", 11) == 0;
}

static enum confidence match_mkl(const struct model *m, struct finding *f)
{
	const struct event *e = f->context->end;
	const struct frame *caller = f->context->blame;

	if (!e || !caller || !caller->module || m->ending.kind == END_CLEAN)
		return NO_MATCH;
	if (!module_like(caller->module, "libmkl") && !frame_in(e->stack, "libmkl"))
		return NO_MATCH;
	f->event = e;
	f->frame = caller;
	f->text = model_stderr_line(m, "FATAL ERROR", true);
	/* What it missed and then did without, since it loaded another, did not end it; what it names last did. */
	for (size_t i = m->nloads; i-- > 0;) {
		const struct load *l = &m->loads[i];

		if (l->tid != e->tid || !l->path || !strstr(l->path, "libmkl") || !module_like(l->caller.module, "libmkl"))
			continue;
		if (l->outcome != LOAD_FAILED)
			break;
		if (!f->load || !is_last_resort(f, f->load))
			f->load = l;
		f->number[0]++;
	}
	if (!f->load)
		return f->text && strstr(f->text, "Cannot load") ? LIKELY : NO_MATCH;
	return PROVEN;
}

static void tell_mkl_loads(const struct model *m, struct finding *f)
{
	unsigned cited = 0;

	for (size_t i = m->nloads; i-- > 0 && cited < 6;) {
		const struct load *l = &m->loads[i];

		if (l->outcome != LOAD_FAILED || l->tid != f->event->tid || !l->path || !strstr(l->path, "libmkl") ||
		    !module_like(l->caller.module, "libmkl"))
			continue;
		finding_cite(f, l->ended ? l->ended->record : 0, l->begin, "%s asked for %s: %s",
			     module_name(l->caller.module), l->path,
			     l->error ? l->error : "failed");
		cited++;
	}
}

/* libmkl_tbb_thread, libmkl_gnu_thread, … : not chosen by the processor but by MKL_THREADING_LAYER. */
static bool is_threading_layer(const struct load *l)
{
	const char *name = l && l->path ? base_name(l->path) : "", *thread = strstr(name, "_thread.");

	return thread && strncmp(name, "libmkl_", 7) == 0;
}

static void explain_mkl_threads(const struct model *m, struct finding *f)
{
	const char *layer = model_env(m, "MKL_THREADING_LAYER"), *name = base_name(f->load->path);
	const char *missing = f->load->error ? arena_text(f->arena, f->load->error, strcspn(f->load->error, ":")) : name;

	finding_title(f, "MKL could not load its threading layer %s%s%s and ended the process", name,
		      strcmp(missing, name) != 0 ? ", for want of " : "", strcmp(missing, name) != 0 ? missing : "");
	finding_cite(f, f->event->record, f->event->time, "exit was called by %s", frame_text(f->arena, f->frame));
	tell_mkl_loads(m, f);
	finding_say(f,
		    "MKL does its threading through a library of its own choice, %s here%s. It could not be loaded: %s; so %s ended "
		    "the process with exit(): no signal, no exception.",
		    name, layer ? arena_printf(f->arena, ", because MKL_THREADING_LAYER is \"%s\"", layer) : "",
		    f->load->error ? f->load->error : "it failed", software_file(f->arena, f->frame->module));
	if (strncmp(missing, "libtbb.", 7) == 0)
		finding_fix_package(m, f, "tbb", "install");
	else if (strncmp(missing, "libiomp5", 8) == 0)
		finding_fix_package(m, f, "intel-openmp", "install");
	else
		finding_fix_package(m, f, f->frame->module->path, "reinstall");
	if (layer)
		howto_unset(m, f, arena_printf(f->arena, "Or let MKL choose (MKL_THREADING_LAYER is \"%s\")", layer), "MKL_THREADING_LAYER");
	else
		howto_set(m, f, AT_IMPORT, "Or do without that library", "MKL_THREADING_LAYER=SEQUENTIAL");
}

static void explain_mkl(const struct model *m, struct finding *f)
{
	const char *last = f->load ? base_name(f->load->path) : "one of its parts";

	if (is_threading_layer(f->load)) {
		explain_mkl_threads(m, f);
		return;
	}
	finding_title(f, "MKL could not load its own parts (%s) and ended the process", last);
	finding_cite(f, f->event->record, f->event->time, "exit was called by %s", frame_text(f->arena, f->frame));
	tell_mkl_loads(m, f);
	finding_say(f,
		    "MKL chooses the code for this processor at run time and loads it from files "
		    "of its own. None of them could be loaded%s%s, so "
		    "%s ended the process with exit(): no signal, no exception.",
		    f->load && f->load->error ? ": " : "",
		    f->load && f->load->error ? f->load->error : "", software_file(f->arena, f->frame->module));
	if (f->text)
		finding_say(f, "Its last words: %.200s", arena_line(f->arena, f->text));
	finding_say(f, "The MKL installation is incomplete or mixed: %s comes from %s.",
		    software_file(f->arena, f->frame->module), f->frame->module->path);
	finding_fix_package(m, f, f->frame->module->path, "reinstall");
	if (process_conda(m)) {
		finding_fix(f, "Or do without MKL:");
		finding_run(f, "conda install nomkl");
	}
}

const struct rule rule_abi_mkl_dispatch = {
	.id = "abi.mkl-dispatch",
	.title = "MKL could not load its own parts and ended the process",
	.match = match_mkl,
	.explain = explain_mkl,
	.page = "MKL's dispatcher loads libmkl_def, libmkl_avx2, …; when none can be had it prints "
		"a line and calls exit().\n"
		"Proof: failed loads of libmkl_* asked for by libmkl_*, and then exit with a "
		"caller in libmkl, on the same thread.\n"
		"Mistaken for it: a GPU out of memory printed before; a missing AVX. The processor "
		"is not to blame.",
	.sources = "https://github.com/ContinuumIO/anaconda-issues/issues/720 "
		   "https://github.com/MaybeShewill-CV/lanenet-lane-detection/issues/73",
};
