/* SPDX-License-Identifier: MIT */
/* The report as somebody reads it who knows no C: in whose words, in which order, each thing once, and what to type where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyzer/proof.h"
#include "analyzer/report.h"
#include "tests/opened.h"

#define DIVIDER	"For a bug report, or for whoever knows C"

/* A library that is cut off, of numpy, in a virtual environment. */
#define CUT \
	"header pid=4711 ppid=4700 end_kind=1 end_code=7\n" \
	"info key=\"argv\" value=\"python train.py --epochs 3\"\n" \
	"module path=\"/usr/bin/python3.11\" flags=8\n" \
	"py_ready version=\"3.11.7 (main)\" prefix=\"/venv\" base_prefix=\"/usr\" executable=\"/venv/bin/python\" hexversion=0x030b07f0\n" \
	"module path=\"/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so\" base=0x7f0001000000 " \
	"start=0x7f0001000000 end=0x7f0002000000 inode=77\n" \
	"crash_area signal=7 code=2 address=0x7f0001900000 pc=0x7f0000001000 sp=0x7ffd00001000\n" \
	"block kind=maps text=\"7f0001000000-7f0002000000 r--p 00000000 08:01 77 " \
	"/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so\\n\"\n" \
	"block kind=statfs address=0x7f0001900000 text=\"" \
	"/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so\\t0xef53\\t1000000\\t9000000\\t5000000\"\n"

static char *text_of(const char *trace, unsigned width)
{
	return report_of("test.trace", trace, TEXT, (struct look){ .width = width });
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("it does not say \"%s\":\n%s", words, text);
}

static void says_not(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("it says \"%s\":\n%s", words, text);
}

static void in_order(const char *text, const char *first, const char *second)
{
	const char *a = strstr(text, first);

	if (!a || !strstr(a, second))
		fail_msg("\"%s\" does not come before \"%s\":\n%s", first, second, text);
}

static void what_to_do_comes_before_the_divider_and_the_proof_behind_it(void **state)
{
	char *text = text_of(CUT, 80);

	(void)state;
	in_order(text, "\nWhy\n", "\nWhat to do\n");
	in_order(text, "\nWhat to do\n", DIVIDER);
	in_order(text, DIVIDER, "\nThe proof\n");
	in_order(text, DIVIDER, "\nThe recording\n");
	free(text);
}

static void the_title_names_the_package_and_the_program_its_script(void **state)
{
	char *text = text_of(CUT, 80);

	(void)state;
	says(text, "python train.py --epochs 3 (pid 4711) died of SIGBUS");
	says(text, "numpy is damaged: its file libscipy_openblas64_-32a4b2a6.so is cut off");
	free(text);
}

static void a_line_to_type_is_never_broken(void **state)
{
	char *text = text_of(CUT, 50);

	(void)state;
	says(text, "\n       \"/venv/bin/python\" -m pip install --force-reinstall --no-cache-dir numpy\n");
	free(text);
}

static void a_long_path_is_short_in_a_sentence_and_whole_once(void **state)
{
	static const char whole[] = "\n    /venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so\n";
	char *text = text_of(CUT, 80), *first = strstr(text, "/venv/lib/python3.11/site-packages/numpy.libs/");

	(void)state;
	says(text, " numpy.libs/libscipy_openblas64_-32a4b2a6.so ");
	says(text, whole);
	assert_ptr_equal(first, strstr(text, whole) + 5);
	free(text);
}

/* --- the user's own code --- */

static void frames_of_the_users_own_code_are_never_left_out(void **state)
{
	char *trace = calloc(1, 16384), *text;

	(void)state;
	strcat(trace, "header pid=4711 ppid=4700 end_kind=1 end_code=11\nmodule path=\"/usr/bin/python3.11\" flags=8\n"
		      "module path=\"/venv/lib/python3.11/site-packages/scipy/_x.so\"\n"
		      "crash_area signal=11 code=1 address=0x8 pc=0x7f0001005000 sp=0x7ffd00001000\n");
	for (int i = 0; i < 40; i++)
		sprintf(trace + strlen(trace), "python file=\"/venv/lib/python3.11/site-packages/scipy/m%d.py\" line=%d function=\"f%d\"\n", i,
			i + 1, i);
	strcat(trace, "python file=\"/home/me/code/train.py\" line=77 function=\"fit\"\n"
		      "python file=\"/home/me/code/train.py\" line=90 function=\"<module>\"\n"
		      "block kind=native text=\"#0 0x7f0001005000 _x.so spam\\n\"\n");
	text = text_of(trace, 80);
	says(text, "In your own code it was at\n    /home/me/code/train.py:77  fit\n");
	says(text, "… 28 more lines of packages\n    /home/me/code/train.py:77  fit\n    /home/me/code/train.py:90  <module>\n");
	free(text);
	free(trace);
}

