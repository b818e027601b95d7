/* SPDX-License-Identifier: MIT */
/*
 * The GPU's part of a report: driver and devices, device memory over time as a small chart, and
 * what failed first.
 */
#include "analyzer/gpu.h"

#include <string.h>

#include "analyzer/proof.h"

#define ROWS	5

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

bool gpu_chart(const struct model *m, struct text *t, unsigned width)
{
	static const char *const bars[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	unsigned columns = width > 90 ? 72 : width > 30 ? width - 18 : 12;
	uint64_t at[80], highest = 0;
	struct arena arena = { 0 };

	if (!curve(m, at, columns, &highest) || !highest)
		return false;
	for (int row = ROWS - 1; row >= 0; row--) {
		if (row == ROWS - 1)
			text_printf(t, "  %12s ", size_text(&arena, highest));
		else
			text_printf(t, "  %12s ", row ? "" : "0");
		for (unsigned i = 0; i < columns; i++) {
			uint64_t eighths = (uint64_t)((double)at[i] / (double)highest * ROWS * 8 + 0.5);
			uint64_t below = (uint64_t)row * 8;

			text_add(t, bars[eighths <= below ? 0 : eighths - below >= 8 ? 8 : eighths - below]);
		}
		text_char(t, '\n');
	}
	arena_free(&arena);
	return true;
}

static void tell_devices(const struct model *m, struct text *t, struct arena *a)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_device, 0, e))) {
		if (FIELD_SIGNED(e, cuda_device, device) < 0)
			continue;
		text_printf(t, "  device %lld   %s, %s, compute capability %llu.%llu\n",
			    (long long)FIELD_SIGNED(e, cuda_device, device),
			    FIELD_TEXT(e, cuda_device, name) ? FIELD_TEXT(e, cuda_device, name) : "?",
			    size_text(a, FIELD(e, cuda_device, total)), (unsigned long long)FIELD(e, cuda_device, major),
			    (unsigned long long)FIELD(e, cuda_device, minor));
	}
}

void gpu_tell(const struct model *m, struct text *t, unsigned width)
{
	struct gpu g = gpu_look(m, m->crash.present ? m->crash.tid : m->pid);
	struct arena arena = { 0 };

	if (!g.used)
		return;
	if (g.library)
		text_printf(t, "  driver     %s%s%s\n", g.library, g.version ? ", CUDA " : "",
			    g.version ? cuda_version_text(&arena, g.version) : "");
	tell_devices(m, t, &arena);
	if (g.peak)
		text_printf(t, "  memory     at most %s at once%s%s\n", size_text(&arena, g.peak),
			    g.total != UNKNOWN ? " of " : "", g.total != UNKNOWN ? size_text(&arena, g.total) : "");
	if (g.first)
		text_printf(t, "  first failure  %s gave %lld, %s (%.3f s)\n", FIELD_TEXT(g.first, cuda_failed, function),
			    (long long)FIELD_SIGNED(g.first, cuda_failed, result),
			    cuda_error_name((int)FIELD_SIGNED(g.first, cuda_failed, result)), SECONDS(g.first->time));
	if (g.entered)
		text_printf(t, "  never returned from %s\n", FIELD_TEXT(g.entered, cuda_enter, function));
	gpu_chart(m, t, width);
	arena_free(&arena);
}
