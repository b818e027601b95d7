/* SPDX-License-Identifier: MIT */
/* What the model makes of a trace: who was loaded when, which loads had not returned, how it ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyzer/events.h"
#include "analyzer/model.h"
#include "analyzer/trace.h"
#include "tests/assemble.h"
#include "tests/sample.h"

static struct image image;
static struct trace *trace;

static struct model *model(const char *text)
{
	const char *why = assemble(text, &image);

	if (why)
		fail_msg("%s", why);
	trace = trace_from_memory("test.trace", image.bytes, image.size, &why);
	assert_non_null(trace);
	return model_build_plain(trace);
}

static void done(struct model *m)
{
	model_free(m);
	trace_close(trace);
	free(image.bytes);
}

static struct ending ending_of(const char *text)
{
	struct model *m = model(text);
	struct ending e = m->ending;

	done(m);
	e.event = NULL;
	e.sender = e.sender_parent = NULL;
	return e;
}

static void facts_environment_and_limits(void **state)
{
	struct model *m = model(sample);

	(void)state;
	assert_string_equal(model_info(m, "exe"), "/usr/bin/python3.11");
	assert_null(model_info(m, "cwd"));
	assert_string_equal(model_env(m, "LD_LIBRARY_PATH"), "/opt/lib");
	assert_string_equal(model_env(m, "SECRET_TOKEN"), "");
	assert_null(model_env(m, "HOME"));
	assert_int_equal(model_limit(m, 9), 1000000);	/* the call that failed changed nothing */
	assert_true(model_limit(m, 3) == UNKNOWN);
	assert_true(m->is_kernel);
	assert_int_equal(m->cell, 7);
	assert_null(m->cell_text);
	done(m);
}

static void an_address_belongs_to_the_module_of_its_time(void **state)
{
	struct model *m = model(sample);

	(void)state;
	assert_string_equal(model_module_at(m, 0x7f0009000010)->name, "new.so");
	assert_string_equal(model_module_at(m, 0x7f0001000010)->name, "c.so");
	assert_null(model_module_at(m, 0x7f0001800000));
	assert_null(model_module_at(m, 0));
	assert_string_equal(model_module_named(m, "libc-of-c", NULL)->name, "c.so");
	assert_null(model_module_named(m, "c.so", model_module_named(m, "c.so", NULL)));
	done(m);
}

/* A stack that was kept while old.so was at the place where new.so is now. */
static void a_frame_of_old_times_is_of_the_old_module(void **state)
{
	struct model *m =
		model("exit_call time=0.3 function=\"exit\" stack=0x7f0009000100\n"
		      "exit_call time=0.9 function=\"exit\" stack=0x7f0009000100\n"
		      "module path=\"/a/old.so\" base=0x7f0009000000 start=0x7f0009000000 "
		      "end=0x7f0009100000 load_time=0.1 unload_time=0.5\n"
		      "module path=\"/a/new.so\" base=0x7f0009000000 start=0x7f0009000000 "
		      "end=0x7f0009100000 load_time=0.6\n");
	const struct event *first = model_next(m, KS_exit_call, 0, NULL),
			   *second = model_next(m, KS_exit_call, 0, first);

	(void)state;
	assert_string_equal(first->stack->frames[0].module->name, "old.so");
	assert_string_equal(second->stack->frames[0].module->name, "new.so");
	assert_ptr_equal(model_last(m, KS_exit_call, 0, second), first);
	assert_null(model_next(m, KS_exit_call, 0, second));
	assert_null(model_next(m, KS_exit_call, 5, NULL));
	done(m);
}

static void outcomes_of_loads(void **state)
{
	struct model *m = model(sample);

	(void)state;
	assert_int_equal(m->nloads, 3);
	assert_int_equal(model_load(m, 1)->outcome, LOAD_FAILED);
	assert_non_null(strstr(model_load(m, 1)->error, "libb.so.1"));
	/* exit was called on the stack of 3, which happens within 2. */
	assert_int_equal(model_load(m, 3)->outcome, LOAD_RUNNING);
	assert_int_equal(model_load(m, 2)->outcome, LOAD_RUNNING);
	assert_null(model_load(m, 4));
	assert_null(model_load(m, 0));
	done(m);
}

/* The slot's load may be an old one: only the loader on the stack proves that it goes on. */
static void a_load_runs_at_a_crash_only_where_the_stack_shows_the_loader(void **state)
{
	static const char begin[] = "load_begin id=1 path=\"/a/x.so\"\ncrash signal=11 in_load=1\n"
				    "module path=\"/lib/ld-linux-x86-64.so.2\"\nmodule "
				    "path=\"/a/x.so\"\ncrash_area signal=11 code=1\n";
	char text[1024];
	struct model *m;

	(void)state;
	snprintf(text, sizeof(text), "%sblock kind=native text=\"#0 0x7f0001000010 x.so f+0x10\"\n",
		 begin);
	m = model(text);
	assert_int_equal(model_load(m, 1)->outcome, LOAD_UNKNOWN);
	done(m);
	snprintf(text, sizeof(text),
		 "%sblock kind=native text=\"#0 0x7f0001000010 x.so f+0x10\\n#1 0x7f0000000010 "
		 "ld-linux-x86-64.so.2 -\"\n",
		 begin);
	m = model(text);
	assert_int_equal(model_load(m, 1)->outcome, LOAD_RUNNING);
	done(m);
}

