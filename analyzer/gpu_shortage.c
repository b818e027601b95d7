/* SPDX-License-Identifier: MIT */
/* See gpu_shortage.h. Signatures: how the allocators of TensorFlow, JAX, PyTorch and CuPy ask the driver. */
#include "analyzer/gpu_shortage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/rules/cuda.h"

#define MIB	(1024ull * 1024)
#define GIB	(1024 * MIB)

/* What a context and the code in it take, at the most (300 to 600 MiB are usual); less of a small device. */
static uint64_t overhead(uint64_t total)
{
	return total / 8 < 700 * MIB ? total / 8 : 700 * MIB;
}

static bool on_device(uint64_t kind)
{
	return (kind & 0xff) <= KS_GPU_PHYSICAL;
}

static bool freed_before(const struct model *m, const struct event *alloc, const struct event *end)
{
	const struct event *e = alloc;

	while ((e = model_next(m, KS_cuda_free, 0, e)) && (!end || e < end))
		if (FIELD(e, cuda_free, address) == FIELD(alloc, cuda_alloc, address))
			return true;
	return false;
}

/* The biggest block that this process held at that moment (NULL: at its end), of those above least. */
static const struct event *biggest_block(const struct model *m, const struct event *end, uint64_t least)
{
	const struct event *e = NULL, *best = NULL;

	while ((e = model_next(m, KS_cuda_alloc, 0, e)) && (!end || e < end)) {
		uint64_t size = FIELD(e, cuda_alloc, size);

		if (!on_device(FIELD(e, cuda_alloc, kind)) || size <= least || freed_before(m, e, end))
			continue;
		best = e;
		least = size;
	}
	return best;
}

/* --- the device --- */

static const struct {
	const char *name;
	unsigned gib;
} devices[] = {
#define CUDA_DEVICE(name, gib) { name, gib },
#include "analyzer/cuda_devices.def"
#undef CUDA_DEVICE
};

uint64_t gpu_nominal_size(const char *name, bool *part)
{
	*part = name && (strstr(name, "MIG ") || strncmp(name, "GRID ", 5) == 0 || strncmp(name, "NVIDIA GRID", 11) == 0);
	for (const char *p = name; p && *p; p++) {
		char *end;
		unsigned long n;

		if (!isdigit((unsigned char)*p) || (p > name && (isalnum((unsigned char)p[-1]) || p[-1] == '.')))
			continue;
		n = strtoul(p, &end, 10);
		end += *end == ' ';
		if (n && n < 4096 && strncmp(end, "GB", 2) == 0 && !isalnum((unsigned char)end[2]))
			return n * GIB;
	}
	for (size_t i = 0; name && i < sizeof(devices) / sizeof(*devices); i++) {
		const char *at = strstr(name, devices[i].name);
		size_t n = strlen(devices[i].name);

		if (at && (at == name || at[-1] == ' ') && !isalnum((unsigned char)at[n]))
			return devices[i].gib * GIB;
	}
	return 0;
}

/* Its size, as the driver told when the program asked for the device's; UNKNOWN. */
static uint64_t device_total(const struct model *m, int device)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_device, 0, e)))
		if (device >= 0 && FIELD_SIGNED(e, cuda_device, device) == device && FIELD(e, cuda_device, total) < 1ull << 50)
			return FIELD(e, cuda_device, total);
	return UNKNOWN;
}

static const char *device_name(const struct model *m, int device)
{
	const struct event *e = NULL;
	const char *name = NULL;

	while ((e = model_next(m, KS_cuda_device, 0, e)))
		if (FIELD_SIGNED(e, cuda_device, device) == device || (device < 0 && FIELD_SIGNED(e, cuda_device, device) == 0))
			name = FIELD_TEXT(e, cuda_device, name);
	return name;
}

/* --- what frameworks say about their own caches --- */

/* The size that stands before these words: "… 512.00 MiB is reserved by PyTorch but unallocated"; UNKNOWN. */
static uint64_t size_before(const char *text, const char *words)
{
	static const struct { const char *name; double bytes; } units[] = {
		{ "GiB", 1024.0 * 1024 * 1024 }, { "MiB", 1024.0 * 1024 }, { "KiB", 1024 }, { "bytes", 1 },
	};
	const char *at = text ? strstr(text, words) : NULL, *p;

	for (size_t i = 0; at && i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i].name);

		if (at - text < (long)n + 2 || strncmp(at - n, units[i].name, n) != 0)
			continue;
		for (p = at - n - 1; p > text && (isdigit((unsigned char)p[-1]) || p[-1] == '.'); p--)
			;
		return (uint64_t)(strtod(p, NULL) * units[i].bytes);
	}
	return UNKNOWN;
}

/* PyTorch of 2.0 and later says it; older ones name what is reserved in total and what is allocated. */
static uint64_t cached_of(const char *error)
{
	uint64_t cached = size_before(error, " is reserved by PyTorch but unallocated");
	uint64_t all = size_before(error, " reserved in total by PyTorch"), used = size_before(error, " already allocated");

	if (cached != UNKNOWN)
		return cached;
	return all != UNKNOWN && used != UNKNOWN && all > used ? all - used : 0;
}

/* --- the ten ways --- */

