/* SPDX-License-Identifier: MIT */
/*
 * The report for programs. The schema stands in kshim-analyze(1): members are added, never renamed,
 * and each is there even where it is null. Addresses are hexadecimal texts, since JSON's numbers
 * end at 2^53; times are seconds since the trace began, dates ISO 8601.
 */
#include "analyzer/report_json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/error.h"
#include "analyzer/events.h"
#include "analyzer/live.h"
#include "analyzer/merge.h"
#include "analyzer/reach.h"
#include "analyzer/report.h"
#include "analyzer/words.h"

#define SCHEMA	"kshim-report-1"

static void add_address(cJSON *to, const char *name, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	json_add(to, name, cJSON_CreateString(text));
}

static void add_seconds(cJSON *to, const char *name, int64_t ns)
{
	json_add(to, name, cJSON_CreateNumber((double)(ns / 1000) / 1e6));
}

static void add_lines(cJSON *to, const char *name, const char *lines)
{
	cJSON *a = json_array(to, name);
	struct arena arena = { 0 };

	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");

		if (n) {
			char *line = arena_text(&arena, lines, n), *command = strchr(line, FIX_COMMAND);

			if (command)	/* "the step: what to type" */
				*command = ' ';
			json_text(a, NULL, finding_sentence(line));
		}
		lines += n + (lines[n] == '\n');
	}
	arena_free(&arena);
}

/* --- the process and its end --- */

static void add_argv(cJSON *to, const struct model *m, struct arena *a)
{
	const char *const *argv;
	size_t n = process_argv(m, a, &argv);
	cJSON *list = json_array(to, "argv");

	for (size_t i = 0; i < n; i++)
		json_text(list, NULL, argv[i]);
}

static void add_process(cJSON *root, const struct model *m, struct arena *a)
{
	cJSON *p = json_object(root, "process"), *k;
	bool ended = m->ending.kind != END_RUNNING;

	json_number(p, "pid", m->pid);
	json_number(p, "ppid", m->ppid);
	add_argv(p, m, a);
	json_text(p, "exe", model_info(m, "exe"));
	json_text(p, "python", process_version(m, a));
	json_text(p, "prefix", process_prefix(m));
	json_text(p, "venv", process_venv(m));
	json_text(p, "conda", process_conda(m));
	json_text(p, "started", iso_time(a, m->started));
	json_text(p, "ended", ended ? iso_time(a, m->started + m->ending.time) : NULL);
	if (m->is_kernel) {
		k = json_object(p, "kernel");
		json_text(k, "connection_file", m->connection_file);
		json_text(k, "notebook", m->notebook);
		json_number(k, "cell", m->cell ? m->cell : UNKNOWN);
		json_text(k, "cell_file", m->cell_file);
		json_text(k, "cell_text", m->cell_text);
	} else {
		json_add(p, "kernel", cJSON_CreateNull());
	}
}

static void add_ending(cJSON *root, const struct model *m, struct arena *a)
{
	const struct ending *e = &m->ending;
	cJSON *o = json_object(root, "ending"), *s;
	const char *code = e->signal ? signal_code_name(e->signal, e->code) : NULL;

	json_text(o, "kind", ending_word(e->kind));
	json_text(o, "signal", e->signal ? signal_name(a, e->signal) : NULL);
	if (code)
		json_text(o, "code", code);
	else
		json_add(o, "code", e->signal ? cJSON_CreateNumber(e->code) : cJSON_CreateNull());
	json_add(o, "status",
	    e->kind == END_EXIT || e->kind == END_CLEAN ? cJSON_CreateNumber(e->status) :
							  cJSON_CreateNull());
	if (e->sender_pid) {
		s = json_object(o, "sender");
		json_number(s, "pid", e->sender_pid);
		json_text(s, "comm", e->sender);
		json_number(s, "uid", e->sender_uid);
		json_number(s, "ppid", e->sender_ppid);
		json_text(s, "parent_comm", e->sender_parent);
	} else {
		json_add(o, "sender", cJSON_CreateNull());
	}
	add_seconds(o, "time", e->time);
}

static void add_verdict(cJSON *root, const struct verdict *v)
{
	const struct finding *f = &v->best;
	cJSON *o = json_object(root, "verdict"), *evidence;

	json_text(o, "cause", f->rule->id);
	json_text(o, "confidence", confidence_word(f));
	json_text(o, "title", f->title ? f->title : f->rule->title);
	add_lines(o, "explanation", text_get(f->explanation));
	add_lines(o, "fix", f->fix->n ? text_get(f->fix) : f->rule->advice);
	evidence = json_array(o, "evidence");
	for (unsigned i = 0; i < f->nevidence; i++) {
		cJSON *e = json_object(evidence, NULL);

		json_number(e, "record", f->evidence[i].record);
		add_seconds(e, "time", f->evidence[i].time);
		json_text(e, "text", f->evidence[i].text);
	}
}

