/* SPDX-License-Identifier: MIT */
/*
 * The report for programs. The schema stands in kshim-analyze(1): members are added, never renamed,
 * and each is there even where it is null. Addresses are hexadecimal texts, since JSON's numbers
 * end at 2^53; times are seconds since the trace began, dates ISO 8601.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/error.h"
#include "analyzer/events.h"
#include "analyzer/live.h"
#include "analyzer/merge.h"
#include "analyzer/report.h"
#include "analyzer/words.h"

#define SCHEMA	"kshim-report-1"

static void add(cJSON *to, const char *name, cJSON *value)
{
	if (!value)
		die(EXIT_NO_TRACE, "out of memory");
	if (name)
		cJSON_AddItemToObject(to, name, value);
	else
		cJSON_AddItemToArray(to, value);
}

static cJSON *add_object(cJSON *to, const char *name)
{
	cJSON *o = cJSON_CreateObject();

	add(to, name, o);
	return o;
}

static cJSON *add_array(cJSON *to, const char *name)
{
	cJSON *a = cJSON_CreateArray();

	add(to, name, a);
	return a;
}

/* Texts of the model are clean already; those of a caller or of a rule may quote what is not. */
static void add_text(cJSON *to, const char *name, const char *s)
{
	struct text t = { 0 };

	if (!s) {
		add(to, name, cJSON_CreateNull());
		return;
	}
	text_clean(&t, s, strlen(s));
	add(to, name, cJSON_CreateString(text_get(&t)));
	text_free(&t);
}

static void add_number(cJSON *to, const char *name, uint64_t v)
{
	add(to, name, v == UNKNOWN ? cJSON_CreateNull() : cJSON_CreateNumber((double)v));
}

static void add_address(cJSON *to, const char *name, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	add(to, name, cJSON_CreateString(text));
}

static void add_seconds(cJSON *to, const char *name, int64_t ns)
{
	add(to, name, cJSON_CreateNumber((double)(ns / 1000) / 1e6));
}

static void add_lines(cJSON *to, const char *name, const char *lines)
{
	cJSON *a = add_array(to, name);
	struct arena arena = { 0 };

	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");

		if (n)
			add_text(a, NULL, arena_text(&arena, lines, n));
		lines += n + (lines[n] == '\n');
	}
	arena_free(&arena);
}

/* --- the process and its end --- */

static void add_argv(cJSON *to, const struct model *m, struct arena *a)
{
	const char *const *argv;
	size_t n = process_argv(m, a, &argv);
	cJSON *list = add_array(to, "argv");

	for (size_t i = 0; i < n; i++)
		add_text(list, NULL, argv[i]);
}

static void add_process(cJSON *root, const struct model *m, struct arena *a)
{
	cJSON *p = add_object(root, "process"), *k;
	bool ended = m->ending.kind != END_RUNNING;

	add_number(p, "pid", m->pid);
	add_number(p, "ppid", m->ppid);
	add_argv(p, m, a);
	add_text(p, "exe", model_info(m, "exe"));
	add_text(p, "python", process_version(m, a));
	add_text(p, "prefix", process_prefix(m));
	add_text(p, "venv", process_venv(m));
	add_text(p, "conda", process_conda(m));
	add_text(p, "started", iso_time(a, m->started));
	add_text(p, "ended", ended ? iso_time(a, m->started + m->ending.time) : NULL);
	if (m->is_kernel) {
		k = add_object(p, "kernel");
		add_text(k, "connection_file", m->connection_file);
		add_text(k, "notebook", m->notebook);
		add_number(k, "cell", m->cell ? m->cell : UNKNOWN);
		add_text(k, "cell_file", m->cell_file);
		add_text(k, "cell_text", m->cell_text);
	} else {
		add(p, "kernel", cJSON_CreateNull());
	}
}

