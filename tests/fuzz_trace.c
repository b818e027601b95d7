/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as a trace. Opened, dumped, replayed, explained in all three forms: it must
 * end with a report or an error, never with a crash, a hang or unbounded memory (make fuzz).
 */
#include <stdint.h>
#include <stdio.h>

#include "analyzer/dump.h"
#include "analyzer/report.h"
#include "analyzer/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static FILE *nowhere;
	const char *why;
	struct trace *t = trace_from_memory("fuzz.trace", (const char *)bytes, size, &why);
	struct verdict v;
	struct subject s;
	struct report r;

	if (!t)
		return 0;
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
	return 0;
}
