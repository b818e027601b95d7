/* SPDX-License-Identifier: MIT */
/*
 * A death as a bug report for the tracker of the library that it happened in: Markdown, short,
 * and without what belongs to the user (anonymous.h). The source of cells, arguments, values of
 * variables and the output of the program are not in it; functions of libraries and packages are.
 */
#include "analyzer/report_parts.h"

#include <string.h>

#include "analyzer/anonymous.h"
#include "analyzer/events.h"
#include "analyzer/proof.h"
#include "analyzer/words.h"

#define MOST_NATIVE	20
#define MOST_PYTHON	10

static const struct { const char *package, *address; } trackers[] = {
#define TRACKER(package, address, source) { package, address },
#include "analyzer/trackers.def"
#undef TRACKER
};

struct issue {
	const struct subject *s;
	const struct model *m;		/* where it happened */
	struct report lines;		/* for the frames' texts */
	const struct module *module;	/* whose makers are told, NULL: nobody's */
	const char *package;		/* NULL */
	FILE *out;
};

static struct arena *arena_of(struct issue *i)
{
	return &i->lines.arena;
}

static const char *clean(struct issue *i, const char *text)
{
	return anonymous(i->m, arena_of(i), text);
}

/* Causes in which no library is at fault: limits, the environment, other processes, the user. */
static bool is_local(const char *id)
{
	static const char *const families[] = { "mem.oom", "mem.address", "mem.shared", "mem.file", "mem.mapped", "mem.hardware",
						"limit.", "thread.limit", "thread.clone", "stack.limit", "killed.", "exit.by-program",
						"exit.parent", "exit.exec", "env.", "backend.not", "backend.mis", "load.missing",
						"load.truncated", "load.replaced", "load.noexec", "load.permission", "load.cuda",
						"load.shadowed", "cuda.no-d", "cuda.driver", "cuda.out", "cuda.hardware", "cuda.address",
						"fork.cuda", "none" };

	for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
		if (strncmp(id, families[k], strlen(families[k])) == 0)
			return true;
	}
	return false;
}

static bool is_bystander(const struct module *module)
{
	return module_is_python(module) || module_is_runtime(module) || module_like(module, "libffi") ||
	       module_like(module, "_ctypes") || (module->flags & KS_MODULE_MAIN);
}

static void find_guilty(struct issue *i)
{
	const struct finding *f = &i->s->v->best;
	const struct stack *stack = report_stack(i->m);

	if (f->module && !is_bystander(f->module))
		i->module = f->module;
	for (size_t k = 0; !i->module && stack && k < stack->n; k++) {
		const struct module *module = stack->frames[k].module;

		if (module && !stack->frames[k].ours && !is_bystander(module))
			i->module = module;
	}
	i->package = i->module ? package_of(arena_of(i), i->module->path) : NULL;
}

static void tell_tracker(struct issue *i)
{
	const char *address = NULL;

	for (size_t k = 0; i->package && k < sizeof(trackers) / sizeof(trackers[0]); k++) {
		if (strcmp(trackers[k].package, i->package) == 0)
			address = trackers[k].address;
	}
	if (!address && i->module)
		address = package_tracker(arena_of(i), i->module->path);
	if (address)
		fprintf(i->out, "<!-- to be filed at %s -->\n", address);
	else if (i->package)
		fprintf(i->out, "<!-- to be filed with the makers of %s -->\n", i->package);
	else
		fprintf(i->out, "<!-- which library's tracker this belongs to is not known -->\n");
	if (is_local(i->s->v->best.rule->id))
		fprintf(i->out, "<!-- Think twice: the cause (%s) lies in this machine or environment, not in a library. -->\n",
			i->s->v->best.rule->id);
}

