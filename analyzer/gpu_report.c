/* SPDX-License-Identifier: MIT */
/*
 * The GPU's part of a report: driver and devices, device memory over time as a small chart, who
 * asked for it, what failed first, and what could not be seen.
 */
#include "analyzer/gpu.h"

#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/report_parts.h"

#define ROWS	5
#define COLUMNS	56

/* Live bytes at each change; allocations older than the rings hold are in the base line. */
static size_t curve(const struct model *m, uint64_t *at, unsigned columns, uint64_t *highest, int64_t span[2])
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
	span[0] = first->time;
	span[1] = last->time;
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
	for (unsigned i = 0; i < columns; i++)	/* none yet: the first may be of a kind that takes no memory of the device */
		if (at[i] == UNKNOWN)
			at[i] = i ? at[i - 1] : 0;
	return n;
}

/* The highest row first, each with its scale before it. */
static void chart(struct report *r, struct section *s)
{
	static const char *const bars[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	uint64_t at[COLUMNS], highest = 0;
	int64_t span[2] = { 0, 0 };

	if (!curve(r->where, at, COLUMNS, &highest, span) || !highest)
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
	report_put(s, ITEM_CODE, NULL,
		   arena_printf(&r->arena, "%9s %-*s%*s", "", COLUMNS / 2, report_time(r, span[0]), COLUMNS / 2, report_time(r, span[1])));
}

static void devices(struct report *r, struct section *s)
{
	const struct event *e = NULL;

	while ((e = model_next(r->where, KS_cuda_device, 0, e))) {
		const char *name = FIELD_TEXT(e, cuda_device, name);
		uint64_t major = FIELD(e, cuda_device, major), minor = FIELD(e, cuda_device, minor);
		uint64_t total = FIELD(e, cuda_device, total);

		if (FIELD_SIGNED(e, cuda_device, device) >= 0)
			report_put(s, ITEM_FACT,
				   arena_printf(&r->arena, "device %lld", (long long)FIELD_SIGNED(e, cuda_device, device)),
				   arena_printf(&r->arena, "%s%s%s%s", name ? name : "?", total < 1ull << 50 ? ", " : "",
						total < 1ull << 50 ? size_text(&r->arena, total) : "",
						major && major < 100 && minor < 100 ?
							arena_printf(&r->arena, ", compute capability %llu.%llu",
								     (unsigned long long)major, (unsigned long long)minor) : ""));
	}
}

static void memory(struct report *r, struct section *s, const struct gpu *g)
{
	const struct ks_gpu *totals = r->where->gpu;
	struct arena *a = &r->arena;
	struct gpu_owner owner[16];
	/* Where a request was refused: who held it then. A program that ends in order frees it before its end. */
	size_t n = gpu_owners(r->where, g->refused, owner, 16);

	if (g->peak)
		report_put(s, ITEM_FACT, "memory",
			   arena_printf(a, "at most %s at once%s%s%s%s", size_text(a, g->peak), g->total != UNKNOWN ? " of " : "",
					g->total != UNKNOWN ? size_text(a, g->total) : "",
					totals && g->live < g->peak ? ", at the end " : "",
					!totals || g->live >= g->peak ? "" : g->live ? size_text(a, g->live) : "nothing"));
	for (size_t i = 0; i < n && i < 3; i++)
		if (owner[i].module && owner[i].bytes >= g->peak / 20)
			report_put(s, ITEM_FACT, i ? "" : "asked for by",
				   arena_printf(a, "%s: %s in %llu block%s", module_name(owner[i].module), size_text(a, owner[i].bytes),
						(unsigned long long)owner[i].blocks, owner[i].blocks == 1 ? "" : "s"));
	if (totals && totals->peak[KS_GPU_PINNED] > 16 << 20)
		report_put(s, ITEM_FACT, "of the host", arena_printf(a, "%s pinned for the GPU, at most %s",
								    size_text(a, totals->live[KS_GPU_PINNED]),
								    size_text(a, totals->peak[KS_GPU_PINNED])));
	if (g->untracked)
		report_put(s, ITEM_FACT, "not counted",
			   arena_printf(a, "%llu blocks (%s) that no table had room for: the numbers above are the least",
					(unsigned long long)g->untracked, size_text(a, g->untracked_bytes)));
	chart(r, s);
}

/* Functions that were handed out as they are, of which we know the name: calls of them are not in the recording. */
static void not_seen(struct report *r, struct section *s)
{
	const struct event *e = NULL;
	struct text names = { 0 };
	unsigned n = 0, tables = 0;

	while ((e = model_next(r->where, KS_cuda_not_hooked, 0, e))) {
		const char *name = FIELD_TEXT(e, cuda_not_hooked, name);
		const struct module *of = model_module_at(r->where, FIELD(e, cuda_not_hooked, address));

		if (n++ < 3 && name)
			text_printf(&names, "%s%s%s%s", names.n ? ", " : "", name, of ? " of " : "", of ? module_name(of) : "");
	}
	for (e = NULL; (e = model_next(r->where, KS_cuda_export_table, 0, e));)
		tables += FIELD_SIGNED(e, cuda_export_table, result) == 0;
	if (n > 3)
		text_printf(&names, " and %u more", n - 3);
	if (tables)
		text_printf(&names, "%s%u private table%s of the driver (the CUDA runtime has them)", names.n ? "; " : "", tables,
			    tables == 1 ? "" : "s");
	if (names.n)
		report_put(s, ITEM_FACT, "not seen",
			   arena_printf(&r->arena, "calls by %.*s", (int)names.n, text_get(&names)));
	text_free(&names);
}

static const char *driver_text(struct report *r, const struct gpu *g)
{
	const char *number = cuda_driver_number(g);
	struct arena *a = &r->arena;

	return arena_printf(a, "%s%s%s%s%s", g->library, number ? ", version " : "", number ? number : "", g->version ? ", CUDA " : "",
			    g->version ? cuda_version_text(a, g->version) : "");
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
		report_put(s, ITEM_FACT, "driver", driver_text(r, &g));
	if (g.driver && FIELD_TEXT(g.driver, cuda_driver, kernel))
		report_put(s, ITEM_FACT, "its kernel side", FIELD_TEXT(g.driver, cuda_driver, kernel));
	devices(r, s);
	if (g.first)
		report_put(s, ITEM_FACT, "failed first",
			   arena_printf(a, "%s: %lld, %s", FIELD_TEXT(g.first, cuda_failed, function),
					(long long)FIELD_SIGNED(g.first, cuda_failed, result),
					cuda_error_name((int)FIELD_SIGNED(g.first, cuda_failed, result))));
	if (g.entered)
		report_put(s, ITEM_FACT, "did not return", FIELD_TEXT(g.entered, cuda_enter, function));
	memory(r, s, &g);
	not_seen(r, s);
}
