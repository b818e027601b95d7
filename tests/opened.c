/* SPDX-License-Identifier: MIT */
/* See opened.h. */
#include "tests/opened.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void open_text(struct opened *o, const char *name, const char *text)
{
	const char *why = assemble(text, &o->image);

	if (why)
		fail_msg("%s: %s", name, why);
	o->trace = trace_from_memory(name, o->image.bytes, o->image.size, &why);
	if (!o->trace)
		fail_msg("%s: %s", name, why);
	o->model = model_build_plain(o->trace);
	rules_run(o->model, &o->verdict);
	o->subject = (struct subject){ .m = o->model, .where = o->model, .v = &o->verdict };
}

void close_text(struct opened *o)
{
	verdict_free(&o->verdict);
	model_free(o->model);
	trace_close(o->trace);
	free(o->image.bytes);
}

char *report_of(const char *name, const char *text, enum form form, struct look look)
{
	struct opened o;
	struct report r;
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	open_text(&o, name, text);
	if (form == JSON) {
		report_json(&o.subject, f);
	} else {
		report_build(&r, &o.subject);
		if (form == HTML)
			report_html(&r, f);
		else
			report_text(&r, look, f);
		report_free(&r);
	}
	fclose(f);
	close_text(&o);
	return out;
}