static void tell_end(struct issue *i)
{
	const struct model *m = i->m;
	const struct finding *f = &i->s->v->best;

	fprintf(i->out, "\n### What happens\n\n");
	if (m->crash.present && m->crash.raw->code > 0)
		fprintf(i->out, "The process dies of %s (%s) at address `0x%llx`.\n", signal_word(m->ending.signal),
			signal_code_name(m->ending.signal, m->crash.raw->code) ?
				signal_code_name(m->ending.signal, m->crash.raw->code) : "code unknown",
			(unsigned long long)m->crash.address);
	else
		fprintf(i->out, "The process ends: %s%s%s.\n", ending_word(m->ending.kind), m->ending.signal ? ", " : "",
			m->ending.signal ? signal_word(m->ending.signal) : "");
	for (const char *p = text_get(f->explanation); *p;) {
		size_t n = strcspn(p, "\n");

		if (*p != TOLD_BY_FRAMES)
			fprintf(i->out, "%s\n", clean(i, finding_sentence(arena_text(arena_of(i), p, n))));
		p += n + (p[n] == '\n');
	}
	if (m->crash.abort_message)
		fprintf(i->out, "\nAbort message: `%s`\n", clean(i, arena_line(arena_of(i), m->crash.abort_message)));
	fprintf(i->out, "\nCause as far as proven: `%s` (%s), fingerprint `%s`\n", f->rule->id, confidence_word(f),
		i->s->v->fingerprint);
}

/* A path of the program's own says only that it is one. */
static void tell_python(struct issue *i)
{
	const struct thread *th = report_thread(i->m);
	size_t shown = 0;

	if (!th || !th->npython)
		return;
	fprintf(i->out, "\n### Python stack (innermost first)\n\n```\n");
	for (size_t k = 0; k < th->npython && shown < MOST_PYTHON; k++) {
		const struct py_frame *f = &th->python[k];
		if (report_import_frame(f))
			continue;
		shown++;
		if (report_library_frame(f))
			fprintf(i->out, "%s\n", clean(i, report_python_line(&i->lines, i->m, f)));
		else
			fprintf(i->out, "the program itself, line %d\n", f->line);
	}
	fprintf(i->out, "%s```\n", shown == MOST_PYTHON && th->npython > shown ? "…\n" : "");
}

static void tell_native(struct issue *i)
{
	const struct stack *stack = report_stack(i->m);
	const struct frame *before = NULL;
	size_t shown = 0;

	if (!stack || !stack->n)
		return;
	fprintf(i->out, "\n### Native stack (innermost first)\n\n```\n");
	if (i->m->crash.instruction && i->m->crash.raw->code > 0)
		fprintf(i->out, "=> %s\n", i->m->crash.instruction);
	for (size_t k = 0; k < stack->n && shown < MOST_NATIVE; k++) {
		const struct frame *f = &stack->frames[k];

		if (f->ours || (k > 2 && report_interpreter_frame(f)))
			continue;
		fprintf(i->out, "%s\n", clean(i, report_native_line(&i->lines, f, before)));
		before = f;
		shown++;
	}
	fputs("```\n", i->out);
}

static bool already(const char *const *list, size_t n, const char *name)
{
	while (n--)
		if (strcmp(list[n], name) == 0)
			return true;
	return false;
}

/* The packages whose libraries are among the callers, with the versions of their own files. */
static void tell_packages(struct issue *i)
{
	const struct stack *stack = report_stack(i->m);
	const char *told[12];
	size_t n = 0;

	if (i->package) {
		const char *version = package_version(arena_of(i), i->module->path);

		fprintf(i->out, "- %s %s (%s%s%s)\n", i->package, version ? version : "(version unknown)", i->module->name,
			*i->module->build_id ? ", build-id " : "", i->module->build_id);
		told[n++] = i->package;
	} else if (i->module) {
		fprintf(i->out, "- %s%s%s\n", i->module->name, *i->module->build_id ? ", build-id " : "", i->module->build_id);
	}
	for (size_t k = 0; stack && k < stack->n && n < sizeof(told) / sizeof(told[0]); k++) {
		const struct module *module = stack->frames[k].module;
		const char *package = module ? package_of(arena_of(i), module->path) : NULL;
		const char *version = package ? package_version(arena_of(i), module->path) : NULL;

		if (!package || already(told, n, package))
			continue;
		told[n++] = package;
		fprintf(i->out, "- %s %s\n", package, version ? version : "(version unknown)");
	}
}

