/* SPDX-License-Identifier: MIT */
/*
 * A process's memory made of the fuzzer's bytes: they lie at MEMORY_AT, and nothing else is
 * mapped. For what follows pointers through an interpreter (the recorder's at a crash, the
 * analyzer's at a living process). A mutator builds an interpreter with a few threads and frames
 * into it, and bends its words to other places that are there.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_AT	0x100000ull
#define MEMORY_MOST	(32u << 10)
#define CODE_TYPE	(MEMORY_AT + 0x40)	/* where the three types are */
#define TEXT_TYPE	(MEMORY_AT + 0x60)
#define BYTES_TYPE	(MEMORY_AT + 0x80)
#define RUNTIME		(MEMORY_AT + 0x100)
#define FIRST_TID	100

extern const uint8_t *memory_bytes;
extern size_t memory_size;

size_t memory_read(uint64_t address, void *to, size_t size);
/* Input of these targets: a byte for the version, then memory. */
size_t memory_mutate(uint8_t *bytes, size_t size, size_t most, unsigned seed);
unsigned memory_minor(uint8_t byte);	/* 6 to 15 */

#endif
