/* SPDX-License-Identifier: MIT */
/* The command that installs a package is that of whoever made the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/proof.h"
#include "analyzer/trace.h"
#include "tests/assemble.h"

static char top[] = "/tmp/kshim-installer-XXXXXX";

static void put(const char *prefix, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s/%s", top, prefix, name);
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* What is said of numpy in the environment at this place of top; more: further lines of the trace. */
static void says(const char *prefix, const char *more, const char *package, const char *wanted)
{
	char trace[2048], expected[1024];
	struct arena arena = { 0 };
	struct image image;
	struct trace *t;
	struct model *m;
	const char *why, *got;

	snprintf(trace, sizeof(trace),
		 "header pid=4711 ppid=4700 end_kind=2 end_code=1\nmodule path=\"/usr/bin/python3.11\" flags=8\n%s\n"
		 "py_ready version=\"3.11.7 (main)\" prefix=\"%s%s\" base_prefix=\"/usr\" executable=\"%s%s/bin/python\" hexversion=0x030b07f0\n",
		 more, top, prefix, top, prefix);
	why = assemble(trace, &image);
	if (why)
		fail_msg("%s", why);
	t = trace_from_memory("test.trace", image.bytes, image.size, &why);
	assert_non_null(t);
	m = model_build_plain(t);
	got = package_command(m, &arena, package, NULL, false);
	snprintf(expected, sizeof(expected), wanted, top);
	assert_string_equal(got, expected);
	arena_free(&arena);
	model_free(m);
	trace_close(t);
	free(image.bytes);
}

static void each_maker_has_its_command(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	put("/plain", "pyvenv.cfg", "home = /usr/bin\n");
	put("/uv", "pyvenv.cfg", "home = /usr/bin\nuv = 0.5.1\n");
	put("/envs/ml", "conda-meta/history", "");
	put("/envs/ml", "lib/python3.11/site-packages/numpy-1.26.4.dist-info/INSTALLER", "conda\n");
	put("/envs/ml", "lib/python3.11/site-packages/scikit_learn-1.4.0.dist-info/INSTALLER", "pip\n");
	put("/share/pipx/venvs/papermill", "pyvenv.cfg", "home = /usr/bin\n");
	says("/plain", "", "'numpy<2'", "\"%s/plain/bin/python\" -m pip install 'numpy<2'");
	says("/uv", "", "--upgrade numpy", "uv pip install --python \"%s/uv/bin/python\" --upgrade numpy");
	says("/envs/ml", "", "'numpy<2'", "conda install -n ml 'numpy<2'");
	says("/envs/ml", "", "torch", "conda install -n ml torch");
	says("/envs/ml", "", "'scikit-learn<1.4'", "\"%s/envs/ml/bin/python\" -m pip install 'scikit-learn<1.4'");
	says("/share/pipx/venvs/papermill", "", "numpy", "pipx runpip papermill install numpy");
	says("/plain", "info key=\"container\" value=\"docker\"", "numpy",
	     "\"%s/plain/bin/python\" -m pip install numpy   # and in what its image is made of (Dockerfile), or it goes with the container");
	says("/cache/pypoetry/virtualenvs/x-py3.11", "", "numpy",
	     "\"%s/cache/pypoetry/virtualenvs/x-py3.11/bin/python\" -m pip install numpy   "
	     "# and \"poetry add\" it, or the next \"poetry install\" undoes this");
}

static int clean(void **state)
{
	char command[600];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_maker_has_its_command),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
