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
