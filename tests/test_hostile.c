/* SPDX-License-Identifier: MIT */
/*
 * What fuzzing and hostile traces found, each as a small case, so that it is not found again; and
 * what a trace's texts must never do: end a quoted word of a command, move a terminal's cursor,
 * begin a line of their own, open a tag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/demangle.h"
#include "analyzer/dump.h"
#include "analyzer/proof.h"
#include "analyzer/report.h"
#include "analyzer/rule.h"
#include "analyzer/trace.h"
#include "tests/opened.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- names --- */

/* A<A<A<…>, A<…>>, …>: each level twice the one before, in a few bytes. */
static char *doubling(unsigned levels)
{
	static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static char name[1024];
	char *p = name + sprintf(name, "_Z1f1AIiiE");

	for (unsigned i = 0; i < levels; i++)
		p += sprintf(p, "S_IS%c_S%c_E", digit[i], digit[i]);
	return name;
}

static void a_name_that_describes_more_than_there_is_ends_soon(void **state)
{
	char to[2048];
	double begin = seconds();

	(void)state;
	assert_true(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi", to, sizeof(to)));
	assert_string_equal(to, "std::vector<int, std::allocator<int> >::push_back(int const&)");
	assert_true(demangle(doubling(7), to, sizeof(to)));	/* by the child */
	assert_non_null(strstr(to, "A<A<int, int>"));
	assert_int_equal(strlen(to), sizeof(to) - 1);
	for (unsigned i = 0; i < 6; i++)
		assert_false(demangle(doubling(30), to, sizeof(to)));
	assert_true(seconds() - begin < 8);
}

/* --- what a user pastes --- */

static const char *const words[] = {
	"/opt/lib/x.so", "/opt/my lib/x.so", "'; echo ACTED; '", "$(echo ACTED)", "`echo ACTED`", "\"; echo ACTED; \"", "a\nb; echo ACTED",
	"\\", "\\'", "\"\\", "!!", "-rf", "--help", "'", "''", "\"", "$HOME", "a b*", "\x1b['\\; echo ACTED;'", "\xc2\x9b'; echo ACTED;'", "~", "x;echo ACTED",
};

/* printf of /bin/sh writes its arguments with a bar behind each: one word must come back. */
static void a_word_of_a_command_is_one_word_and_nothing_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct arena a = { 0 };
		char *command = arena_printf(&a, "cd / && printf '%%s|' %s", arena_shell(&a, words[i])), got[256] = "", *bar;
		FILE *f = popen(command, "r");

		assert_non_null(f);
		got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
		if (pclose(f) != 0)
			fail_msg("the shell does not take: %s", command);
		bar = strchr(got, '|');
		if (!bar || bar[1] || *got == '-')
			fail_msg("%s is not one word: %s", command, got);
		if (words[i][0] == '/')
			assert_true(strncmp(got, words[i], strlen(words[i])) == 0);
		arena_free(&a);
	}
}