static void the_crash_with_its_stacks_and_maps(void **state)
{
	struct model *m = model(sample);
	const struct stack *s = m->crash.stack;

	(void)state;
	assert_true(m->crash.present);
	assert_string_equal(m->crash.module->name, "d.so");
	assert_int_equal(s->n, 3);
	assert_string_equal(s->frames[0].symbol, "spam(int, char)");
	assert_int_equal(s->frames[0].offset, 0x34);
	assert_string_equal(s->frames[0].file, "src/d.c");
	assert_int_equal(s->frames[0].line, 12);
	assert_null(s->frames[1].symbol);
	assert_string_equal(s->frames[1].module->name, "c.so");
	assert_int_equal(s->frames[2].offset, 0x10);
	assert_string_equal(m->crash.map_pc->path, "/opt/d.so");
	assert_string_equal(m->crash.map_sp->path, "[stack]");
	assert_null(m->crash.map_address);
	assert_true(m->crash.statfs_known);
	assert_int_equal(m->crash.statfs_free, 4096);
	assert_int_equal(m->crash.statfs_file_size, 1000);
	assert_int_equal(m->crash.thread->npython, 2);
	assert_string_equal(m->crash.thread->python[0].function, "inner");
	assert_int_equal(model_thread(m, 102)->state, 'S');
	done(m);
}

/* Hooks are between a caller and what it calls and say nothing; a fault of theirs is another thing. */
static void frames_of_the_recorder_are_hidden_unless_the_fault_is_in_them(void **state)
{
	static const char begin[] = "header end_kind=1 end_code=11\nmodule path=\"/k/libkshim.so\" flags=16\n"
				    "module path=\"/a/x.so\"\ncrash_area signal=11 code=1\n";
	char text[512];
	struct model *m;

	(void)state;
	snprintf(text, sizeof(text), "%sblock kind=native text=\"#0 0x7f0001000010 x.so f+0x10\\n#1 0x7f0000000010 libkshim.so free+0x10\"\n", begin);
	m = model(text);
	assert_int_equal(m->crash.stack->n, 1);
	done(m);
	snprintf(text, sizeof(text), "%sblock kind=native text=\"#0 0x7f0000000010 libkshim.so free+0x10\\n#1 0x7f0001000010 x.so f+0x10\"\n", begin);
	m = model(text);
	assert_int_equal(m->crash.stack->n, 2);
	assert_string_equal(m->crash.stack->frames[0].module->name, "libkshim.so");
	assert_false(m->crash.stack->frames[0].ours);
	done(m);
}

static void the_instruction_and_its_feature(void **state)
{
	struct model *m = model(sample);

	(void)state;
#ifdef HAVE_ZYDIS
	assert_non_null(strstr(m->crash.instruction, "vpaddd") ?
				m->crash.instruction :
				strstr(m->crash.instruction, "vp"));
	assert_string_equal(m->crash.isa, "AVX2");
#else
	skip();
#endif
	done(m);
}

static void stderr_lines_are_clean(void **state)
{
	struct model *m = model(sample);

	(void)state;
	assert_string_equal(m->stderr_tail, "first\nred line\nlast line\n");
	assert_string_equal(model_stderr_line(m, "line", false), "red line");
	assert_string_equal(model_stderr_line(m, "line", true), "last line");
	assert_null(model_stderr_line(m, "absent", true));
	done(m);
}

static void memory_that_is_not_known_is_unknown(void **state)
{
	struct model *m = model(sample);

	(void)state;
	assert_int_equal(m->ncheckpoints, 2);
	assert_int_equal(m->checkpoints[0].rss, 1048576);
	assert_true(m->checkpoints[0].cg_usage == UNKNOWN);
	assert_int_equal(m->checkpoints[1].cg_oom_kill, 0);
	done(m);
}

/* --- how it ended --- */

static void a_fatal_signal(void **state)
{
	struct ending e = ending_of(
		"header end_kind=1 end_code=11\ncrash_area signal=11 code=1 address=0x8\n");

	(void)state;
	assert_int_equal(e.kind, END_SIGNAL);
	assert_int_equal(e.signal, SIGSEGV);
	assert_int_equal(e.code, 1);
}

static void an_abort_is_an_abort_unless_another_process_sent_it(void **state)
{
	struct ending e = ending_of(
		"header pid=5 end_kind=1 end_code=6\ncrash_area signal=6 code=-6 sender_pid=5\n");

	(void)state;
	assert_int_equal(e.kind, END_ABORT);
	e = ending_of(
		"header pid=5 end_kind=1 end_code=6\ncrash_area signal=6 code=0 sender_pid=77\n");
	assert_int_equal(e.kind, END_SIGNAL);
	assert_int_equal(e.sender_pid, 77);
}

