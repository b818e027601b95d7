/* SPDX-License-Identifier: MIT */
/*
 * The code in memory is not that of the package: a file was overwritten while it was mapped, or
 * another installation's library was found before the package's own.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static bool is_fault(const struct model *m)
{
	return m->crash.present && !m->crash.repaired && (m->ending.kind == END_SIGNAL || m->ending.kind == END_ABORT);
}

/* --- load.replaced-library --- */

static const struct event *changed_file(const struct model *m, const struct module *module)
{
	for (const struct event *e = NULL; module && (e = model_last(m, KS_file_changed, 0, e));) {
		const char *path = FIELD_TEXT(e, file_changed, path);

		if (path && strcmp(path, module->path) == 0)
			return e;
	}
	return NULL;
}

/* The same file with other contents: its pages in memory changed with it. A new file of that name is harmless. */
static bool in_place(const struct event *e)
{
	return FIELD(e, file_changed, inode) == FIELD(e, file_changed, now_inode) &&
	       (FIELD(e, file_changed, mtime) != FIELD(e, file_changed, now_mtime) ||
		FIELD(e, file_changed, size) != FIELD(e, file_changed, now_size));
}

static enum confidence match_replaced(const struct model *m, struct finding *f)
{
	const struct module *places[3] = { m->crash.module, NULL, NULL };
	const struct event *any = model_last(m, KS_file_changed, 0, NULL);

	if (!any)
		return NO_MATCH;
	if (is_fault(m)) {
		places[1] = model_module_at(m, m->crash.address);
		places[2] = f->context->blame ? f->context->blame->module : NULL;
	}
	for (int i = 0; i < 3; i++) {
		const struct event *e = is_fault(m) ? changed_file(m, places[i]) : NULL;

		if (!e || !in_place(e))
			continue;
		f->event = e;
		f->module = places[i];
		f->path = places[i]->path;
		return PROVEN;
	}
	f->event = any;
	f->path = FIELD_TEXT(any, file_changed, path);
	finding_title(f, "the file %s is no longer the one that was loaded", base_name(f->path));
	f->why_not = in_place(any) ? "the fault is not in it" : "it was replaced by a new file: what was loaded stays as it was";
	return SEEN;
}

static void explain_replaced(const struct model *m, struct finding *f)
{
	const struct event *e = f->event;
	const char *package;

	if (f->confidence == SEEN)
		return;
	finding_title(f, "%s was changed on disk while the program was using it", software_file_of_path(f->arena, f->path));
	finding_cite(
		f, e->record, e->time,
		"%s: %llu bytes when it was loaded, %llu bytes now, the same inode, changed since",
		f->path, (unsigned long long)FIELD(e, file_changed, size),
		(unsigned long long)FIELD(e, file_changed, now_size));
	finding_cite(f, m->crash.record, m->ending.time, "%s in %s", signal_word(m->ending.signal),
		     frame_text(f->arena, f->context->blame));
	finding_say(f,
		    "%s was loaded at %.1f s. Later something else was written into the same "
		    "file. A running program uses that file itself, not a copy: its code changed under its feet, and the next use crashed.",
		    f->path, SECONDS(f->module->load_time));
	finding_fix(f, m->is_kernel ? "Restart the kernel: it then takes the new file. After each installation or upgrade of a package a kernel that "
				      "has imported it must be restarted." :
				      "Restart the program: it then takes the new file. Do not install or upgrade a package while a program uses it, "
				      "and never copy over a file in use.");
	package = package_of(f->arena, f->path);
	if (!package_command(m, f->arena, package, f->path, true)) {
		finding_fix(f, "If it crashes again, the file may be half-written: install it again.");
		return;
	}
	finding_fix(f, "If it crashes again, the file may be half-written; reinstall it:");
	finding_run(f, "%s", package_command(m, f->arena, package, f->path, true));
}

