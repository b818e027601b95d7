/* SPDX-License-Identifier: MIT */
/* --issue holds nothing of the user's; --why-not says what is missing; a mistyped cause finds its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyzer/explain.h"
#include "analyzer/why_not.h"
#include "tests/opened.h"

static const char death[] =
	"header pid=4711 ppid=4700 end_kind=1 end_code=11\n"
	"info key=\"host\" value=\"bighost\"\n"
	"info key=\"cwd\" value=\"/home/alice/secret-project\"\n"
	"info key=\"argv\" value=\"python\\n/home/alice/secret-project/train.py\\n--token=hunter2\"\n"
	"info key=\"glibc\" value=\"2.36\"\n"
	"env name=\"LD_LIBRARY_PATH\" value=\"/srv/acme/lib:/opt/vendor/x\"\n"
	"module path=\"/usr/bin/python3.11\" flags=8\n"
	"module path=\"/usr/lib/x86_64-linux-gnu/libc.so.6\"\n"
	"py_ready version=\"3.11.7 (main)\" prefix=\"/home/alice/envs/ml\" base_prefix=\"/usr\" executable=\"/home/alice/envs/ml/bin/python\" "
	"hexversion=0x030b07f0\n"
	"module path=\"/home/alice/envs/ml/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so\" build_id=\"abcd\"\n"
	"output text=\"alice on bighost says hunter2\\n\"\n"
	"crash_area signal=11 code=1 address=0x10 pc=0x7f0002005000 sp=0x7ffd00001000 fault_error=0x4\n"
	"crash signal=11 code=1\n"
	"python file=\"/home/alice/envs/ml/lib/python3.11/site-packages/torch/functional.py\" line=12 function=\"norm\"\n"
	"python file=\"/home/alice/secret-project/train.py\" line=7 function=\"acme_model\"\n"
	"block kind=native text=\"#0 0x7f0002005000 libtorch_cpu.so at::native::norm\\n#1 0x7f0000002000 python3.11 -\\n\"\n";

/* asked: --why-not of this cause; NULL: --issue. */
static char *text_of(const char *trace, const char *asked)
{
	struct opened o;
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	open_text(&o, "test.trace", trace);
	if (asked)
		why_not(o.model, &o.verdict, rule_named(asked), f);
	else
		report_issue(&o.subject, f);
	fclose(f);
	close_text(&o);
	return out;
}

static void has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("does not hold \"%s\":\n%s", words, text);
}

static void has_not(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("holds \"%s\":\n%s", words, text);
}

static void an_issue_tells_the_library_and_nothing_of_the_user(void **state)
{
	char *text = text_of(death, NULL);

	(void)state;
	has(text, "https://github.com/pytorch/pytorch/issues");
	has(text, "## SIGSEGV in at::native::norm (libtorch_cpu.so)");
	has(text, "build-id abcd");
	has(text, "at::native::norm");
	has(text, "torch/functional.py:12");
	has(text, "the program itself, line 7");
	has(text, "Python 3.11.7");
	has(text, "glibc 2.36");
	has(text, "fingerprint `");
	has_not(text, "alice");
	has_not(text, "bighost");
	has_not(text, "secret");
	has_not(text, "hunter2");
	has_not(text, "acme");
	has_not(text, "/opt/vendor");
	has_not(text, "train.py");
	assert_true(strlen(text) < 4000);
	free(text);
}

static void why_not_tells_what_is_missing(void **state)
{
	char *text = text_of(death, "load.static-tls");

	(void)state;
	has(text, "The verdict is crash.in-library");
	has(text, "[no ] a load failed for want of static TLS");
	has(text, "1 of its conditions is not fulfilled");
	has(text, "the end: SIGSEGV");
	free(text);
	text = text_of(death, "stack.overflow");
	has(text, "[yes] the kernel raised SIGSEGV");
	has(text, "What is missing is the proof");
	free(text);
	text = text_of(death, "crash.in-library");
	has(text, "crash.in-library is the verdict");
	free(text);
	text = text_of(death, "mem.oom-killed-cgroup");	/* general ones, too, say what the trace has and what it lacks */
	has(text, "[no ] it was killed (SIGKILL) without an end of its own");
	free(text);
	text = text_of(death, "unknown");
	has(text, "It is said where no rule finds a proof");
	free(text);
}

static void a_mistyped_cause_finds_its_name(void **state)
{
	static const char *const words[][2] = {
		{ "load.missing-libary", "load.missing-library" }, { "oom-killed", "mem.oom-killed-cgroup" },
		{ "statictls", "load.static-tls" }, { "stack.overlow", "stack.overflow" }, { "duplicate-openmp", "abi.duplicate-openmp" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct text near = { 0 };

		causes_near(words[i][0], &near);
		has(text_get(&near), words[i][1]);
		text_free(&near);
	}
	{
		struct text near = { 0 };

		causes_near("xyzzy-plugh", &near);
		assert_int_equal(near.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_issue_tells_the_library_and_nothing_of_the_user),
		cmocka_unit_test(why_not_tells_what_is_missing),
		cmocka_unit_test(a_mistyped_cause_finds_its_name),
	};

	return cmocka_run_group_tests_name("issue", tests, NULL, NULL);
}