static void add_ending(cJSON *root, const struct model *m, struct arena *a)
{
	const struct ending *e = &m->ending;
	cJSON *o = add_object(root, "ending"), *s;
	const char *code = e->signal ? signal_code_name(e->signal, e->code) : NULL;

	add_text(o, "kind", ending_word(e->kind));
	add_text(o, "signal", e->signal ? signal_name(a, e->signal) : NULL);
	if (code)
		add_text(o, "code", code);
	else
		add(o, "code", e->signal ? cJSON_CreateNumber(e->code) : cJSON_CreateNull());
	add(o, "status",
	    e->kind == END_EXIT || e->kind == END_CLEAN ? cJSON_CreateNumber(e->status) :
							  cJSON_CreateNull());
	if (e->sender_pid) {
		s = add_object(o, "sender");
		add_number(s, "pid", e->sender_pid);
		add_text(s, "comm", e->sender);
		add_number(s, "uid", e->sender_uid);
		add_number(s, "ppid", e->sender_ppid);
		add_text(s, "parent_comm", e->sender_parent);
	} else {
		add(o, "sender", cJSON_CreateNull());
	}
	add_seconds(o, "time", e->time);
}

static void add_verdict(cJSON *root, const struct verdict *v)
{
	const struct finding *f = &v->best;
	cJSON *o = add_object(root, "verdict"), *evidence;

	add_text(o, "cause", f->rule->id);
	add_text(o, "confidence", confidence_word(f));
	add_text(o, "title", f->title ? f->title : f->rule->title);
	add_lines(o, "explanation", text_get(f->explanation));
	add_lines(o, "fix", f->fix->n ? text_get(f->fix) : f->rule->advice);
	evidence = add_array(o, "evidence");
	for (unsigned i = 0; i < f->nevidence; i++) {
		cJSON *e = add_object(evidence, NULL);

		add_number(e, "record", f->evidence[i].record);
		add_seconds(e, "time", f->evidence[i].time);
		add_text(e, "text", f->evidence[i].text);
	}
}

static void add_also_seen(cJSON *root, const struct verdict *v)
{
	cJSON *a = add_array(root, "also_seen");

	for (unsigned i = 0; i < v->nalso; i++) {
		const struct finding *f = &v->also[i];
		cJSON *o = add_object(a, NULL);

		add_text(o, "cause", f->rule->id);
		add_text(o, "text", f->title ? f->title : f->rule->title);
		add_text(o, "why_not", f->why_not);
	}
}

/* --- where --- */

static void add_python(cJSON *to, const char *name, const struct thread *th)
{
	cJSON *a = add_array(to, name);

	for (size_t i = 0; th && i < th->npython; i++) {
		cJSON *o = add_object(a, NULL);

		add_text(o, "file", th->python[i].file);
		add_number(o, "line", th->python[i].line ? (uint64_t)th->python[i].line : UNKNOWN);
		add_text(o, "function", th->python[i].function);
	}
}

