/* SPDX-License-Identifier: MIT */
/* See gpu.h. Tables: cuda_errors.def, cuda_versions.def. */
#include "analyzer/gpu.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	int code, sticky;
	const char *name, *meaning;
} errors[] = {
#define CUDA_ERROR(code, name, sticky, meaning) { code, sticky, name, meaning },
#include "analyzer/cuda_errors.def"
#undef CUDA_ERROR
};
#define NERRORS	(sizeof(errors) / sizeof(*errors))

static const struct {
	int major, minor;
	const char *driver;
} toolkits[] = {
#define CUDA_TOOLKIT(major, minor, driver) { major, minor, driver },
#define CUDA_MINIMUM(major, driver)
#define FRAMEWORK(name, release, cuda, cudnn)
#include "analyzer/cuda_versions.def"
#undef CUDA_TOOLKIT
#undef CUDA_MINIMUM
}, minimums[] = {
#define CUDA_TOOLKIT(major, minor, driver)
#define CUDA_MINIMUM(major, driver) { major, 0, driver },
#include "analyzer/cuda_versions.def"
#undef CUDA_TOOLKIT
#undef CUDA_MINIMUM
#undef FRAMEWORK
};

const char *cuda_error_name(int code)
{
	for (size_t i = 0; i < NERRORS; i++)
		if (errors[i].code == code)
			return errors[i].name;
	return "an error that cuda.h of CUDA 13.0 does not know";
}

const char *cuda_error_meaning(int code)
{
	for (size_t i = 0; i < NERRORS; i++)
		if (errors[i].code == code)
			return errors[i].meaning;
	return "";
}

bool cuda_error_sticky(int code)
{
	for (size_t i = 0; i < NERRORS; i++)
		if (errors[i].code == code)
			return errors[i].sticky;
	return false;
}

const char *cuda_version_text(struct arena *a, int version)
{
	return arena_printf(a, "%d.%d", version / 1000, version % 1000 / 10);
}

const char *cuda_driver_of(int version)
{
	for (size_t i = 0; i < sizeof(toolkits) / sizeof(*toolkits); i++)
		if (toolkits[i].major == version / 1000 && toolkits[i].minor == version % 1000 / 10)
			return toolkits[i].driver;
	return NULL;
}

const char *cuda_minimum_driver(int version)
{
	for (size_t i = 0; i < sizeof(minimums) / sizeof(*minimums); i++)
		if (minimums[i].major == version / 1000)
			return minimums[i].driver;
	return NULL;
}

const char *cuda_driver_number(const struct gpu *g)
{
	const char *path = g->driver ? FIELD_TEXT(g->driver, cuda_driver, real_path) : NULL;
	const char *at = path ? strstr(path, "libcuda.so.") : NULL;

	/* libcuda.so.1 and libcuda.so.1.1 (WSL) are no numbers of a driver. */
	return at && strtol(at + 11, NULL, 10) >= 100 ? at + 11 : NULL;
}

bool cuda_driver_older(const char *number, const char *than)
{
	while (number && than) {
		char *a, *b;
		long x = strtol(number, &a, 10), y = strtol(than, &b, 10);

		if (x != y)
			return x < y;
		number = *a == '.' ? a + 1 : NULL;
		than = *b == '.' ? b + 1 : NULL;
	}
	return false;
}

/* libcudart.so.12.2.140 says 12.2; libcudart.so.12 and libcudart-HASH.so.11.0 the major at least. */
int cuda_runtime_version(const struct model *m, const struct module **which)
{
	int best = 0;

	*which = NULL;
	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *module = &m->modules[i];
		const char *p;
		char *end;
		long major, minor = 0;
		int version;

		if (!module->name || strncmp(module->name, "libcudart", 9) != 0 || !(p = strstr(module->name, ".so.")))
			continue;
		major = strtol(p + 4, &end, 10);
		if (*end == '.')
			minor = strtol(end + 1, &end, 10);
		version = (int)(major * 1000 + minor * 10);
		if (version > best) {
			best = version;
			*which = module;
		}
	}
	return best;
}

/* The last call of this thread that began and of which no end was seen. */
static const struct event *not_returned(const struct model *m, uint32_t tid)
{
	const struct event *begun = model_last(m, KS_cuda_enter, tid, NULL), *e;
	const char *name = begun ? FIELD_TEXT(begun, cuda_enter, function) : NULL;

	if (!name)
		return NULL;
	for (e = begun + 1; e < m->events + m->nevents; e++) {
		const char *done = NULL;

		if (e->tid != tid)
			continue;
		if (e->number == KS_cuda_leave)
			done = FIELD_TEXT(e, cuda_leave, function);
		else if (e->number == KS_cuda_context)
			done = FIELD_TEXT(e, cuda_context, function);
		if (done && strcmp(done, name) == 0)
			return NULL;
	}
	return begun;
}

static const struct event *first_failure(const struct model *m)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_failed, 0, e)))
		if (FIELD(e, cuda_failed, first))
			return e;
	return NULL;
}

static int sensible_version(uint64_t version)
{
	return version >= 1000 && version < 100000 ? (int)version : 0;
}

/* What a driver answered may make no sense. */
static bool sensible(const struct gpu *g)
{
	return g->total != UNKNOWN && g->total > 0 && g->total < 1ull << 50 && g->first_free <= g->total;
}

struct gpu gpu_look(const struct model *m, uint32_t tid)
{
	struct gpu g = { .total = UNKNOWN, .first_free = UNKNOWN };
	const struct event *e;

	g.driver = model_last(m, KS_cuda_driver, 0, NULL);
	g.init = model_last(m, KS_cuda_init, 0, NULL);
	g.first = first_failure(m);
	g.refused = model_last(m, KS_cuda_alloc_failed, 0, NULL);
	g.entered = tid ? not_returned(m, tid) : NULL;
	g.used = g.driver || g.init || g.first || g.entered;
	if (g.driver)
		g.library = FIELD_TEXT(g.driver, cuda_driver, path);
	for (e = NULL; (e = model_last(m, KS_cuda_version, 0, e));)
		if (strcmp(FIELD_TEXT(e, cuda_version, function) ? FIELD_TEXT(e, cuda_version, function) : "", "cuDriverGetVersion") == 0)
			break;
	if (e)
		g.version = sensible_version(FIELD(e, cuda_version, version));
	e = model_next(m, KS_cuda_memory, 0, NULL);
	if (e) {
		g.first_free = FIELD(e, cuda_memory, free);
		g.total = FIELD(e, cuda_memory, total);
		g.first_live = FIELD(e, cuda_memory, live);
	}
	for (e = NULL; (e = model_next(m, KS_cuda_alloc, 0, e));) {
		if ((FIELD(e, cuda_alloc, kind) & 0xff) <= KS_GPU_PHYSICAL)
			g.live += FIELD(e, cuda_alloc, size);
		g.peak = g.live > g.peak ? g.live : g.peak;
	}
	if (m->gpu) {		/* the recorder's own totals know more than the rings still hold */
		g.live = m->gpu->device_live;
		g.peak = m->gpu->device_peak;
		if (m->gpu->first_total) {
			g.first_free = m->gpu->first_free;
			g.total = m->gpu->first_total;
			g.first_live = m->gpu->first_live;
		}
		g.untracked = m->gpu->untracked;
		g.untracked_bytes = m->gpu->untracked_bytes;
		if (!g.version)
			g.version = sensible_version(m->gpu->driver_version);
	}
	if (!sensible(&g))
		g.total = g.first_free = UNKNOWN;
	g.first_total = g.total;
	return g;
}
