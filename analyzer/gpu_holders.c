/* SPDX-License-Identifier: MIT */
/*
 * Who else held memory of the GPU: the other recordings of the directory know. A process of the
 * same user that was alive then, with device memory of its own, is a witness that nvidia-smi (often
 * not there, or without pids in a container) cannot replace after the death.
 */
#include "analyzer/gpu_shortage.h"

#include <string.h>

#include "analyzer/folder.h"
#include "analyzer/proof.h"
#include "analyzer/trace.h"

#define MOST	16		/* recordings that are opened */
#define LEAST	(64ull << 20)	/* bytes that are worth telling */

static uint64_t held_by(const struct trace *t)
{
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];
		struct ks_gpu gpu;

		if (r->kind != KS_REGION_STATE || r->aux[0] != KS_STATE_GPU || r->size < sizeof(gpu))
			continue;
		memcpy(&gpu, t->bytes + r->offset, sizeof(gpu));
		return gpu.device_live;
	}
	return 0;
}

static void tell(struct gpu_holder *h, const struct entry *e, struct trace *t, uint64_t bytes, struct arena *a)
{
	struct model *other = model_build_plain(t);
	const char *what = other->notebook ? other->notebook : model_info(other, "argv");

	*h = (struct gpu_holder){ .pid = e->head.pid, .bytes = bytes, .kernel = other->is_kernel, .alive = e->alive,
				  .what = what ? arena_line(a, what) : NULL, .file = arena_printf(a, "%s", e->path) };
	model_free(other);
}

bool gpu_holder_find(const struct model *m, int64_t when, struct gpu_holder *h, struct arena *a)
{
	const char *slash = m->file ? strrchr(m->file, '/') : NULL;
	struct folder f = { 0 };
	unsigned opened = 0;
	bool found = false;

	h->bytes = 0;
	if (!slash || !folder_read(&f, arena_printf(a, "%.*s", (int)(slash - m->file), m->file)))
		return false;
	for (size_t i = 0; i < f.n && opened < MOST; i++) {
		const struct entry *e = &f.entry[i];
		struct trace *t;
		const char *why;
		uint64_t bytes;

		/* It had begun, and had not ended. */
		if (e->head.pid == m->pid || (!e->alive && e->ended < m->started + when) ||
		    (int64_t)e->head.start_realtime > m->started + when || !(t = trace_open(e->path, &why)))
			continue;
		opened++;
		bytes = held_by(t);
		if (bytes >= LEAST && bytes > h->bytes) {
			tell(h, e, t, bytes, a);
			found = true;
		}
		trace_close(t);
	}
	folder_free(&f);
	return found;
}
