/* SPDX-License-Identifier: MIT */
/*
 * The GPU's part of a report: driver and devices, device memory over time as a small chart, and
 * what failed first.
 */
#include "analyzer/gpu.h"

#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/report_parts.h"

#define ROWS	5
#define COLUMNS	56

/* Live bytes at each change; allocations older than the rings hold are in the base line. */
static size_t curve(const struct model *m, uint64_t *at, unsigned columns, uint64_t *highest)
{
	const struct event *first = NULL, *last = NULL;
	uint64_t live = 0;
	size_t n = 0;

	for (const struct event *e = m->events; e < m->events + m->nevents; e++) {
		if (e->number != KS_cuda_alloc && e->number != KS_cuda_free)
			continue;
		first = first ? first : e;
		last = e;
		n++;
	}
	if (n < 2 || last->time <= first->time)
		return 0;
	for (unsigned i = 0; i < columns; i++)
		at[i] = UNKNOWN;
	for (const struct event *e = first; e <= last; e++) {
		unsigned column;
		uint64_t size;

		if (e->number == KS_cuda_alloc && (FIELD(e, cuda_alloc, kind) & 0xff) <= KS_GPU_PHYSICAL) {
			live += FIELD(e, cuda_alloc, size);
		} else if (e->number == KS_cuda_free && FIELD(e, cuda_free, kind) <= KS_GPU_PHYSICAL) {
			size = FIELD(e, cuda_free, size);
			live = size > live ? 0 : live - size;
		} else {
			continue;
		}
		column = (unsigned)((uint64_t)(e->time - first->time) * (columns - 1) / (uint64_t)(last->time - first->time));
		if (at[column] == UNKNOWN || live > at[column])
			at[column] = live;
		*highest = live > *highest ? live : *highest;
	}
	for (unsigned i = 1; i < columns; i++)
		if (at[i] == UNKNOWN)
			at[i] = at[i - 1];
	return n;
}

/* The highest row first, each with its scale before it. */
static void chart(struct report *r, struct section *s)
{
	static const char *const bars[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	uint64_t at[COLUMNS], highest = 0;

	if (!curve(r->where, at, COLUMNS, &highest) || !highest)
		return;
	for (int row = ROWS - 1; row >= 0; row--) {
		struct text t = { 0 };

		text_printf(&t, "%9s ", row == ROWS - 1 ? size_text(&r->arena, highest) : row ? "" : "0");
		for (unsigned i = 0; i < COLUMNS; i++) {
			uint64_t eighths = (uint64_t)((double)at[i] / (double)highest * ROWS * 8 + 0.5), below = (uint64_t)row * 8;

			text_add(&t, bars[eighths <= below ? 0 : eighths - below >= 8 ? 8 : eighths - below]);
		}
		report_put(s, ITEM_CODE, NULL, arena_text(&r->arena, text_get(&t), t.n));
		text_free(&t);
	}
}

static void devices(struct report *r, struct section *s)
{
	const struct event *e = NULL;

	while ((e = model_next(r->where, KS_cuda_device, 0, e))) {
		const char *name = FIELD_TEXT(e, cuda_device, name);

		if (FIELD_SIGNED(e, cuda_device, device) >= 0)
			report_put(s, ITEM_FACT,
				   arena_printf(&r->arena, "device %lld",
						(long long)FIELD_SIGNED(e, cuda_device, device)),
				   arena_printf(&r->arena, "%s, %s, compute capability %llu.%llu",
						name ? name : "?",
						size_text(&r->arena, FIELD(e, cuda_device, total)),
						(unsigned long long)FIELD(e, cuda_device, major),
						(unsigned long long)FIELD(e, cuda_device, minor)));
	}
}

void report_gpu(struct report *r)
{
	struct gpu g = gpu_look(r->where, r->where->crash.present ? r->where->crash.tid : r->where->pid);
	struct arena *a = &r->arena;
	struct section *s;

	if (!g.used)
		return;
	s = report_begin(r, "The GPU");
	if (g.library)
		report_put(s, ITEM_FACT, "driver", arena_printf(a, "%s%s%s", g.library, g.version ? ", CUDA " : "",
							       g.version ? cuda_version_text(a, g.version) : ""));
	devices(r, s);
	if (g.first)
		report_put(s, ITEM_FACT, "failed first",
			   arena_printf(a, "%s: %lld, %s", FIELD_TEXT(g.first, cuda_failed, function),
					(long long)FIELD_SIGNED(g.first, cuda_failed, result),
					cuda_error_name((int)FIELD_SIGNED(g.first, cuda_failed, result))));
	if (g.entered)
		report_put(s, ITEM_FACT, "did not return", FIELD_TEXT(g.entered, cuda_enter, function));
	if (g.peak)
		report_put(s, ITEM_FACT, "memory", arena_printf(a, "at most %s at once%s%s", size_text(a, g.peak),
							       g.total != UNKNOWN ? " of " : "",
							       g.total != UNKNOWN ? size_text(a, g.total) : ""));
	chart(r, s);
}
