/* SPDX-License-Identifier: MIT */
/* The reader of traces against damage: whatever is cut off or changed, it lists it and goes on. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyzer/dump.h"
#include "analyzer/events.h"
#include "analyzer/report.h"
#include "analyzer/trace.h"
#include "tests/assemble.h"
#include "tests/sample.h"

static struct image made(void)
{
	struct image image;
	const char *why = assemble(sample, &image);

	if (why)
		fail_msg("%s", why);
	return image;
}

static struct trace *opened(const struct image *image)
{
	const char *why = NULL;
	struct trace *t = trace_from_memory("test.trace", image->bytes, image->size, &why);

	if (!t)
		fail_msg("%s", why);
	return t;
}

/* Everything that anybody does with a trace. */
static void use(const char *bytes, size_t size)
{
	FILE *nowhere = fopen("/dev/null", "w");
	const char *why;
	char *exact = malloc(size ? size : 1);	/* so that the sanitizer sees a byte too far */
	struct trace *t;
	struct model *m;
	struct verdict v;
	struct subject s;
	struct report r;

	memcpy(exact, bytes, size);
	t = trace_from_memory("test.trace", exact, size, &why);
	if (t) {
		dump(t, nowhere);
		m = model_build_plain(t);
		rules_run(m, &v);
		s = (struct subject){ m, m, &v, NULL };
		report_build(&r, &s);
		report_text(&r, (struct look){ false, 80 }, nowhere);
		report_html(&r, nowhere);
		report_json(&s, nowhere);
		report_free(&r);
		verdict_free(&v);
		model_free(m);
	}
	trace_close(t);
	free(exact);
	fclose(nowhere);
}

static void a_whole_trace_has_no_damage(void **state)
{
	struct image image = made();
	struct trace *t = opened(&image);

	(void)state;
	assert_int_equal(t->ndamage, 0);
	assert_int_equal(t->torn, 0);
	assert_int_equal(t->nmodules, 5);
	assert_int_equal(t->nthreads, 2);
	assert_int_equal(t->ncheckpoints, 2);
	assert_int_equal(t->nblocks, 6);
	trace_close(t);
	free(image.bytes);
}

static void a_trace_cut_off_anywhere_is_read_as_far_as_it_goes(void **state)
{
	struct image image = made();

	(void)state;
	for (size_t n = 0; n < image.size; n += n < KS_HEADER_SIZE ? 61 : 97)
		use(image.bytes, n);
	free(image.bytes);
}

static void a_cut_is_listed_as_damage(void **state)
{
	struct image image = made();
	struct trace *t;

	(void)state;
	image.size = image.size * 2 / 3;
	t = opened(&image);
	assert_true(t->ndamage > 0);
	trace_close(t);
	free(image.bytes);
}

static void flipped_bytes_do_no_harm(void **state)
{
	struct image image = made();
	char *changed = malloc(image.size);

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 400; round++) {
		memcpy(changed, image.bytes, image.size);
		for (unsigned i = 0; i <= round % 8; i++)
			changed[(size_t)rand() % (round % 2 ? 2048 : image.size)] = (char)rand();
		use(changed, image.size);
	}
	free(changed);
	free(image.bytes);
}

/* Every field of the table of regions in turn, with the values that overflow. */
static void impossible_regions_are_left_out(void **state)
{
	static const uint64_t values[] = { 0,	       1,	    7,
					   0x7fffffff, 0xffffffff,  0x7fffffffffffffff,
					   ~0ull,      ~0ull - 4095 };
	struct image image = made();
	char *changed = malloc(image.size);

	(void)state;
	for (size_t at = KS_REGION_TABLE; at < KS_REGION_TABLE + 8 * sizeof(struct ks_region);
	     at += 8) {
		for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			memcpy(changed, image.bytes, image.size);
			memcpy(changed + at, &values[i], 8);
			use(changed, image.size);
		}
	}
	free(changed);
	free(image.bytes);
}

