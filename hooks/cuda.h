/* SPDX-License-Identifier: MIT */
/*
 * The CUDA driver API as far as we stand in front of it: own minimal declarations (no toolkit is
 * needed to build), the wrappers' table, and what the files hooks/cuda_*.c share.
 *
 * The way of a call: the program asks for a function (cuda_route.c: dlsym, cuGetProcAddress,
 * or a direct link), gets ours where the real one is exactly the exported one of hooks/cuda.def,
 * and our wrapper calls the real one first, with the arguments unchanged, and then looks.
 */
#ifndef KS_CUDA_H
#define KS_CUDA_H

#include "hooks/hooks.h"

typedef uint64_t ks_cuptr;	/* CUdeviceptr, CUDA 3.2 and later */
typedef int ks_cudev;		/* CUdevice */
typedef void *ks_cuctx;		/* CUcontext */
struct ks_cuwhere {		/* CUmemLocation */
	int type, id;		/* 1: a device */
};
struct ks_cuipc {		/* CUipcMemHandle */
	char reserved[64];
};

enum {
#define CU(how, symbol, base, version, stream, parameters, arguments) CU_##symbol,
#include "hooks/cuda.def"
#undef CU
	CU_COUNT
};

/* What cuda_route.c knows of each row: nothing that the loader has to relocate at the start of each program. */
struct ks_cuda_function {
	char symbol[44], base[44];
	int version, stream;
};
extern const struct ks_cuda_function ks_cuda_table[CU_COUNT] KS_HIDDEN;
/* NULL until the driver's own address is known. */
extern void *ks_cuda_real[CU_COUNT] KS_HIDDEN;

/* The real function of a row, with its type. */
#define CUREAL(symbol, parameters) ((int (*) parameters)ks_cuda_real[CU_##symbol])

#pragma GCC visibility push(hidden)

#define CU(how, symbol, base, version, stream, parameters, arguments) int ks_w_##symbol parameters;
#include "hooks/cuda.def"
#undef CU

/* cuda_route.c. For load.c: a dlsym, on a real handle, of a name that begins with "cu". Makes the
 * real call and gives the answer for the caller (which may be NULL, with dlerror's text as it is). */
void *ks_cuda_symbol(void *handle, const char *name, uintptr_t caller);
void *ks_cuda_global(void *handle, const char *name);	/* likewise, of RTLD_DEFAULT and RTLD_NEXT; NULL: make the real call */
void ks_cuda_link(const struct ks_module *module);	/* modules.c, for each that came: does it link the driver directly? */
const char *ks_cuda_library(void);		/* path of the driver library in use, NULL */

/* cuda_context.c: this thread's current context, as far as its own calls show it. */
ks_cuctx ks_cuda_context(void);			/* NULL unknown */
unsigned ks_cuda_context_number(void);		/* from 1, below 256; 0 unknown */
int ks_cuda_device(void);			/* -1 unknown */

/* cuda_blocks.c: the live blocks, by address. */
struct ks_cuda_block {
	uint64_t address, size;
	unsigned kind;		/* enum ks_gpu_kind */
	int device;		/* -1 unknown */
	unsigned context;	/* number of its context; 0: it ends with none */
};
bool ks_cuda_block_put(const struct ks_cuda_block *b);		/* false: there is no room for it */
bool ks_cuda_block_take(uint64_t address, struct ks_cuda_block *b);	/* out of the table; false: not known */
/* Takes one of that context out, from place *at (0 to begin with) on; false: there are no more. */
bool ks_cuda_block_of(unsigned context, unsigned long *at, struct ks_cuda_block *b);

/* cuda_memory.c */
void ks_cuda_memory_gone(unsigned number);	/* a context has ended, and its memory with it */
bool ks_cuda_is_request(unsigned function);	/* for memory */

/* cuda_state.c: totals (never NULL, a dummy where there is no trace), devices, failures. */
struct ks_gpu *ks_gpu(void);
void ks_cuda_another_driver(void);		/* came into use */
int ks_cuda_only_device(void);			/* 0 where the driver has one device, -1 where it has more or has not been asked */
void ks_cuda_fail(unsigned function, int result, const char *detail);
bool ks_cuda_benign(unsigned function, int result);
void ks_cuda_first_words(void);			/* the driver's log, after a first failure; guarded */

static inline void ks_cuda_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

#pragma GCC visibility pop

#endif