static const char *workspace_of(const struct event *e)
{
	static const char *const libraries[] = { "libcublas", "libcudnn", "libcusolver", "libcusparse", "libcufft", "libnccl", "libcurand" };

	for (size_t i = 0; e && e->stack && i < e->stack->n; i++)
		for (size_t k = 0; k < sizeof(libraries) / sizeof(*libraries); k++)
			if (module_like(e->stack->frames[i].module, libraries[k]))
				return module_name(e->stack->frames[i].module);
	return NULL;
}

static void look_at_others(const struct gpu *g, struct shortage *s)
{
	uint64_t mine = s->live + s->free + overhead(s->total);

	s->others = s->total > mine ? s->total - mine : 0;
	s->others_first = g->first_free != UNKNOWN && g->first_live == 0 &&
			  g->first_total > g->first_free + overhead(g->first_total) + s->total / 8;
}

/* Would it have fitted, had others not held what they held? Below a quarter of the device it may be parts of our own that nobody saw. */
static bool others_are_to_blame(const struct shortage *s)
{
	return s->others >= s->total / 4 && s->size <= s->free + s->others && (s->others_first || s->others > s->live);
}

static bool is_limited(const struct model *m, const struct shortage *s, bool part)
{
	const char *mps = model_env(m, "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT");

	if (s->nominal && s->total < s->nominal / 10 * 8)
		return s->size <= s->nominal || part;
	return part || (mps && *mps);
}

struct shortage shortage_of(const struct model *m, const struct gpu *g, const struct event *e, const char *error, struct arena *a)
{
	struct shortage s = {
		.refused = e, .size = FIELD(e, cuda_alloc_failed, size), .free = FIELD(e, cuda_alloc_failed, free),
		.total = FIELD(e, cuda_alloc_failed, total), .live = FIELD(e, cuda_alloc_failed, live_device), .others = UNKNOWN,
	};
	uint64_t kind = FIELD(e, cuda_alloc_failed, kind);
	int device = (int8_t)(kind >> 8 & 0xff);
	bool part = false;

	if ((kind & 0xff) == KS_GPU_PINNED) {
		s.way = SHORT_PINNED;
		return s;
	}
	if (s.total == UNKNOWN)
		s.total = device_total(m, device);
	if (s.total == UNKNOWN)
		s.total = g->total;
	if (s.total == UNKNOWN || (s.free != UNKNOWN && s.free > s.total))
		return s;
	if (s.free == UNKNOWN && s.size <= s.total) {
		s.way = s.live > s.total / 10 * 8 ? SHORT_OVERSUBSCRIBED : SHORT_NOT_TOLD;
		return s;
	}
	s.device = device_name(m, device);
	s.nominal = gpu_nominal_size(s.device, &part);
	s.block = biggest_block(m, e, s.total / 2);
	s.biggest = s.block ? FIELD(s.block, cuda_alloc, size) : 0;
	if (s.size > s.total) {
		s.way = is_limited(m, &s, false) && s.size <= s.nominal ? SHORT_LIMITED : SHORT_ABSURD;
		return s;
	}
	look_at_others(g, &s);
	s.cached = cached_of(error);
	if (s.size <= s.free)
		s.way = SHORT_FRAGMENTED;
	else if (s.cached >= s.size)
		s.way = SHORT_CACHED;
	else if (s.block)
		s.way = SHORT_PREALLOCATED;
	else if (others_are_to_blame(&s))
		s.way = gpu_holder_find(m, e->time, &s.holder, a) ? SHORT_OWN_OLDER : SHORT_OTHER_PROCESS;
	else if (is_limited(m, &s, part))
		s.way = SHORT_LIMITED;
	else if (s.size <= 64 * MIB && (s.library = workspace_of(e)))
		s.way = SHORT_WORKSPACE;
	else
		s.way = SHORT_OVERSUBSCRIBED;
	return s;
}

/* What an allocator got at the end of its back-off: the first that was granted after that refusal. */
static const struct event *granted_after(const struct model *m, const struct event *refused)
{
	const struct event *e = refused;

	while ((e = model_next(m, KS_cuda_alloc, refused->tid, e)))
		if ((FIELD(e, cuda_alloc, kind) & 0xff) == (FIELD(refused, cuda_alloc_failed, kind) & 0xff) &&
		    FIELD(e, cuda_alloc, size) >= FIELD(refused, cuda_alloc_failed, size) / 2)
			return e;
	return NULL;
}

struct shortage shortage_of_pool(const struct model *m, const struct gpu *g, const struct event *e)
{
	struct shortage s = {
		.size = UNKNOWN, .free = UNKNOWN, .total = g->total, .live = g->live, .others = UNKNOWN, .refused = e,
	};
	const struct event *granted = e ? granted_after(m, e) : NULL;

	if (s.total == UNKNOWN)
		return s;
	s.block = biggest_block(m, NULL, s.total / 3);
	if (!s.block && !granted && g->live > s.total / 4)
		s.way = SHORT_POOL_FULL;	/* it grew in pieces, up to its limit */
	if (!s.block && granted && FIELD(granted, cuda_alloc, size) >= s.total / 32)
		s.block = granted;
	if (!s.block)
		return s;
	s.biggest = FIELD(s.block, cuda_alloc, size);
	s.way = SHORT_POOL_FULL;
	if (e && FIELD(e, cuda_alloc_failed, free) <= s.total) {
		s.free = FIELD(e, cuda_alloc_failed, free);
		s.live = FIELD(e, cuda_alloc_failed, live_device);
		look_at_others(g, &s);
	}
	return s;
}