static void add_also_seen(cJSON *root, const struct verdict *v)
{
	cJSON *a = json_array(root, "also_seen");

	for (unsigned i = 0; i < v->nalso; i++) {
		const struct finding *f = &v->also[i];
		cJSON *o = json_object(a, NULL);

		json_text(o, "cause", f->rule->id);
		json_text(o, "text", f->title ? f->title : f->rule->title);
		json_text(o, "why_not", f->why_not);
	}
}

/* --- where --- */

static void add_python(cJSON *to, const char *name, const struct thread *th)
{
	cJSON *a = json_array(to, name);

	for (size_t i = 0; th && i < th->npython; i++) {
		cJSON *o = json_object(a, NULL);

		json_text(o, "file", th->python[i].file);
		json_number(o, "line", th->python[i].line ? (uint64_t)th->python[i].line : UNKNOWN);
		json_text(o, "function", th->python[i].function);
	}
}

static void add_native(cJSON *root, const char *name, const struct stack *stack)
{
	cJSON *a = json_array(root, name);

	for (size_t i = 0; stack && i < stack->n; i++) {
		const struct frame *f = &stack->frames[i];
		cJSON *o = json_object(a, NULL);

		add_address(o, "pc", f->pc);
		json_text(o, "module", f->module ? f->module->path : NULL);
		json_text(o, "symbol", f->symbol);
		add_address(o, "offset", f->offset);
		json_text(o, "file", f->file);
		json_number(o, "line", f->line ? (uint64_t)f->line : UNKNOWN);
		json_add(o, "inlined", cJSON_CreateBool(f->inlined));
	}
}

/* What it waits for; null where it waits for nothing, or nothing is known. */
static void add_wait(cJSON *to, const struct thread *th)
{
	static const char *const kinds[] = {
		[WAIT_UNKNOWN] = "unknown", [WAIT_NONE] = "none", [WAIT_OUTSIDE] = "outside", [WAIT_LOCK] = "lock",
		[WAIT_CONDITION] = "condition", [WAIT_THREAD] = "thread", [WAIT_GIL] = "gil",
	};
	const struct wait *w = &th->wait;
	cJSON *o;

	json_text(to, "waits_for", w->text);
	o = json_object(to, "wait");
	json_text(o, "kind", kinds[w->kind]);
	if (w->address)
		add_address(o, "address", w->address);
	json_number(o, "owner", w->owner ? w->owner : UNKNOWN);
	json_add(o, "owner_exists", w->owner ? cJSON_CreateBool(!w->owner_gone) : cJSON_CreateNull());
	json_add(o, "time_limit", w->known ? cJSON_CreateBool(w->timed) : cJSON_CreateNull());
}

/* Python and native frames as one stack, as lines. */
static void add_one_stack(cJSON *to, const struct thread *th)
{
	cJSON *list = json_array(to, "stack");
	struct arena arena = { 0 };
	struct one_frame *all;
	size_t n = stack_merge(th, th->native, &arena, &all);

	for (size_t i = 0; i < n; i++) {
		const struct py_frame *py = all[i].python;
		const struct frame *f = all[i].native;

		if (py)
			json_text(list, NULL, arena_printf(&arena, "%s (%s:%d)", py->function, py->file, py->line));
		else if (f->symbol)
			json_text(list, NULL, arena_printf(&arena, "%s (%s)", f->symbol, f->module ? f->module->name : "?"));
		else
			json_text(list, NULL,
				 arena_printf(&arena, "%s+0x%llx",
					      f->module ? f->module->name : "?",
					      (unsigned long long)f->offset));
	}
	arena_free(&arena);
}

static void add_threads(cJSON *root, const struct model *m)
{
	cJSON *a = json_array(root, "threads");

	for (size_t i = 0; i < m->nthreads && i < 4096; i++) {
		const struct thread *th = &m->threads[i];
		char state[2] = { th->state, '\0' };
		cJSON *o;

		if (!th->alive)
			continue;
		o = json_object(a, NULL);
		json_number(o, "tid", th->tid);
		json_text(o, "name", th->name);
		json_text(o, "state", th->state ? state : NULL);
		add_python(o, "python_stack", th);
		add_native(o, "native_stack", th->native);
		add_wait(o, th);
		if (model_live(m))
			add_one_stack(o, th);
	}
}

