/* SPDX-License-Identifier: MIT */
/*
 * Why there was no room on the GPU: which of the ways that a request for its memory can fail, by
 * arithmetic with the request, what was free, what this process held and the device's size, as
 * they stood at that moment. Nothing here decides whether that is what the process died of.
 */
#ifndef GPU_SHORTAGE_H
#define GPU_SHORTAGE_H

#include "analyzer/gpu.h"

enum shortage_way {
	SHORT_NOT_TOLD,		/* how much was free is not known */
	SHORT_OTHER_PROCESS,	/* others hold what would have been enough */
	SHORT_OWN_OLDER,	/* and one of them is recorded here: a kernel or process of the same user */
	SHORT_PREALLOCATED,	/* one block of this process is half the device: there was little left beside it */
	SHORT_POOL_FULL,	/* such a block is used up; the driver was not even asked */
	SHORT_OVERSUBSCRIBED,	/* this process needs more than there is */
	SHORT_FRAGMENTED,	/* enough is free, not in one piece */
	SHORT_CACHED,		/* enough is kept by the framework's own cache, in pieces */
	SHORT_ABSURD,		/* larger than the device */
	SHORT_PINNED,		/* memory of the host */
	SHORT_LIMITED,		/* this process may use a part of the device only */
	SHORT_WORKSPACE,	/* a library's working space */
};

struct gpu_holder {		/* another recorded process that held memory of the GPU */
	uint32_t pid;
	uint64_t bytes;
	bool kernel, alive;	/* a Jupyter kernel; it runs now */
	const char *what;	/* its notebook or command, NULL */
	const char *file;	/* its recording */
};

struct shortage {
	enum shortage_way way;
	uint64_t size, free, total;	/* of the request; UNKNOWN where not told. total: what may be used */
	uint64_t live, biggest;		/* device memory of this process, its biggest block */
	uint64_t others;		/* what neither is free nor this process's, beyond a context; UNKNOWN */
	bool others_first;		/* they held it before this process had allocated anything */
	uint64_t nominal;		/* size of the whole device by its name, 0 not known */
	uint64_t cached;		/* SHORT_CACHED: kept and not in use, as the framework says */
	const char *device;		/* name, NULL */
	const char *library;		/* SHORT_WORKSPACE: whose */
	const struct event *refused;	/* cuda_alloc_failed; NULL: SHORT_POOL_FULL */
	const struct event *block;	/* cuda_alloc of the biggest block; NULL */
	struct gpu_holder holder;	/* SHORT_OWN_OLDER */
};

/* e: the failed request. error: words of the exception, "" none. */
struct shortage shortage_of(const struct model *m, const struct gpu *g, const struct event *e, const char *error, struct arena *a);
/* A pool that was taken in advance, for a process whose exception says that it is full. e: the last request that was refused
 * before it was taken (a back-off), NULL: none. way is SHORT_POOL_FULL or SHORT_NOT_TOLD. */
struct shortage shortage_of_pool(const struct model *m, const struct gpu *g, const struct event *e);
/* Whole size of a device of that name ("NVIDIA A100-SXM4-80GB"); 0 not known. A slice of one (MIG, vGPU) sets *part. */
uint64_t gpu_nominal_size(const char *name, bool *part);

/* gpu_holders.c: the recorded process of this machine that held most of the GPU's memory then, beside this one. */
bool gpu_holder_find(const struct model *m, int64_t when, struct gpu_holder *h, struct arena *a);

#endif
