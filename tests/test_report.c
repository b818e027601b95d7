/* SPDX-License-Identifier: MIT */
/* The reports: all members of the JSON schema are there, nothing of a stranger's gets out unescaped, lines fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>

#include "analyzer/report.h"
#include "analyzer/trace.h"
#include "analyzer/words.h"
#include "tests/opened.h"
#include "tests/sample.h"

static const cJSON *member(const cJSON *o, const char *path)
{
	char name[64];

	while (*path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		o = cJSON_GetObjectItemCaseSensitive(o, name);
		if (!o)
			fail_msg("no member %s", name);
		path += n + (path[n] == '.');
	}
	return o;
}

static void every_member_of_the_schema_is_there(void **state)
{
	static const char *const members[] = {
		"schema", "trace.file", "trace.damage", "process.pid", "process.ppid", "process.argv", "process.exe",
		"process.python", "process.prefix", "process.venv", "process.conda", "process.started", "process.ended",
		"process.kernel.connection_file", "process.kernel.notebook", "process.kernel.cell", "ending.kind",
		"ending.signal", "ending.code", "ending.status", "ending.sender", "verdict.cause", "verdict.confidence",
		"verdict.title", "verdict.explanation", "verdict.fix", "verdict.evidence", "also_seen", "python_stack",
		"native_stack", "libraries", "memory", "gpu", "fingerprint",
	};
	char *out = report_of("test.trace", sample, JSON, (struct look){ 0 });
	cJSON *root = cJSON_Parse(out);

	(void)state;
	assert_non_null(root);
	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		member(root, members[i]);
	assert_string_equal(member(root, "schema")->valuestring, "kshim-report-1");
	assert_string_equal(member(root, "ending.kind")->valuestring, "signal");
	assert_string_equal(member(root, "ending.signal")->valuestring, "SIGSEGV");
	assert_string_equal(member(root, "ending.code")->valuestring, "SEGV_MAPERR");
	assert_string_equal(member(root, "process.python")->valuestring, "3.11.7");
	assert_string_equal(member(root, "process.venv")->valuestring, "/venv");
	assert_int_equal(cJSON_GetArraySize(member(root, "process.argv")), 5);
	assert_string_equal(cJSON_GetArrayItem(member(root, "process.argv"), 4)->valuestring, "a b.json");
	assert_int_equal(cJSON_GetArraySize(member(root, "native_stack")), 3);
	assert_int_equal(cJSON_GetArraySize(member(root, "python_stack")), 2);
	cJSON_Delete(root);
	free(out);
}

static void what_is_not_known_is_null(void **state)
{
	char *out = report_of("test.trace", "header pid=1\n", JSON, (struct look){ 0 });
	cJSON *root = cJSON_Parse(out);

	(void)state;
	assert_non_null(root);
	assert_true(cJSON_IsNull(member(root, "process.kernel")));
	assert_true(cJSON_IsNull(member(root, "process.python")));
	assert_true(cJSON_IsNull(member(root, "memory.rss")));
	assert_true(cJSON_IsNull(member(root, "gpu")));
	cJSON_Delete(root);
	free(out);
}

static const char hostile[] =
	"header end_kind=1 end_code=11\n"
	"info key=\"argv\" value=\"python3 <script>alert(1)</script> \\x1b]0;owned\\x07 \\xff\\xfe\"\n"
	"info key=\"exe\" value=\"/<b>/py\\\"thon'&\"\n"
	"module path=\"/opt/\\x1b[2J<img src=x>.so\"\n"
	"output text=\"<script>\\x1b[31m\\x00\\xe2\\x80\\xae\\n\"\n"
	"crash_area signal=11 code=1 pc=0x7f0000001000\n"
	"python file=\"<script>evil</script>.py\" line=1 function=\"\\x1b[1m&\"\n";

static void a_page_escapes_everything(void **state)
{
	char *out = report_of("test.trace", hostile, HTML, (struct look){ 0 });

	(void)state;
	assert_null(strstr(out, "<script>"));
	assert_null(strstr(out, "<img"));
	assert_non_null(strstr(out, "&lt;script&gt;"));
	assert_null(strchr(out, '\x1b'));
	assert_null(strstr(out, "http://"));
	free(out);
}

static void no_control_character_reaches_the_terminal(void **state)
{
	char *out = report_of("test.trace", hostile, TEXT, (struct look){ .colour = false, .width = 80 });

	(void)state;
	assert_null(strchr(out, '\x1b'));
	assert_null(strchr(out, '\x07'));
	assert_null(strstr(out, "\xe2\x80\xae"));
	assert_null(strchr(out, '\xff'));
	free(out);
}

static void json_of_strange_bytes_is_valid_utf8(void **state)
{
	char *out = report_of("test.trace", hostile, JSON, (struct look){ 0 });

	(void)state;
	for (const char *p = out; *p;) {
		size_t n = *p == '\n' || *p == '\t' ? 1 : utf8_printable(p, strlen(p));

		assert_true(n > 0);
		p += n;
	}
	free(out);
}

/* Words longer than a line (paths) stand alone; nothing else goes beyond the width. */
/* Its only line stands above already. */
static void last_words_that_were_told_are_not_told_again(void **state)
{
	char *out = report_of("test.trace", "header pid=4711 ppid=4700 end_kind=1 end_code=6\n"
			      "module path=\"/usr/lib/x86_64-linux-gnu/libc.so.6\"\n"
			      "module path=\"/venv/lib/python3.11/site-packages/sched/libsched.so\"\n"
			      "output text=\"cannot go on without a scheduler\\n\"\n"
			      "abort_call caller=0x7f0001003000 stack=0x7f0001003000\n"
			      "crash_area signal=6 code=-6\n"
			      "crash signal=6 code=-6\n"
			      "block kind=native text=\"#0 - libc.so.6 abort\\n#1 0x7f0001003000 libsched.so sched_start\\n\"\n",
			      TEXT, (struct look){ .width = 132 });

	(void)state;
	assert_non_null(strstr(out, "cannot go on without a scheduler"));
	assert_null(strstr(strstr(out, "cannot go on without a scheduler") + 1, "cannot go on without a scheduler"));
	assert_null(strstr(out, "Its last words"));
	free(out);
}