static void a_torn_slot_is_skipped(void **state)
{
	struct image image = made();
	struct trace *t = opened(&image);
	size_t n = t->nslots;
	uint64_t at = t->slots[3].offset;
	uint32_t seq = 0;

	(void)state;
	trace_close(t);
	memcpy(image.bytes + at, &seq, sizeof(seq));
	t = opened(&image);
	assert_int_equal(t->nslots, n - 1);
	assert_int_equal(t->torn, 1);
	trace_close(t);
	free(image.bytes);
}

static void a_string_that_leads_nowhere_is_none(void **state)
{
	struct image image = made();
	struct trace *t = opened(&image);
	size_t size;

	(void)state;
	assert_null(trace_string(t, 0, 0, &size));
	assert_null(trace_string(t, 1, 0, &size));
	assert_null(trace_string(t, image.size - 1, 0, &size));
	assert_null(trace_string(t, UINT64_MAX, 0, &size));
	assert_null(trace_string(t, UINT64_MAX - 3, 0, &size));
	trace_close(t);
	free(image.bytes);
}

static void a_block_behind_one_that_is_cut_off_is_found(void **state)
{
	struct image image = made();
	struct ks_block cut = { KS_BLOCK_MAGIC, KS_BLOCK_MAPS, 1, 0, 1u << 30, 0, 0 };
	struct trace *t;

	(void)state;
	image.bytes = realloc(image.bytes, image.size + sizeof(cut) + 5);
	memcpy(image.bytes + image.size, &cut, sizeof(cut));
	memcpy(image.bytes + image.size + sizeof(cut), "7f00-", 5);
	image.size += sizeof(cut) + 5;
	t = opened(&image);
	assert_int_equal(t->nblocks, 7);
	assert_int_equal(t->blocks[6].head.size, 5);
	assert_int_equal(t->ndamage, 1);
	trace_close(t);
	free(image.bytes);
}

static void what_is_no_trace_is_an_error(void **state)
{
	static const char text[4096] = "#!/bin/sh\n", zeros[4096];
	const char *why = NULL;

	(void)state;
	assert_null(trace_from_memory("x", text, sizeof(text), &why));
	assert_string_equal(why, "not a kshim trace");
	assert_null(trace_from_memory("x", zeros, sizeof(zeros), &why));
	assert_non_null(strstr(why, "no time to begin"));
	assert_null(trace_from_memory("x", zeros, 0, &why));
	assert_null(trace_open("/proc/nothing", &why));
	assert_string_equal(why, "No such file or directory");
}

static void only_regular_files_are_opened(void **state)
{
	char path[] = "/tmp/kshim-test-XXXXXX", fifo[64];
	const char *why = NULL;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_null(trace_open(fifo, &why));
	assert_string_equal(why, "not a regular file");
	assert_null(trace_open(path, &why));
	assert_string_equal(why, "not a regular file");
	assert_null(trace_open("/dev/zero", &why));
	assert_string_equal(why, "not a regular file");
	unlink(fifo);
	rmdir(path);
}

static void a_newer_format_is_said_and_read(void **state)
{
	struct image image = made();
	struct trace *t;
	uint32_t version = KS_VERSION + 1;

	(void)state;
	memcpy(image.bytes + offsetof(struct ks_header, version), &version, sizeof(version));
	t = opened(&image);
	assert_int_equal(t->ndamage, 1);
	assert_non_null(strstr(t->damage[0].text, "newer recorder"));
	assert_true(t->nslots > 0);
	trace_close(t);
	free(image.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_trace_has_no_damage),
		cmocka_unit_test(a_trace_cut_off_anywhere_is_read_as_far_as_it_goes),
		cmocka_unit_test(a_cut_is_listed_as_damage),
		cmocka_unit_test(flipped_bytes_do_no_harm),
		cmocka_unit_test(impossible_regions_are_left_out),
		cmocka_unit_test(a_torn_slot_is_skipped),
		cmocka_unit_test(a_string_that_leads_nowhere_is_none),
		cmocka_unit_test(a_block_behind_one_that_is_cut_off_is_found),
		cmocka_unit_test(what_is_no_trace_is_an_error),
		cmocka_unit_test(only_regular_files_are_opened),
		cmocka_unit_test(a_newer_format_is_said_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