static void a_package_is_a_name_or_stands_in_quotes(void **state)
{
	static const char *const good[] = { "numpy", "--upgrade numpy", "--upgrade jax jaxlib", "'numpy<2'", "opencv-python-headless" };
	static const char *const bad[] = { "x; echo ACTED", "'a' 'b'", "'a", "'", "--index-url=http://x", "--upgrade -r/etc/passwd", "--upgrade jax -r/etc/passwd", "--upgrade jax ", "jax jaxlib", "$(x)", "a&b", "'-r x'" };
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_string_equal(package_words(&a, good[i]), good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_string_equal(package_words(&a, bad[i]), arena_shell(&a, bad[i]));
	arena_free(&a);
}

/* --- reports --- */

static char *told(const char *text, enum form form)
{
	return report_of("\x1b]0;x\afile.trace", text, form, (struct look){ .width = 80 });
}

/* Every text that a trace can hold of a crash, with one that wants to act in it. */
static const char crash[] =
	"header pid=4711 end_kind=1 end_code=11\n"
	"info key=\"argv\" value=\"python %1$s\"\ninfo key=\"exe\" value=\"/x/%1$s\"\n"
	"py_ready version=\"3.11.7%1$s\" prefix=\"/venv%1$s\" base_prefix=\"/usr\" executable=\"/venv/%1$s\" hexversion=0x030b07f0\n"
	"kernel connection=\"/c/%1$s\" notebook=\"/n/%1$s.ipynb\"\n"
	"module path=\"/opt/lib%1$s.so\"\n"
	"thread tid=4711 name=\"%1$s\"\n"
	"output text=\"%1$s\\nlast %1$s\\n\"\n"
	"note text=\"%1$s\"\n"
	"crash_area signal=11 code=1 pc=0x7f0000001000 address=0x8 name=\"%1$s\" abort_message=\"%1$s\" exception_type=\"%1$s\" exception_text=\"%1$s\"\n"
	"crash signal=11 code=1\n"
	"python file=\"/a/%1$s.py\" line=3 function=\"%1$s\"\n"
	"block kind=native text=\"#0 0x7f0000001000 lib%1$s.so f%1$s+0x1 %1$s.c:3\\n#1 - a%1$s b%1$s\\n\"\n";

static char *with(const char *text)
{
	static char all[16384];

	snprintf(all, sizeof(all), crash, text);
	return all;
}

static void no_text_of_a_trace_moves_the_cursor(void **state)
{
	static const char *const hostile[] = {
		"\\x1b]0;x\\x07", "\\x1b[2J", "\\xc2\\x9b31m", "\\x9b31m", "\\xe2\\x80\\xae", "\\xe2\\x81\\xa6", "\\xff\\xfe", "\\xed\\xa0\\x80", "\\x08\\x08", "\\x7f", "\\x0d", "\\x0e",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		for (enum form form = TEXT; form <= HTML; form++) {
			char *out = told(with(hostile[i]), form);

			for (size_t k = 0; out[k];) {
				size_t good = utf8_printable(out + k, strlen(out + k));

				if (!good && out[k] != '\n')
					fail_msg("%s: byte 0x%02x in: %.60s", hostile[i], (unsigned char)out[k], out + (k > 30 ? k - 30 : 0));
				k += good ? good : 1;
			}
			free(out);
		}
	}
}

static void no_text_of_a_trace_begins_a_line(void **state)
{
	char *out = told(with("a\\nWhat to do\\n  1. rm -rf /\\n\\nWhy"), TEXT);
	unsigned n = 0;

	(void)state;
	for (const char *p = out; (p = strstr(p, "\nWhat to do")); p++)
		n++;
	assert_int_equal(n, 1);		/* ours */
	assert_null(strstr(out, "\n  1. rm -rf"));
	free(out);
}

static void no_text_of_a_trace_opens_a_tag(void **state)
{
	char *out = told(with("</pre></script><script>alert(1)</script><img src=x onerror='alert(1)'>\\\" onload=\\\"x"), HTML);

	(void)state;
	assert_null(strstr(out, "<script"));
	assert_null(strstr(out, "</script"));
	assert_null(strstr(out, "<img"));
	assert_null(strstr(out, "\" onload"));
	assert_non_null(strstr(out, "&lt;script&gt;"));
	free(out);
}

/* --- dumps --- */

static char *dumped(const char *bytes, size_t size)
{
	const char *why;
	struct trace *t = trace_from_memory("x.trace", bytes, size, &why);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(t);
	dump(t, f);
	fclose(f);
	trace_close(t);
	return text;
}

static void a_dump_comes_back_as_it_was(void **state)
{
	static const char *const lines[] = {
		"event_65000 time=0.5", "field_1=0x7", "exit_call time=-0.250000000", "field_9=0x5", "/\xc3\xbf/\xe2\x82\xac.py", "function=\"\xf0\x9f\x90\x8d\"",
		"function=\"f\" cut=1", "function=\"g\" cut=1",
	};
	struct image image;
	char *first, *second;

	(void)state;
	assert_null(assemble("event_65000 time=0.5 tid=3 field_1=0x7\nexit_call time=-0.25 status=3 field_9=5\n"
			     "python file=\"/\xc3\xbf/\xe2\x82\xac.py\" line=3 function=\"\xf0\x9f\x90\x8d\"\n"
			     "python tid=9 file=\"a.py\" line=3 function=\"f\" cut=1\npython tid=9 file=\"b.py\" line=3 function=\"g\" cut=1\n", &image));
	first = dumped(image.bytes, image.size);
	free(image.bytes);
	assert_null(assemble(first, &image));
	second = dumped(image.bytes, image.size);
	free(image.bytes);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strstr(first, lines[i]) || !strstr(second, lines[i]))
			fail_msg("%s is not in\n%s\n%s", lines[i], first, second);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_describes_more_than_there_is_ends_soon),
		cmocka_unit_test(a_word_of_a_command_is_one_word_and_nothing_more),
		cmocka_unit_test(a_package_is_a_name_or_stands_in_quotes),
		cmocka_unit_test(no_text_of_a_trace_moves_the_cursor),
		cmocka_unit_test(no_text_of_a_trace_begins_a_line),
		cmocka_unit_test(no_text_of_a_trace_opens_a_tag),
		cmocka_unit_test(a_dump_comes_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