static void a_traceback_keeps_the_users_lines_and_counts_those_of_packages(void **state)
{
	char *text = text_of("header pid=4711 ppid=4700 end_kind=2 end_code=1\nmodule path=\"/usr/bin/python3.11\" flags=8\n"
			     "output text=\"Traceback (most recent call last):\\n"
			     "  File \\\"/home/me/code/train.py\\\", line 9, in <module>\\n    model.fit(x)\\n    ~~~~~~~~~^^^\\n"
			     "  File \\\"/venv/lib/python3.11/site-packages/keras/a.py\\\", line 1, in fit\\n    b()\\n"
			     "  File \\\"/venv/lib/python3.11/site-packages/keras/b.py\\\", line 2, in b\\n    c()\\n"
			     "  File \\\"/home/me/code/loss.py\\\", line 4, in loss\\n    return y.foo\\n"
			     "  File \\\"/venv/lib/python3.11/site-packages/keras/c.py\\\", line 3, in __getattr__\\n    raise AttributeError\\n"
			     "AttributeError: no foo\\n\"\n", 80);

	(void)state;
	says(text, "    Traceback (most recent call last):\n"
		   "      File \"/home/me/code/train.py\", line 9, in <module>\n        model.fit(x)\n"
		   "      … 2 lines of packages\n"
		   "      File \"/home/me/code/loss.py\", line 4, in loss\n        return y.foo\n"
		   "      File \"keras/c.py\", line 3, in __getattr__\n        raise AttributeError\n"
		   "    AttributeError: no foo\n");
	in_order(text, "AttributeError: no foo\n", DIVIDER);
	says_not(text, "It was raised at");	/* the traceback says it */
	free(text);
}

/* --- noise --- */

static void look_ups_of_what_may_be_missing_are_no_finding(void **state)
{
	char *text = text_of("header pid=4711 ppid=4700 end_kind=2 end_code=1\nmodule path=\"/usr/bin/python3.11\" flags=8\n"
			     "load_begin id=1 path=\"libsvml.so\" flags=2 caller=0x7f0000001000\n"
			     "load_end id=1 ok=0 error=\"libsvml.so: cannot open shared object file: No such file or directory\"\n"
			     "py_exception type=\"ValueError\" text=\"bad\"\n"
			     "output text=\"Traceback (most recent call last):\\n  File \\\"/home/me/a.py\\\", line 1, in <module>\\n    x\\n"
			     "ValueError: bad\\n\"\n", 80);
	const char *named = strstr(text, "libsvml");

	(void)state;
	says_not(text, "Also seen");
	assert_true(!named || named > strstr(text, DIVIDER));
	free(text);
}

/* --- where a step is typed, and by whom --- */

#define NO_THREADS(more, limits) \
	"header pid=4711 ppid=4700 end_kind=2 end_code=1\nmodule path=\"/usr/bin/python3.11\" flags=8\n" more \
	"module path=\"/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so\"\n" \
	"thread_failed error=11 caller=0x7f0001001000 threads=3 " limits " stack=0x7f0001001000\n" \
	"exit_call function=\"exit\" status=1 caller=0x7f0001001000 stack=0x7f0001001000\n"

static void a_variable_of_a_script_stands_before_its_command(void **state)
{
	char *text = text_of(NO_THREADS("info key=\"argv\" value=\"python train.py 'a b'\"\n", "pids_max=20 pids_current=20"), 80);

	(void)state;
	says(text, "\n       OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python train.py \"a b\"\n");
	says_not(text, "restart the kernel");
	free(text);
}

static void a_variable_of_a_notebook_stands_in_its_first_cell(void **state)
{
	char *text = text_of(NO_THREADS("kernel connection=\"/run/kernel-1.json\" notebook=\"/home/me/n.ipynb\"\n", "pids_max=20 pids_current=20"), 80);

	(void)state;
	says(text, "restart the kernel");
	says(text, "\n       import os; os.environ[\"OPENBLAS_NUM_THREADS\"] = \"1\"; os.environ[\"OMP_NUM_THREADS\"] = \"1\"; ");
	free(text);
}

static void who_can_raise_the_limit_of_a_container_is_told(void **state)
{
	char *text = text_of(NO_THREADS("info key=\"env_names\" value=\"HOSTNAME JUPYTERHUB_API_URL SHELL\"\n", "pids_max=20 pids_current=20"), 80);

	(void)state;
	says(text, "whoever runs this JupyterHub");
	says(text, "more than 20");
	free(text);
	text = text_of(NO_THREADS("info key=\"container\" value=\"docker\"\n", "pids_max=20 pids_current=20"), 80);
	says(text, "\n       docker run --pids-limit 4096 …\n");
	says(text, "ask them:");
	free(text);
}