/* A living process: how it was looked at. */
static void add_live(cJSON *root, const struct model *m)
{
	const struct live *live = model_live(m);
	cJSON *o;

	if (!live) {
		json_add(root, "live", cJSON_CreateNull());
		return;
	}
	o = json_object(root, "live");
	json_text(o, "refused", live->refused);
	json_number(o, "threads", live->ntasks);
	json_number(o, "stopped_threads", live->stopped);
	json_add(o, "stopped_ms", cJSON_CreateNumber((double)live->stopped_ns / 1e6));
	json_add(o, "longest_stop_ms", cJSON_CreateNumber((double)live->longest_ns / 1e6));
}

static void add_libraries(cJSON *root, const struct model *m)
{
	cJSON *a = json_array(root, "libraries");

	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *mod = &m->modules[i];
		cJSON *o = json_object(a, NULL);

		json_text(o, "path", mod->path);
		json_text(o, "soname", mod->soname);
		json_text(o, "build_id", *mod->build_id ? mod->build_id : NULL);
		add_address(o, "base", mod->base);
		add_seconds(o, "loaded", mod->load_time);
		if (mod->unload_time >= 0)
			add_seconds(o, "unloaded", mod->unload_time);
		else
			json_add(o, "unloaded", cJSON_CreateNull());
		json_add(o, "unchanged", cJSON_CreateBool(mod->file_same));
	}
}

/* --- memory --- */

static void add_memory(cJSON *root, const struct model *m)
{
	struct memory_summary s = report_memory(m);
	cJSON *o = json_object(root, "memory");

	json_number(o, "rss", s.rss);
	json_number(o, "rss_peak", s.rss_peak);
	json_number(o, "vsize", s.vsize);
	json_number(o, "heap_live", s.heap_live);
	json_number(o, "cgroup_usage", s.cgroup_usage);
	json_number(o, "cgroup_limit", s.cgroup_limit);
	json_number(o, "available", s.available);
	json_number(o, "as_limit", s.as_limit);
	json_number(o, "threads", s.threads);
}

static void add_trace(cJSON *root, const struct subject *s)
{
	const struct model *m = s->m;
	cJSON *o = json_object(root, "trace"), *damage, *silent;

	json_text(o, "file", m->file);
	damage = json_array(o, "damage");
	for (size_t i = 0; i < m->ndamage; i++)
		json_text(damage, NULL, m->damage[i].text);
	silent = json_array(o, "unreachable");
	for (unsigned i = 0; reach_silent(i); i++)
		json_text(silent, NULL, reach_silent(i));
	json_text(o, "note", s->note);
	json_text(o, "child", s->where != m ? s->where->file : NULL);
}

void report_json(const struct subject *s, FILE *out)
{
	const struct model *m = s->m;
	cJSON *root = cJSON_CreateObject();
	struct arena arena = { 0 };
	char *printed;

	json_text(root, "schema", SCHEMA);
	add_trace(root, s);
	add_process(root, m, &arena);
	add_ending(root, m, &arena);
	add_verdict(root, s->v);
	add_also_seen(root, s->v);
	series_json(root, s->series);
	add_python(root, "python_stack", report_thread(s->where));
	add_native(root, "native_stack", report_stack(s->where));
	add_threads(root, m);
	add_live(root, m);
	add_libraries(root, m);
	add_memory(root, m);
	report_json_gpu(root, m);
	json_text(root, "stderr", *m->stderr_tail ? m->stderr_tail : NULL);
	json_text(root, "fingerprint", s->v->fingerprint);
	printed = cJSON_Print(root);
	if (!printed)
		die(EXIT_NO_TRACE, "out of memory");
	fprintf(out, "%s\n", printed);
	free(printed);
	cJSON_Delete(root);
	arena_free(&arena);
}

void report_json_nothing(const char *directory, const char *title, const char *explanation,
			 FILE *out)
{
	static const char *const empty[] = { "also_seen", "earlier", "python_stack", "native_stack", "threads",
					     "libraries" };
	static const char *const missing[] = { "process", "live", "memory", "gpu", "stderr",
					       "fingerprint" };
	cJSON *root = cJSON_CreateObject(), *o;
	char *printed;

	json_text(root, "schema", SCHEMA);
	o = json_object(root, "trace");
	json_text(o, "file", NULL);
	json_text(o, "directory", directory);
	json_array(o, "damage");
	json_array(o, "unreachable");
	json_text(json_object(root, "ending"), "kind", "clean");
	o = json_object(root, "verdict");
	json_text(o, "cause", "none");
	json_text(o, "confidence", "likely");
	json_text(o, "title", title);
	json_text(json_array(o, "explanation"), NULL, explanation);
	json_array(o, "fix");
	json_array(o, "evidence");
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
		json_array(root, empty[i]);
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		json_text(root, missing[i], NULL);
	printed = cJSON_Print(root);
	if (!printed)
		die(EXIT_NO_TRACE, "out of memory");
	fprintf(out, "%s\n", printed);
	free(printed);
	cJSON_Delete(root);
}