const struct rule rule_load_replaced_library = {
	.id = "load.replaced-library",
	.title = "A library's file was overwritten while it was in use",
	.match = match_replaced,
	.explain = explain_replaced,
	.page = "A package was upgraded in place under a running process: the mapped code "
		"changes.\nProof: the file has the same inode and another size or "
		"time than when it was loaded, looked at while the process died, and the fault "
		"lies in it.\n"
		"Mistaken for it: a file that was replaced by rename; the old one stays mapped and "
		"whole.",
	.sources = "https://github.com/pypa/pip/pull/5405 "
		   "https://github.com/tensorflow/text/issues/554",
};

/* --- load.shadowed-library --- */

/* Libraries that wheels bring themselves, and the folder in the package where they belong. */
static const struct { const char *library, *home;
} bundled[] = {
	{"libtorch", "/torch/lib/"},
	{"libc10", "/torch/lib/"},
	{"libtensorflow_framework", "/tensorflow"},
	{"libtensorflow_cc", "/tensorflow"},
	{"libarrow", "/pyarrow/"},
	{"libonnxruntime", "/onnxruntime/"},
	{"libmxnet", "/mxnet/"},
	{"libopencv_", "/cv2/"},
	{"libcaffe2", "/torch/lib/"},
};

static enum confidence match_shadowed(const struct model *m, struct finding *f)
{
	const char *list = model_env(m, "LD_LIBRARY_PATH");
	const struct module *module = m->crash.module ? m->crash.module : f->context->blame ? f->context->blame->module : NULL;

	if (!is_fault(m) || !module || !list)
		return NO_MATCH;
	for (size_t i = 0; i < sizeof(bundled) / sizeof(bundled[0]); i++) {
		if (!module_like(module, bundled[i].library) || strstr(module->path, bundled[i].home))
			continue;
		f->text = path_entry(f->arena, list, module->path);
		if (!f->text)
			continue;
		/* The package itself is loaded from its own place: its extension beside the stranger. */
		for (size_t k = 0; k < m->nmodules; k++) {
			const char *home = strstr(m->modules[k].path, bundled[i].home);

			if (!home && !site_packages(m->modules[k].path))
				continue;
			if (!strstr(m->modules[k].path,
				    arena_text(f->arena, bundled[i].home,
					       strcspn(bundled[i].home + 1, "/") + 1)))
				continue;
			f->module = module;
			f->other = &m->modules[k];
			f->path = module->path;
			return PROVEN;
		}
	}
	return NO_MATCH;
}

static void explain_shadowed(const struct model *m, struct finding *f)
{
	finding_title(f, "%s was taken from LD_LIBRARY_PATH in place of the one that %s brings", module_name(f->module),
		      software_of(f->arena, f->other));
	finding_cite(f, f->module->record, f->module->load_time, "loaded: %s", f->module->path);
	finding_cite(f, f->other->record, f->other->load_time, "the package lies in %s", f->other->path);
	finding_cite(f, m->crash.record, m->ending.time, "%s in %s", signal_word(m->ending.signal), module_name(m->crash.module));
	finding_say(f,
		    "The package brings its own %s, but LD_LIBRARY_PATH (%s) is searched first and "
		    "holds another one; the fault lies in that one.",
		    software_file(f->arena, f->module), f->text);
	howto_unset(m, f, arena_printf(f->arena, "Take %s out of LD_LIBRARY_PATH", f->text), "LD_LIBRARY_PATH");
}

const struct rule rule_load_shadowed_library = {
	.id = "load.shadowed-library",
	.title = "Another installation's library hides the package's own",
	.match = match_shadowed,
	.explain = explain_shadowed,
	.page = "LD_LIBRARY_PATH leads to a library that the package brings itself (a C++ libtorch "
		"beside the wheel's).\nProof: the fault lies in the file "
		"from LD_LIBRARY_PATH, while the package's own extension comes from site-packages.",
	.sources = "https://github.com/pytorch/pytorch/issues/96797",
};
