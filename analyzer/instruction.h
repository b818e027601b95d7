/* SPDX-License-Identifier: MIT */
/* The instruction at a crash as text, and the CPU feature that it belongs to. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include <stddef.h>
#include <stdint.h>
#include "analyzer/text.h"

/*
 * Sets *text ("vpaddd ymm0, ymm1, ymm2") and *feature ("AVX2", as /proc/cpuinfo's users call it);
 * leaves them alone where they are not known: no disassembler for arch, no such instruction, or
 * one that every CPU of the architecture has (feature).
 */
void instruction_decode(struct arena *arena, unsigned arch, const uint8_t *bytes, size_t n,
			uint64_t pc, const char **text, const char **feature);

#endif
