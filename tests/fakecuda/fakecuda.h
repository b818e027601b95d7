/* SPDX-License-Identifier: MIT */
/*
 * A libcuda.so.1 without a GPU, for tests: an accountant, not a processor. It keeps devices,
 * contexts and memory by number and gives the answers that a script asks for; functions that it
 * does not know (names.def) give 801, CUDA_ERROR_NOT_SUPPORTED. Linked -Bsymbolic, so that a preload
 * cannot stand between its own functions. cudart's integrity check is not answered: programs on the
 * runtime API end in error 103 here, as they must.
 *
 * FAKECUDA, read at the first call, holds words separated by blanks or commas:
 *	devices=N	default 1		mem=SIZE	memory of a device, default 8g
 *	other=SIZE	held by others		version=N	cuDriverGetVersion, default 12080
 *	cc=N		compute capability, 86	init=CODE	result of cuInit and of all after it
 *	name=TEXT	of the devices, '_' for blanks	context=SIZE	what a device's first context takes
 *	largest=SIZE	no request above it is granted (the rest is in pieces)
 *	reserve=SIZE	address space that cuInit reserves, as the real one does (default none)
 *	pinned=SIZE	most host memory that can be pinned (default without limit)
 *	fail=NAME:CODE[@N]	the Nth call (from 1; default every one) of NAME gives CODE; several may be there
 *	sticky=NAME:CODE@N	as fail, and from then on every call gives CODE
 *	delay=NAME:MS	NAME takes so long	abort=NAME	NAME frees a block twice (a driver's bug)
 *	log=TEXT	text of cuLogsDumpToMemory, '_' for blanks
 *	noproc		no cuGetProcAddress (the driver of CUDA 11.2)
 *	garbage		answers that make no sense: sizes, counts and names	silent	success without an answer
 *	say		functions that are not written are named on stderr when they are called
 * Facts: cuda.h of CUDA 13.0.
 */
#ifndef FAKECUDA_H
#define FAKECUDA_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))
typedef uint64_t cuptr;

#define MOST_DEVICES	16

/* script.c */
const char *fake_word(const char *key, char *to, size_t size) HIDDEN;
uint64_t fake_number(const char *key, uint64_t otherwise) HIDDEN;
int fake_begin(const char *name) HIDDEN;	/* the result that the call must give at once; 0: go on; -1: 0 at once */
void fake_initialised(void) HIDDEN;
struct fake_script {
	bool garbage, silent;
	int devices, version, cc;
	uint64_t mem, other, context, largest, pinned;
};
extern struct fake_script fake_script HIDDEN;

/* names.c: every name that the driver has, as names.def says it. */
struct fake_row {
	const char *base;
	int version, stream;
	const void *function;
	const char *symbol;
};
extern const struct fake_row fake_rows[] HIDDEN;
extern const unsigned fake_nrows HIDDEN;

/* device.c */
int fake_device(void) HIDDEN;		/* of the thread's context, -1 none */
/* memory.c */
void fake_forget(int device) HIDDEN;	/* its context is gone, and the memory with it */
void fake_context_made(int device) HIDDEN;

#define BEGIN()                                                                                    \
	do {                                                                                       \
		int begun_ = fake_begin(__func__);                                                 \
		if (begun_)                                                                        \
			return begun_ < 0 ? 0 : begun_;                                            \
	} while (0)
#define SIMPLE(name, parameters)                                                                   \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		return 0;                                                                          \
	}
#define HANDLE(to)                                                                                 \
	do {                                                                                       \
		static uintptr_t handle_ = 0x5000;                                                 \
		*(to) = (void *)__atomic_add_fetch(&handle_, 16, __ATOMIC_RELAXED);                \
	} while (0)
#define MAKES(name, parameters, to)                                                                \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		HANDLE(to);                                                                        \
		return 0;                                                                          \
	}
#define ANSWERS(name, parameters, to, value)                                                       \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		if (to)                                                                            \
			*(to) = value;                                                             \
		return 0;                                                                          \
	}

#endif