static void tell_stack_of_software(struct issue *i)
{
	const struct model *m = i->m;
	const char *id = i->s->v->best.rule->id, *python = process_version(m, arena_of(i));
	const char *glibc = model_info(m, "glibc"), *linux_version = model_info(m, "linux"), *cpu = model_info(m, "cpu"), *flags;
	bool cpu_matters = strncmp(id, "cpu.", 4) == 0 || m->ending.signal == 4 || m->ending.signal == 8;
	const struct event *driver = strncmp(id, "cuda.", 5) == 0 ? model_last(m, KS_cuda_driver, 0, NULL) : NULL;

	fprintf(i->out, "\n### Versions\n\n");
	tell_packages(i);
	fprintf(i->out, "- Python %s, %s%s\n", python ? python : "(version unknown)", m->arch == KS_ARCH_AARCH64 ? "aarch64" : "x86_64",
		process_conda(m) ? ", conda" : process_venv(m) ? ", virtual environment" : "");
	if (glibc || linux_version)
		fprintf(i->out, "- %s%s%s%s\n", glibc ? "glibc " : "", glibc ? glibc : "", linux_version ? ", Linux " : "",
			linux_version ? clean(i, linux_version) : "");
	if (cpu_matters && cpu) {
		flags = model_info(m, "cpu_flags");
		fprintf(i->out, "- CPU: %s\n", cpu);
		if (flags)
			fprintf(i->out, "- its features: %s\n", flags);
	}
	if (driver && FIELD_TEXT(driver, cuda_driver, kernel))
		fprintf(i->out, "- NVIDIA driver: %s\n", clean(i, FIELD_TEXT(driver, cuda_driver, kernel)));
}

static void tell_reproduction(struct issue *i)
{
	const struct thread *th = report_thread(i->m);
	const struct event *import = model_last(i->m, KS_py_import, 0, NULL);
	const char *name = import ? FIELD_TEXT(import, py_import, name) : NULL;

	fprintf(i->out, "\n### To reproduce\n\n");
	if (th && th->npython)
		fprintf(i->out, "The Python stack above shows the call; a few lines that make it with the same arguments belong here.\n");
	else if (name)
		fprintf(i->out, "The last import begun was `import %s`; a few lines that fail the same way belong here.\n", clean(i, name));
	else
		fprintf(i->out, "A few lines that fail the same way belong here.\n");
	fprintf(i->out, "\n(Recorded by kshim; made anonymous by it. Read it once more before you file it.)\n");
}

/* For whoever wrote the code: the function, or the check that failed. */
static const char *issue_title(struct issue *i)
{
	const struct finding *f = &i->s->v->best;
	const struct stack *stack = report_stack(i->m);
	const struct frame *top = NULL;

	for (size_t k = 0; stack && !top && k < stack->n; k++) {
		if (stack->frames[k].module == i->module && stack->frames[k].symbol)
			top = &stack->frames[k];
	}
	if (strcmp(f->rule->id, "crash.check-failed") == 0 && f->text) {
		const char *words = strstr(f->text, "] ");	/* behind the time, the thread and the file's line */

		return arena_printf(arena_of(i), "%s: %s", i->package ? i->package : module_name(i->module), words ? words + 2 : f->text);
	}
	if (strcmp(f->rule->id, "crash.in-library") == 0 && top)
		return arena_printf(arena_of(i), "%s in %s (%s)", signal_word(i->m->ending.signal), report_native_line(&i->lines, top, top),
				    module_name(top->module));
	return f->title ? f->title : f->rule->title;
}

void report_issue(const struct subject *s, FILE *out)
{
	struct issue i = { .s = s, .m = s->where, .out = out };

	i.lines = (struct report){ .m = s->m, .where = s->where, .v = s->v };
	find_guilty(&i);
	tell_tracker(&i);
	fprintf(out, "\n## %s\n", clean(&i, issue_title(&i)));
	tell_end(&i);
	tell_native(&i);
	tell_python(&i);
	tell_stack_of_software(&i);
	tell_reproduction(&i);
	arena_free(arena_of(&i));
}
