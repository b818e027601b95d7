/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as a trace. Opened, dumped, replayed, explained in all three forms: it must
 * end with a report or an error, never with a crash, a hang or unbounded memory.
 *
 * Bytes that do not begin as a trace does are taken as text for the assembler, so that tests/cases
 * are seeds: make fuzz; build/fuzz_trace -max_total_time=60 NEW-FOLDER tests/cases
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/dump.h"
#include "analyzer/report.h"
#include "analyzer/trace.h"
#include "tests/assemble.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void look_at(const char *bytes, size_t size)
{
	static FILE *nowhere;
	const char *why;
	struct trace *t = trace_from_memory("fuzz.trace", bytes, size, &why);
	struct verdict v;
	struct subject s;
	struct report r;

	if (!t)
		return;
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	dump(t, nowhere);
	s.m = s.where = model_build_plain(t);
	s.v = &v;
	s.note = NULL;
	rules_run(s.m, &v);
	report_build(&r, &s);
	report_text(&r, (struct look){ .colour = true, .width = 80 }, nowhere);
	report_html(&r, nowhere);
	report_free(&r);
	report_json(&s, nowhere);
	verdict_free(&v);
	model_free((struct model *)s.m);
	trace_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct image image;
	char *text;

	if (size >= 8 && memcmp(bytes, KS_MAGIC, 8) == 0) {
		look_at((const char *)bytes, size);
		return 0;
	}
	text = calloc(1, size + 1);
	memcpy(text, bytes, size);
	if (!assemble(text, &image)) {
		look_at(image.bytes, image.size);
		free(image.bytes);
	}
	free(text);
	return 0;
}
