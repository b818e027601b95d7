/* SPDX-License-Identifier: MIT */
/* Records to text and back: what --dump prints, the assembler reads, and it means the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyzer/decode.h"
#include "analyzer/dump.h"
#include "tests/assemble.h"
#include "tests/sample.h"

/* The text of a dump without the records' places in their file. */
static char *dumped(const char *text)
{
	struct image image;
	const char *why = assemble(text, &image);
	struct trace *t;
	char *out = NULL, *at;
	size_t size = 0;
	FILE *f;

	if (why)
		fail_msg("%s", why);
	t = trace_from_memory("test.trace", image.bytes, image.size, &why);
	assert_non_null(t);
	f = open_memstream(&out, &size);
	dump(t, f);
	fclose(f);
	trace_close(t);
	free(image.bytes);
	for (char *p = out; (at = strstr(p, " at=0x")); p = at) {
		char *end = at + 1 + strcspn(at + 1, " \n");

		memmove(at, end, strlen(end) + 1);
	}
	return out;
}

static char *without_comments(char *text)
{
	char *line;

	while (*text == '#' && (line = strchr(text, '\n')))
		memmove(text, line + 1, strlen(line));
	return text;
}

static void a_dump_assembled_again_gives_the_same_dump(void **state)
{
	char *first = without_comments(dumped(sample)), *second = without_comments(dumped(first));

	(void)state;
	assert_string_equal(first, second);
	assert_non_null(strstr(first, "error=\"libb.so.1: cannot open"));
	assert_non_null(
		strstr(first, "python tid=101 file=\"/home/a/b.py\" line=12 function=\"inner\""));
	free(first);
	free(second);
}

static void quotes_keep_every_byte(void **state)
{
	char all[256], line[2048];
	struct text quoted = { 0 };
	struct line l;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	text_add(&quoted, "info key=");
	text_quote(&quoted, all, sizeof(all));
	assert_true(quoted.n < sizeof(line));
	memcpy(line, quoted.s, quoted.n + 1);
	assert_null(line_parse(&l, line));
	assert_int_equal(l.pair[0].size, sizeof(all));
	assert_memory_equal(l.pair[0].value, all, sizeof(all));
	text_free(&quoted);
}

static void numbers_times_and_their_mistakes(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(number_parse("0x10", &v) && v == 16);
	assert_true(number_parse("-1", &v) && v == UINT64_MAX);
	assert_true(number_parse("18446744073709551615", &v) && v == UINT64_MAX);
	assert_false(number_parse("18446744073709551616", &v));
	assert_false(number_parse("", &v));
	assert_false(number_parse("12x", &v));
	assert_true(time_parse("1.25", &v) && v == 1250000000);
	assert_true(time_parse("0.000000001", &v) && v == 1);
	assert_false(time_parse("1.2.3", &v));
	assert_false(time_parse("x", &v));
}

static void mistakes_are_named_with_their_line(void **state)
{
	struct image image;

	(void)state;
	assert_string_equal(assemble("info key=\"a\"\nnonsense x=1\n", &image),
			    "line 2: no such record");
	assert_string_equal(assemble("info kay=\"a\"\n", &image), "line 1: no such field");
	assert_string_equal(assemble("info key=\"a\n", &image),
			    "line 1: a text that is not well quoted");
	assert_string_equal(assemble("limit soft=many\n", &image), "line 1: a number that is none");
	assert_string_equal(assemble("limit soft\n", &image), "line 1: a field without '='");
}

/* A slot of an older recorder has fewer fields, one of a newer recorder more, or an unknown number.
 */
static void unknown_events_and_fields_are_printed_by_number(void **state)
{
	struct image image;
	const char *why = assemble("info key=\"a\" value=\"b\"\n", &image);
	struct trace *t;
	struct text out = { 0 };

	(void)state;
	assert_null(why);
	t = trace_from_memory("test.trace", image.bytes, image.size, &why);
	t->slots[0].event = 250;
	t->slots[0].nfields = 1;
	t->slots[0].field[0] = 7;
	decode_slot(&out, t, &t->slots[0]);
	assert_non_null(strstr(out.s, "event_250 time=0.001000000"));
	assert_non_null(strstr(out.s, "field_0=0x7"));
	text_free(&out);
	trace_close(t);
	free(image.bytes);
}

static void strange_bytes_become_harmless_text(void **state)
{
	static const char bytes[] = "\x1b[31mred\x1b[0m\x07 \xff\xc3\xa9 \xe2\x80\xae"
				    "evil\r\nok\rover";
	struct text t = { 0 };

	(void)state;
	text_clean(&t, bytes, sizeof(bytes) - 1);
	assert_null(strchr(t.s, '\x1b'));
	assert_null(strchr(t.s, '\r'));
	assert_null(strstr(t.s, "\xe2\x80\xae"));
	assert_non_null(strstr(t.s, "red"));
	assert_non_null(strstr(t.s, "\xc3\xa9"));
	assert_non_null(strstr(t.s, "evil\nok\nover"));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_assembled_again_gives_the_same_dump),
		cmocka_unit_test(quotes_keep_every_byte),
		cmocka_unit_test(numbers_times_and_their_mistakes),
		cmocka_unit_test(mistakes_are_named_with_their_line),
		cmocka_unit_test(unknown_events_and_fields_are_printed_by_number),
		cmocka_unit_test(strange_bytes_become_harmless_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