static void a_limit_that_the_user_may_not_raise_is_the_administrators(void **state)
{
	char *text = text_of(NO_THREADS("limit resource=6 soft=20 hard=20\n", "nproc_limit=20 user_threads=20"), 400);

	(void)state;
	says(text, "ask the administrator");
	says_not(text, "\n       ulimit -u");
	free(text);
	text = text_of(NO_THREADS("limit resource=6 soft=20 hard=4000\ninfo key=\"argv\" value=\"python train.py\"\n",
				  "nproc_limit=20 user_threads=20"), 80);
	says(text, "\n       ulimit -u 4096; python train.py\n");
	free(text);
}

#define KILLED(more) \
	"header pid=4711 ppid=4700\n" more \
	"checkpoint time=1 reason=1 rss=100000000 cg_usage=110000000 cg_limit=2147483648 cg_oom_kill=0\n" \
	"checkpoint time=9 reason=2 rss=2100000000 cg_usage=2147000000 cg_limit=2147483648 cg_oom_kill=0\n" \
	"witness pid=4700 name=\"jupyter\" kind=1 status=9 cg_oom_kill=1\n"

static void more_memory_is_asked_for_where_it_is_given_and_batches_only_where_there_are_some(void **state)
{
	char *text = text_of(KILLED("env name=\"SLURM_JOB_ID\" value=\"77\"\n"), 80);

	(void)state;
	says(text, "\n       #SBATCH --mem=4g\n");
	says_not(text, "batch size");
	free(text);
	text = text_of(KILLED("info key=\"cgroup_memory\" value=\"/sys/fs/cgroup/system.slice/jupyter.service\"\n"
			      "module path=\"/venv/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so\"\n"), 80);
	says(text, "\n       sudo systemctl set-property jupyter.service MemoryMax=4g\n");
	says(text, "a smaller batch size");
	free(text);
}

static void the_first_step_is_no_alternative(void **state)
{
	char *text = text_of("header pid=4711 ppid=4700 end_kind=1 end_code=6\nmodule path=\"/usr/bin/python3.11\" flags=8\n"
			     "module path=\"/usr/lib/libQt6Core.so.6\"\ncrash_area signal=6 pc=0x7f0001001000 sp=0x7ffd00001000\n"
			     "abort_call caller=0x7f0001001000 stack=0x7f0001001000\n"
			     "output text=\"qt.qpa.plugin: Could not load the Qt platform plugin\\nThis application failed to start because no Qt "
			     "platform plugin could be initialized.\\n\"\n"
			     "block kind=native text=\"#0 0x7f0001001000 libQt6Core.so.6 QMessageLogger::fatal\\n\"\n", 80);

	(void)state;
	says(text, "  1. Let Qt and matplotlib draw without a display");
	free(text);
}

/* --- what a file is called --- */

static void a_file_is_called_by_what_it_belongs_to(void **state)
{
	static const struct { const char *path, *words; } files[] = {
		{ "/v/lib/python3.11/site-packages/tensorflow/python/_pywrap_tensorflow_internal.so", "TensorFlow" },
		{ "/v/lib/python3.11/site-packages/numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so", "numpy" },
		{ "/v/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", "PyTorch" },
		{ "/usr/lib/python3/dist-packages/PIL/_imaging.so", "pillow" },
		{ "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so", "Python's own module _json" },
		{ "/lib/x86_64-linux-gnu/libc.so.6", "the C library" },
		{ "/home/me/libsolver.so", "libsolver.so" },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_string_equal(software_of_path(&a, files[i].path), files[i].words);
	assert_int_equal(site_packages("/v/lib/python3.11/site-packages/numpy/x.so"), strlen("/v/lib/python3.11/site-packages/"));
	assert_int_equal(site_packages("/home/me/x.so"), 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_to_do_comes_before_the_divider_and_the_proof_behind_it),
		cmocka_unit_test(the_title_names_the_package_and_the_program_its_script),
		cmocka_unit_test(a_line_to_type_is_never_broken),
		cmocka_unit_test(a_long_path_is_short_in_a_sentence_and_whole_once),
		cmocka_unit_test(frames_of_the_users_own_code_are_never_left_out),
		cmocka_unit_test(a_traceback_keeps_the_users_lines_and_counts_those_of_packages),
		cmocka_unit_test(look_ups_of_what_may_be_missing_are_no_finding),
		cmocka_unit_test(a_variable_of_a_script_stands_before_its_command),
		cmocka_unit_test(a_variable_of_a_notebook_stands_in_its_first_cell),
		cmocka_unit_test(who_can_raise_the_limit_of_a_container_is_told),
		cmocka_unit_test(a_limit_that_the_user_may_not_raise_is_the_administrators),
		cmocka_unit_test(more_memory_is_asked_for_where_it_is_given_and_batches_only_where_there_are_some),
		cmocka_unit_test(the_first_step_is_no_alternative),
		cmocka_unit_test(a_file_is_called_by_what_it_belongs_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
