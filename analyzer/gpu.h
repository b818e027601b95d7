/* SPDX-License-Identifier: MIT */
/*
 * What a model says about the GPU: which driver, which devices, what failed first, and the memory
 * over time. Found on demand from the model's events and the totals that the recorder keeps.
 */
#ifndef GPU_H
#define GPU_H

#include "analyzer/events.h"
#include "analyzer/model.h"
#include "analyzer/text.h"

struct gpu {
	bool used;			/* the process called the driver */
	const struct event *driver;	/* cuda_driver: which library, NULL */
	const struct event *init;	/* the last cuda_init, NULL */
	const struct event *first;	/* the first failure that is not benign, NULL */
	const struct event *refused;	/* the last cuda_alloc_failed, NULL */
	const struct event *entered;	/* cuda_enter of the thread that died, without its return, NULL */
	int version;			/* cuDriverGetVersion, 0: not known */
	const char *library;		/* path of libcuda, NULL */
	uint64_t live, peak;		/* bytes of device memory of this process */
	uint64_t total, first_free;	/* of the first cuMemGetInfo, UNKNOWN */
	uint64_t first_total, first_live;	/* the same total; what this process held then */
	uint64_t untracked, untracked_bytes;	/* requests that are not in live and peak */
};

enum gpu_framework { GPU_TENSORFLOW = 1, GPU_JAX = 2, GPU_PYTORCH = 4, GPU_CUPY = 8, GPU_NUMBA = 16 };
/* Which frameworks that use a GPU are loaded: enum gpu_framework, or-ed. */
unsigned gpu_frameworks(const struct model *m);

struct gpu_owner {			/* who asked for the device memory that was held at a moment */
	const struct module *module;	/* innermost caller outside the driver and Python; NULL not known */
	uint64_t bytes, blocks;
};
/* The owners, the biggest first; how many (at most most). As far as the rings still tell. */
size_t gpu_owners(const struct model *m, const struct event *until, struct gpu_owner *owners, size_t most);

struct gpu gpu_look(const struct model *m, uint32_t tid);

/* CUDA_ERROR_OUT_OF_MEMORY, and in plain words; "error N" and "" for unknown codes. */
const char *cuda_error_name(int code);
const char *cuda_error_meaning(int code);
bool cuda_error_sticky(int code);
/* "12.8" of 12080. */
const char *cuda_version_text(struct arena *a, int version);
/* "550.54.14" of the driver's file, which is named so behind its links; NULL where the name does not tell. */
const char *cuda_driver_number(const struct gpu *g);
/* Is a driver of that number older than the other ("470.82.01", "525.60.13")? */
bool cuda_driver_older(const char *number, const char *than);
/* The driver that ships with a CUDA version, and the oldest that runs its major; NULL: not in the table. */
const char *cuda_driver_of(int version);
const char *cuda_minimum_driver(int version);
/* Version of the newest CUDA runtime that is loaded (from its file name: libcudart.so.12.8.90…), 0 unknown. */
int cuda_runtime_version(const struct model *m, const struct module **which);

#endif