static void a_fault_that_a_handler_turned_into_an_abort_is_the_fault(void **state)
{
	struct ending e = ending_of("header end_kind=1 end_code=6\ncrash_area signal=11 code=1\n");

	(void)state;
	assert_int_equal(e.kind, END_SIGNAL);
	assert_int_equal(e.signal, SIGSEGV);
}

static void a_repaired_fault_is_no_end(void **state)
{
	struct ending e = ending_of("header end_kind=2 end_code=0\ncrash_area state=5 signal=11 "
				    "code=1\nexit_end status=0\n");

	(void)state;
	assert_int_equal(e.kind, END_CLEAN);
}

static void exits_that_were_asked_for_and_others(void **state)
{
	static const char library[] =
		"header end_kind=2 end_code=0\nexit_call function=\"exit\" status=0 "
		"caller=0x7f0001000100\n"
		"module path=\"/usr/bin/python3\" flags=8\nmodule path=\"/opt/libfoo.so\"\n";
	static const char interpreter[] = "header end_kind=2 end_code=0\nexit_call "
					  "function=\"exit\" status=0 caller=0x7f0001000100\n"
					  "module path=\"/usr/bin/python3\" flags=8\nmodule "
					  "path=\"/usr/lib/libpython3.11.so.1.0\"\n";
	static const char kernel[] =
		"header end_kind=2 end_code=0\nkernel connection=\"k.json\"\n"
		"exit_call function=\"_exit\" status=0 caller=0x7f0000000100\nmodule "
		"path=\"/usr/bin/python3\" flags=8\n";

	(void)state;
	assert_int_equal(ending_of(library).kind, END_EXIT);
	assert_int_equal(ending_of(interpreter).kind, END_CLEAN);
	assert_int_equal(ending_of(kernel).kind, END_EXIT);
	assert_int_equal(ending_of("header end_kind=2 end_code=3\n").kind, END_EXIT);
	assert_int_equal(ending_of("header end_kind=2 end_code=3\n").status, 3);
	assert_int_equal(ending_of("header end_kind=3\nexec_call path=\"/bin/ls\"\n").kind,
			 END_EXEC);
}

/* A process that is not there: pids end at 4194304 (proc(5), pid_max). Its witness knows more than
 * silence does. */
static void silence_is_a_kill_unless_a_witness_knows_better(void **state)
{
	struct ending e = ending_of("header pid=4194999\ncheckpoint time=2 rss=1\n");

	(void)state;
	assert_int_equal(e.kind, END_KILLED);
	assert_int_equal(e.signal, 0);
	assert_true(e.time == 2000000000);
	e = ending_of("header pid=4194999\nwitness pid=1 kind=1 status=9\n");
	assert_int_equal(e.kind, END_KILLED);
	assert_int_equal(e.signal, SIGKILL);
	e = ending_of("header pid=4194999\nwitness pid=1 kind=1 status=31\n");
	assert_int_equal(e.kind, END_SIGNAL);
	assert_int_equal(e.signal, SIGSYS);
	e = ending_of("header pid=4194999\nwitness pid=1 kind=1 status=512\n");
	assert_int_equal(e.kind, END_EXIT);
	assert_int_equal(e.status, 2);
}

static void a_process_that_lives_has_not_ended(void **state)
{
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "header pid=%d\n", (int)getpid());
	assert_int_equal(ending_of(text).kind, END_RUNNING);
	snprintf(text, sizeof(text), "header pid=%d start_ticks=1\n",
		 (int)getpid()); /* another one had this pid */
	assert_int_equal(ending_of(text).kind, END_KILLED);
	snprintf(text, sizeof(text), "header pid=%d boot_id=01020304\n",
		 (int)getpid()); /* before the last boot */
	assert_int_equal(ending_of(text).kind, END_KILLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_environment_and_limits),
		cmocka_unit_test(an_address_belongs_to_the_module_of_its_time),
		cmocka_unit_test(a_frame_of_old_times_is_of_the_old_module),
		cmocka_unit_test(outcomes_of_loads),
		cmocka_unit_test(a_load_runs_at_a_crash_only_where_the_stack_shows_the_loader),
		cmocka_unit_test(the_crash_with_its_stacks_and_maps),
		cmocka_unit_test(frames_of_the_recorder_are_hidden_unless_the_fault_is_in_them),
		cmocka_unit_test(the_instruction_and_its_feature),
		cmocka_unit_test(stderr_lines_are_clean),
		cmocka_unit_test(memory_that_is_not_known_is_unknown),
		cmocka_unit_test(a_fatal_signal),
		cmocka_unit_test(an_abort_is_an_abort_unless_another_process_sent_it),
		cmocka_unit_test(a_fault_that_a_handler_turned_into_an_abort_is_the_fault),
		cmocka_unit_test(a_repaired_fault_is_no_end),
		cmocka_unit_test(exits_that_were_asked_for_and_others),
		cmocka_unit_test(silence_is_a_kill_unless_a_witness_knows_better),
		cmocka_unit_test(a_process_that_lives_has_not_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
