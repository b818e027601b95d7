/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace, to text with --dump, assembled from it again, and dumped once more: what
 * a user sends us as a dump must be what we then look at. From the second dump on nothing changes
 * any more, but for the order of lines and their places in the file (the assembler makes one ring
 * of several, and lays out records anew).
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/dump.h"
#include "tests/assemble.h"

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	return mutate_trace(bytes, size, most, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *to,
				 size_t most, unsigned seed)
{
	return cross_traces(a, na, b, nb, to, most, seed);
}

static char *dumped(const char *bytes, size_t size)
{
	const char *why;
	struct trace *t = trace_from_memory("fuzz.trace", bytes, size, &why);
	char *text = NULL;
	size_t n;
	FILE *f;

	if (!t)
		return NULL;
	f = open_memstream(&text, &n);
	dump(t, f);
	fclose(f);
	trace_close(t);
	FUZZ_CHECK(strlen(text) == n);
	return text;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in order, without comments and " at=0x…"; they stay within text, which is taken apart. */
static size_t lines_of(char *text, char **line, size_t most)
{
	size_t n = 0;

	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n")) {
		char *at = strstr(p, " at=0x");

		/* Texts cannot hold it by chance: a block's text comes last, behind its own. */
		if (at)
			memset(at, ' ', strcspn(at + 1, " ") + 1);
		if (*p != '#' && n < most)
			line[n++] = p;
	}
	qsort(line, n, sizeof(*line), by_text);
	return n;
}

static bool same(char *a, char *b)
{
	static char *x[1 << 16], *y[1 << 16];
	size_t n = lines_of(a, x, 1 << 16), m = lines_of(b, y, 1 << 16);
	bool equal = n == m;

	for (size_t i = 0; i < n && equal; i++) {
		equal = strcmp(x[i], y[i]) == 0;
		if (!equal)
			fprintf(stderr, "%s\n%s\n", x[i], y[i]);
	}
	return equal;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *first = dumped((const char *)bytes, size), *second, *third;
	struct image image;
	const char *why;

	if (!first)
		return 0;
	why = assemble(first, &image);
	if (why) {
		fprintf(stderr, "a dump is not taken: %s\n%s", why, first);
		abort();
	}
	second = dumped(image.bytes, image.size);
	free(image.bytes);
	FUZZ_CHECK(second);
	FUZZ_CHECK(!assemble(second, &image));
	third = dumped(image.bytes, image.size);
	FUZZ_CHECK(third && same(second, third));
	free(image.bytes);
	free(first);
	free(second);
	free(third);
	return 0;
}
