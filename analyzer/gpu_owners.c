/* SPDX-License-Identifier: MIT */
/* Who asked for the memory of the GPU: blocks by address, replayed to a moment, and added up by caller (gpu.h). */
#include "analyzer/gpu.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/rules/cuda.h"

struct held {
	uint64_t address;		/* 0: unused */
	const struct event *alloc;	/* NULL: given back */
};

static struct held *place(struct held *table, size_t n, uint64_t address)
{
	size_t at = (size_t)(address * 0x9e3779b97f4a7c15ull >> 20) & (n - 1);

	while (table[at].address && table[at].address != address)
		at = (at + 1) & (n - 1);
	return &table[at];
}

static int bigger(const void *a, const void *b)
{
	const struct gpu_owner *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static size_t add_up(const struct held *table, size_t n, struct gpu_owner *owners, size_t most)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		const struct frame *caller = table[i].alloc ? cuda_caller(table[i].alloc) : NULL;
		const struct module *module = caller ? caller->module : NULL;
		size_t k = 0;

		if (!table[i].alloc)
			continue;
		while (k < used && owners[k].module != module)
			k++;
		if (k == used && used == most)
			continue;
		used += k == used;
		owners[k].module = module;
		owners[k].bytes += FIELD(table[i].alloc, cuda_alloc, size);
		owners[k].blocks++;
	}
	qsort(owners, used, sizeof(*owners), bigger);
	return used;
}

size_t gpu_owners(const struct model *m, const struct event *until, struct gpu_owner *owners, size_t most)
{
	const struct event *end = until ? until : m->events + m->nevents;
	size_t n = 64, used = 0;
	struct held *table;

	memset(owners, 0, most * sizeof(*owners));
	for (const struct event *e = m->events; e < end; e++)
		used += e->number == KS_cuda_alloc;
	while (n < used * 2)
		n *= 2;
	table = calloc(n, sizeof(*table));
	if (!table || !used) {
		free(table);
		return 0;
	}
	for (const struct event *e = m->events; e < end; e++) {
		if (e->number == KS_cuda_alloc && (FIELD(e, cuda_alloc, kind) & 0xff) <= KS_GPU_PHYSICAL) {
			struct held *h = place(table, n, FIELD(e, cuda_alloc, address) | 1);

			*h = (struct held){ FIELD(e, cuda_alloc, address) | 1, e };
		} else if (e->number == KS_cuda_free) {
			struct held *h = place(table, n, FIELD(e, cuda_free, address) | 1);

			h->alloc = NULL;
		}
	}
	used = add_up(table, n, owners, most);
	free(table);
	return used;
}

unsigned gpu_frameworks(const struct model *m)
{
	static const struct {
		const char *file;
		unsigned is;
	} known[] = {
		{ "libtensorflow", GPU_TENSORFLOW }, { "_pywrap_tensorflow", GPU_TENSORFLOW }, { "xla_cuda_plugin", GPU_JAX },
		{ "xla_extension", GPU_JAX }, { "libtorch", GPU_PYTORCH }, { "libc10_cuda", GPU_PYTORCH }, { "libjax_common", GPU_JAX },
	};
	unsigned found = 0;

	for (size_t i = 0; i < m->nmodules; i++) {
		const struct module *module = &m->modules[i];

		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			if (module_like(module, known[k].file))
				found |= known[k].is;
		if (module->path && strstr(module->path, "/cupy/"))
			found |= GPU_CUPY;
		if (module->path && (strstr(module->path, "/numba/") || strstr(module->path, "/numba_cuda/")))
			found |= GPU_NUMBA;
	}
	return found;
}