static void add_native(cJSON *root, const char *name, const struct stack *stack)
{
	cJSON *a = add_array(root, name);

	for (size_t i = 0; stack && i < stack->n; i++) {
		const struct frame *f = &stack->frames[i];
		cJSON *o = add_object(a, NULL);

		add_address(o, "pc", f->pc);
		add_text(o, "module", f->module ? f->module->path : NULL);
		add_text(o, "symbol", f->symbol);
		add_address(o, "offset", f->offset);
		add_text(o, "file", f->file);
		add_number(o, "line", f->line ? (uint64_t)f->line : UNKNOWN);
		add(o, "inlined", cJSON_CreateBool(f->inlined));
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

	add_text(to, "waits_for", w->text);
	o = add_object(to, "wait");
	add_text(o, "kind", kinds[w->kind]);
	if (w->address)
		add_address(o, "address", w->address);
	add_number(o, "owner", w->owner ? w->owner : UNKNOWN);
	add(o, "owner_exists", w->owner ? cJSON_CreateBool(!w->owner_gone) : cJSON_CreateNull());
	add(o, "time_limit", w->known ? cJSON_CreateBool(w->timed) : cJSON_CreateNull());
}

/* Python and native frames as one stack, as lines. */
static void add_one_stack(cJSON *to, const struct thread *th)
{
	cJSON *list = add_array(to, "stack");
	struct arena arena = { 0 };
	struct one_frame *all;
	size_t n = stack_merge(th, th->native, &arena, &all);

	for (size_t i = 0; i < n; i++) {
		const struct py_frame *py = all[i].python;
		const struct frame *f = all[i].native;

		if (py)
			add_text(list, NULL, arena_printf(&arena, "%s (%s:%d)", py->function, py->file, py->line));
		else if (f->symbol)
			add_text(list, NULL, arena_printf(&arena, "%s (%s)", f->symbol, f->module ? f->module->name : "?"));
		else
			add_text(list, NULL,
				 arena_printf(&arena, "%s+0x%llx",
					      f->module ? f->module->name : "?",
					      (unsigned long long)f->offset));
	}
	arena_free(&arena);
}

static void add_threads(cJSON *root, const struct model *m)
{
	cJSON *a = add_array(root, "threads");

	for (size_t i = 0; i < m->nthreads && i < 4096; i++) {
		const struct thread *th = &m->threads[i];
		char state[2] = { th->state, '\0' };
		cJSON *o;

		if (!th->alive)
			continue;
		o = add_object(a, NULL);
		add_number(o, "tid", th->tid);
		add_text(o, "name", th->name);
		add_text(o, "state", th->state ? state : NULL);
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
		add(root, "live", cJSON_CreateNull());
		return;
	}
	o = add_object(root, "live");
	add_text(o, "refused", live->refused);
	add_number(o, "threads", live->ntasks);
	add_number(o, "stopped_threads", live->stopped);
	add(o, "stopped_ms", cJSON_CreateNumber((double)live->stopped_ns / 1e6));
	add(o, "longest_stop_ms", cJSON_CreateNumber((double)live->longest_ns / 1e6));
}

static void add_libraries(cJSON *root, const struct model *m)
{
	cJSON *a = add_array(root, "libraries");

	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *mod = &m->modules[i];
		cJSON *o = add_object(a, NULL);

		add_text(o, "path", mod->path);
		add_text(o, "soname", mod->soname);
		add_text(o, "build_id", *mod->build_id ? mod->build_id : NULL);
		add_address(o, "base", mod->base);
		add_seconds(o, "loaded", mod->load_time);
		if (mod->unload_time >= 0)
			add_seconds(o, "unloaded", mod->unload_time);
		else
			add(o, "unloaded", cJSON_CreateNull());
		add(o, "unchanged", cJSON_CreateBool(mod->file_same));
	}
}

/* --- memory --- */

static void add_memory(cJSON *root, const struct model *m)
{
	struct memory_summary s = report_memory(m);
	cJSON *o = add_object(root, "memory");

	add_number(o, "rss", s.rss);
	add_number(o, "rss_peak", s.rss_peak);
	add_number(o, "vsize", s.vsize);
	add_number(o, "heap_live", s.heap_live);
	add_number(o, "cgroup_usage", s.cgroup_usage);
	add_number(o, "cgroup_limit", s.cgroup_limit);
	add_number(o, "available", s.available);
	add_number(o, "as_limit", s.as_limit);
	add_number(o, "threads", s.threads);
}

