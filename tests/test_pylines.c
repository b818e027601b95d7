/* SPDX-License-Identifier: MIT */
/*
 * Line tables: of real code of every CPython that is found here (tests/python/lines.py prints
 * what the interpreter itself says), three small ones by hand, and damaged ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/pylines.h"

static int line_at(unsigned kind, int first, int offset, const uint8_t *table, size_t size)
{
	struct ks_py_frame f = { .table_kind = (uint8_t)kind, .first_line = first, .last_instruction = offset,
				 .table_size = (uint32_t)size };

	return py_line(&f, table);
}

static void a_line_table_up_to_3_9_is_pairs_of_steps(void **state)
{
	/* bytes 0–3: line 10; 4–5: 11; 6–7: 9; from 8: 9 + 127 + 3 */
	static const uint8_t table[] = { 4, 1, 2, 0xfe, 2, 127, 0, 3 };

	(void)state;
	assert_int_equal(line_at(1, 10, -1, table, sizeof(table)), 10);
	assert_int_equal(line_at(1, 10, 2, table, sizeof(table)), 10);
	assert_int_equal(line_at(1, 10, 4, table, sizeof(table)), 11);
	assert_int_equal(line_at(1, 10, 6, table, sizeof(table)), 9);
	assert_int_equal(line_at(1, 10, 8, table, sizeof(table)), 139);
	assert_int_equal(line_at(1, 10, 5000, table, sizeof(table)), 139);
}

static void a_line_table_of_3_10_has_places_without_a_line(void **state)
{
	static const uint8_t table[] = { 4, 1, 2, 0x80, 0, 100, 2, 1 };

	(void)state;
	assert_int_equal(line_at(2, 10, 0, table, sizeof(table)), 11);
	assert_int_equal(line_at(2, 10, 4, table, sizeof(table)), 0);
	assert_int_equal(line_at(2, 10, 6, table, sizeof(table)), 112);
	assert_int_equal(line_at(2, 10, 8, table, sizeof(table)), 0);
}

static void a_line_table_from_3_11_is_entries_of_varints(void **state)
{
	/* RESUME at line 1 with columns; 3 units one line later; a long form 65 lines back; none */
	static const uint8_t table[] = { 0x80 | 10 << 3, 0, 0, 0x80 | 11 << 3 | 2, 4, 9, 0x80 | 14 << 3, 0x43, 0x02, 0, 1, 1, 0x80 | 15 << 3 };

	(void)state;
	assert_int_equal(line_at(3, 100, 0, table, sizeof(table)), 100);
	assert_int_equal(line_at(3, 100, 2, table, sizeof(table)), 101);
	assert_int_equal(line_at(3, 100, 6, table, sizeof(table)), 101);
	assert_int_equal(line_at(3, 100, 8, table, sizeof(table)), 36);
	assert_int_equal(line_at(3, 100, 10, table, sizeof(table)), 0);
	assert_int_equal(line_at(3, 100, 12, table, sizeof(table)), 0);
}

static void an_unknown_form_gives_no_line(void **state)
{
	static const uint8_t table[4];

	(void)state;
	assert_int_equal(line_at(0, 10, 2, table, sizeof(table)), 0);
	assert_int_equal(line_at(4, 10, 2, table, sizeof(table)), 0);
	assert_int_equal(line_at(3, -5, -1, table, sizeof(table)), 0);
}

/* Any bytes, cut anywhere: the sanitizers look on, a line is positive or 0. */
static void a_damaged_table_gives_some_line_or_none(void **state)
{
	uint32_t random = 2463534242u;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t size;
		uint8_t *table;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		size = random % 48;
		table = malloc(size + 1);	/* exactly so many: a read beyond is seen */
		assert_non_null(table);
		for (size_t i = 0; i < size; i++)
			table[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24) | (round & 1 ? 0x80 : 0);
		table = realloc(table, size ? size : 1);
		assert_true(line_at(1 + random % 3, (int)random, (int)(random >> 8) & 255, table, size) >= 0);
		free(table);
	}
}

static size_t read_table(char *hex, uint8_t *table, size_t room)
{
	size_t n = 0;

	for (; hex[0] && hex[1] && hex[0] != '-' && n < room; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };

		table[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

/* Returns how many places were compared. */
static size_t compare(char *text, const char *python)
{
	static uint8_t table[1 << 20];
	char *save = NULL;
	int kind = atoi(strtok_r(text, " \n", &save)), first = atoi(strtok_r(NULL, " \n", &save));
	size_t size = read_table(strtok_r(NULL, " \n", &save), table, sizeof(table)), n = 0;

	for (char *p; (p = strtok_r(NULL, " \n", &save)); n++) {
		int line = line_at((unsigned)kind, first, (int)n * 2, table, size);

		if (line != atoi(p))
			fail_msg("%s: code at line %d, offset %zu: %s, not %d", python, first, n * 2, p, line);
	}
	return n;
}

static size_t ask(const char *python)
{
	char command[512], *line = NULL;
	size_t room = 0, n = 0;
	FILE *p;

	snprintf(command, sizeof(command), "env -u LD_PRELOAD '%s' tests/python/lines.py 2>/dev/null", python);
	p = popen(command, "r");
	assert_non_null(p);
	while (getline(&line, &room, p) > 0)
		n += compare(line, python);
	free(line);
	pclose(p);
	return n;
}

static void lines_are_what_every_python_here_says_itself(void **state)
{
	char pattern[256], *home = getenv("HOME");
	glob_t found = { 0 };
	size_t n = 0;

	(void)state;
	if (access("tests/python/lines.py", R_OK) != 0)
		skip();
	glob("/usr/bin/python3.[0-9]*[0-9]", GLOB_NOSORT, NULL, &found);
	glob("/usr/local/bin/python3.[0-9]*[0-9]", GLOB_NOSORT | GLOB_APPEND, NULL, &found);
	snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3", home ? home : "");
	glob(pattern, GLOB_NOSORT | GLOB_APPEND, NULL, &found);
	if (getenv("MORE_PYTHONS"))
		glob(getenv("MORE_PYTHONS"), GLOB_NOSORT | GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t places = ask(found.gl_pathv[i]);

		print_message("%s: %zu places\n", found.gl_pathv[i], places);
		assert_true(places > 10000);
		n += places;
	}
	globfree(&found);
	if (!n)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_table_up_to_3_9_is_pairs_of_steps),
		cmocka_unit_test(a_line_table_of_3_10_has_places_without_a_line),
		cmocka_unit_test(a_line_table_from_3_11_is_entries_of_varints),
		cmocka_unit_test(an_unknown_form_gives_no_line),
		cmocka_unit_test(a_damaged_table_gives_some_line_or_none),
		cmocka_unit_test(lines_are_what_every_python_here_says_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