static void lines_fit_the_width(void **state)
{
	char *out = report_of("test.trace", sample, TEXT, (struct look){ .colour = false, .width = 60 });

	(void)state;
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		size_t columns = 0;
		const char *word = line + strspn(line, " ");

		for (const char *p = line; *p; p++)
			columns += (*p & 0xc0) != 0x80;
		if (columns > 60 && strchr(word, ' '))
			fail_msg("too long: %s", line);
	}
	free(out);
}

static void numbers_in_words(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(size_words(&a, 0), "0 bytes");
	assert_string_equal(size_words(&a, 1536), "1.5 KiB");
	assert_string_equal(size_words(&a, 64ull << 30), "64 GiB");
	assert_string_equal(size_words(&a, UNKNOWN), "unlimited");
	assert_string_equal(duration_words(&a, 45000000), "45 ms");
	assert_string_equal(duration_words(&a, 12345000000), "12 s");
	assert_string_equal(duration_words(&a, 7500000000000), "2 h 5 min");
	assert_string_equal(time_words(&a, 1500000000), "+1.500 s");
	assert_string_equal(signal_name(&a, 7), "SIGBUS");
	assert_string_equal(signal_name(&a, 40), "signal 40");
	assert_null(signal_code_name(11, 99));
	arena_free(&a);
}

static void memory_of_a_device_is_drawn_from_nothing_where_another_kind_came_first(void **state)
{
	char *text = report_of("test.trace", "header pid=7 ppid=1 end_kind=2 end_code=1\n"
			       "cuda_init time=0 result=0 driver_version=12040 library=\"/lib/libcuda.so.1\" \n"
			       "cuda_alloc time=1 kind=4 address=0x7f0000000000 size=1000000 \n"
			       "cuda_alloc time=50 kind=0 address=0x7f1000000000 size=2000000 \n"
			       "cuda_free time=100 kind=4 address=0x7f0000000000 size=1000000 \n", TEXT, (struct look){ .width = 100 });
	const char *row = strstr(text, "  1.9 MiB ");

	(void)state;
	assert_non_null(row);
	row += strlen("  1.9 MiB ");
	assert_int_equal(strncmp(row, "          ", 10), 0);
	assert_non_null(strstr(row, "█"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_a_device_is_drawn_from_nothing_where_another_kind_came_first),
		cmocka_unit_test(every_member_of_the_schema_is_there),
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(a_page_escapes_everything),
		cmocka_unit_test(no_control_character_reaches_the_terminal),
		cmocka_unit_test(json_of_strange_bytes_is_valid_utf8),
		cmocka_unit_test(last_words_that_were_told_are_not_told_again),
		cmocka_unit_test(lines_fit_the_width),
		cmocka_unit_test(numbers_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
