/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. Each tests/fuzz/fuzz_NAME.c is a libFuzzer target of its own:
 * hostile bytes go into one reader, in process, without files, until a sanitizer or a check of
 * the target's own complains. `make fuzz` builds and runs them all (tests/fuzz/run).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analyzer/trace.h"

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *to,
				 size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);

/* --- mutate.c: traces that stay traces --- */

size_t mutate_trace(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t cross_traces(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *to, size_t most,
		    unsigned seed);

/* --- output.c: what a report may not hold --- */

/* Bit 0: of a text report, the narrow one without colour. */
enum { REPORT_TEXT = 2, REPORT_HTML = 4, REPORT_JSON = 8, REPORT_DUMP = 16, REPORT_ALL = 30 };
/* The forms asked for, each checked; files: the libraries that the trace names are opened, too. */
void reports_check(struct trace *t, bool files, unsigned forms);
/* One or all of the forms, by the bytes: an input is always told in the same ones, and the fuzzer is not slow. */
unsigned reports_some(const void *bytes, size_t size);
/* A text for a terminal or a page: valid UTF-8 without control characters but \n (and \t); ends the program otherwise. */
void text_check(const char *what, const char *bytes, size_t n, bool colours);

#define FUZZ_CHECK(condition)                                                                       \
	do {                                                                                        \
		if (!(condition)) {                                                                 \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
			__builtin_trap();                                                           \
		}                                                                                   \
	} while (0)

#endif
