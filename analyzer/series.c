/* SPDX-License-Identifier: MIT */
/* See series.h. */
#include "analyzer/series.h"

#include <string.h>

#include "analyzer/decode.h"
#include "analyzer/kin.h"
#include "analyzer/report_json.h"
#include "analyzer/trace.h"
#include "analyzer/words.h"

#define LOOKED_AT	64	/* headers of kernels of the same server */
#define GAP		30000000000	/* a server looks every three seconds and then starts the next one, ns */

static bool is_death(const struct case_file *c)
{
	return c->model->ending.kind != END_CLEAN && c->model->ending.kind != END_RUNNING &&
	       strcmp(c->verdict.best.rule->id, "none") != 0;
}

static void add(struct series *s, const struct case_file *c, const struct entry *e)
{
	const struct finding *f = &c->verdict.best;
	const char *title = f->title ? f->title : f->rule->title;
	struct life *l = &s->life[s->n++];

	*l = (struct life){
		.path = arena_text(&s->arena, e->path, strlen(e->path)),
		.cause = f->rule->id,
		.title = arena_text(&s->arena, title, strlen(title)),
		.ending = ending_word(c->model->ending.kind),
		.pid = e->head.pid,
		.started = c->model->started,
		.ended = e->ended,
	};
	memcpy(l->fingerprint, c->verdict.fingerprint, sizeof(l->fingerprint));
}

/* What was made of each from its trace alone is compared with the same of the one that is reported. */
static void compare(struct series *s, const struct model *m)
{
	struct case_file c;
	const char *why;

	s->all_same = true;
	if (!s->n || !case_open_plain(&c, m->file, &why))
		return;
	for (size_t i = 0; i < s->n; i++) {
		s->life[i].same = strcmp(s->life[i].cause, c.verdict.best.rule->id) == 0 &&
				  strcmp(s->life[i].fingerprint, c.verdict.fingerprint) == 0;
		s->all_same &= s->life[i].same;
	}
	case_close(&c);
}

void series_find(struct series *s, const struct folder *f, const struct model *m, const struct verdict *v)
{
	int64_t before = m->started;
	unsigned looked = 0;
	const char *why;

	*s = (struct series){ .n = 0 };
	if (!f || !m->is_kernel || !m->connection_file || strcmp(v->best.rule->id, "none") == 0)
		return;
	for (size_t i = 0; i < f->n && s->n < SERIES_MOST && looked < LOOKED_AT; i++) {
		const struct entry *e = &f->entry[i];
		struct case_file c;
		bool fits, died;

		if (!e->kernel || e->head.ppid != m->ppid || e->alive || header_realtime(e->head.start_realtime) >= before)
			continue;
		looked++;
		if (!case_open_plain(&c, e->path, &why))
			continue;
		fits = c.model->connection_file && strcmp(c.model->connection_file, m->connection_file) == 0 &&
		       e->ended + GAP > before;
		died = fits && is_death(&c);
		if (died) {
			add(s, &c, e);
			before = c.model->started;
		}
		case_close(&c);
		if (fits && !died)
			break;		/* it was kept, and ended as it was asked to: another story */
	}
	compare(s, m);
}

void series_free(struct series *s)
{
	arena_free(&s->arena);
}

const char *series_words(const struct series *s, const struct model *m, struct arena *a)
{
	const struct life *first = s->n ? &s->life[s->n - 1] : NULL;
	const char *text;

	if (!first)
		return NULL;
	text = arena_printf(a, "This kernel died %zu times%s within %s, its server started it again each time.", s->n + 1,
			    s->n == SERIES_MOST ? " at the least" : "",
			    duration_words(a, m->started + m->ending.time - first->started));
	if (s->all_same)
		return arena_printf(a, "%s It died of the same each time.", text);
	for (size_t i = s->n; i-- > 0;)
		if (!s->life[i].same)
			return arena_printf(a, "%s It did not always die of the same: process %u, %s (%s); kshim-analyze %s tells of that.",
					    text, s->life[i].pid, s->life[i].title, s->life[i].cause, s->life[i].path);
	return text;
}

void series_json(cJSON *root, const struct series *s)
{
	cJSON *list = json_array(root, "earlier");
	struct arena a = { 0 };

	for (size_t i = 0; s && i < s->n; i++) {
		const struct life *l = &s->life[i];
		cJSON *o = json_object(list, NULL);

		json_number(o, "pid", l->pid);
		json_text(o, "started", iso_time(&a, l->started));
		json_text(o, "ended", iso_time(&a, l->ended));
		json_text(o, "ending", l->ending);
		json_text(o, "cause", l->cause);
		json_text(o, "title", l->title);
		json_add(o, "same", cJSON_CreateBool(l->same));
		json_text(o, "file", l->path);
	}
	arena_free(&a);
}