static void add_gpu(cJSON *root, const struct model *m)
{
	const struct event *driver = model_last(m, KS_cuda_driver, 0, NULL),
			   *init = model_last(m, KS_cuda_init, 0, NULL);
	const struct event *device = model_last(m, KS_cuda_device, 0, NULL),
			   *mem = model_last(m, KS_cuda_memory, 0, NULL);
	cJSON *o;

	if (!driver && !init && !device) {
		add(root, "gpu", cJSON_CreateNull());
		return;
	}
	o = add_object(root, "gpu");
	add_text(o, "driver", driver ? FIELD_TEXT(driver, cuda_driver, path) : NULL);
	add_number(o, "driver_version",
		   driver && FIELD(driver, cuda_driver, version) ?
			   FIELD(driver, cuda_driver, version) :
			   UNKNOWN);
	add(o, "init_result",
	    init ? cJSON_CreateNumber((double)FIELD_SIGNED(init, cuda_init, result)) :
		   cJSON_CreateNull());
	add_text(o, "device", device ? FIELD_TEXT(device, cuda_device, name) : NULL);
	add_number(o, "total",
		   device ? FIELD(device, cuda_device, total) :
		   mem	  ? FIELD(mem, cuda_memory, total) :
			    UNKNOWN);
	add_number(o, "free", mem ? FIELD(mem, cuda_memory, free) : UNKNOWN);
	add_number(o, "live",
		   m->gpu ? m->gpu->device_live :
		   mem	  ? FIELD(mem, cuda_memory, live) :
			    UNKNOWN);
	add_number(o, "peak", m->gpu ? m->gpu->device_peak : UNKNOWN);
	add_number(o, "launches", m->gpu ? m->gpu->launches : UNKNOWN);
	add_number(o, "first_error",
		   m->gpu && m->gpu->first_error ? (uint64_t)m->gpu->first_error : UNKNOWN);
}

static void add_trace(cJSON *root, const struct subject *s)
{
	const struct model *m = s->m;
	cJSON *o = add_object(root, "trace"), *damage;

	add_text(o, "file", m->file);
	damage = add_array(o, "damage");
	for (size_t i = 0; i < m->ndamage; i++)
		add_text(damage, NULL, m->damage[i].text);
	add_text(o, "note", s->note);
	add_text(o, "child", s->where != m ? s->where->file : NULL);
}

void report_json(const struct subject *s, FILE *out)
{
	const struct model *m = s->m;
	cJSON *root = cJSON_CreateObject();
	struct arena arena = { 0 };
	char *printed;

	add_text(root, "schema", SCHEMA);
	add_trace(root, s);
	add_process(root, m, &arena);
	add_ending(root, m, &arena);
	add_verdict(root, s->v);
	add_also_seen(root, s->v);
	add_python(root, "python_stack", report_thread(s->where));
	add_native(root, "native_stack", report_stack(s->where));
	add_threads(root, m);
	add_live(root, m);
	add_libraries(root, m);
	add_memory(root, m);
	add_gpu(root, m);
	add_text(root, "stderr", *m->stderr_tail ? m->stderr_tail : NULL);
	add_text(root, "fingerprint", s->v->fingerprint);
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
	static const char *const empty[] = { "also_seen", "python_stack", "native_stack", "threads",
					     "libraries" };
	static const char *const missing[] = { "process", "live", "memory", "gpu", "stderr",
					       "fingerprint" };
	cJSON *root = cJSON_CreateObject(), *o;
	char *printed;

	add_text(root, "schema", SCHEMA);
	o = add_object(root, "trace");
	add_text(o, "file", NULL);
	add_text(o, "directory", directory);
	add_array(o, "damage");
	add_text(add_object(root, "ending"), "kind", "clean");
	o = add_object(root, "verdict");
	add_text(o, "cause", "none");
	add_text(o, "confidence", "likely");
	add_text(o, "title", title);
	add_text(add_array(o, "explanation"), NULL, explanation);
	add_array(o, "fix");
	add_array(o, "evidence");
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
		add_array(root, empty[i]);
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		add_text(root, missing[i], NULL);
	printed = cJSON_Print(root);
	if (!printed)
		die(EXIT_NO_TRACE, "out of memory");
	fprintf(out, "%s\n", printed);
	free(printed);
	cJSON_Delete(root);
}
