/* SPDX-License-Identifier: MIT */
/* The command that installs a package is that of whoever made the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "analyzer/proof.h"
#include "tests/opened.h"
#include "tests/scratch.h"

/* The environment at this place of the scratch folder; more: further lines of the trace. */
static void in(struct opened *o, const char *prefix, const char *more)
{
	char trace[2048];

	snprintf(trace, sizeof(trace),
		 "header pid=4711 ppid=4700 end_kind=2 end_code=1\nmodule path=\"/usr/bin/python3.11\" flags=8\n%s\n"
		 "py_ready version=\"3.11.7 (main)\" prefix=\"%s%s\" base_prefix=\"/usr\" executable=\"%s%s/bin/python\" hexversion=0x030b07f0\n",
		 more, scratch, prefix, scratch, prefix);
	open_text(o, "test.trace", trace);
}

static void says(const char *prefix, const char *more, const char *package, const char *wanted)
{
	struct arena arena = { 0 };
	struct opened o;
	char expected[1024];

	in(&o, prefix, more);
	snprintf(expected, sizeof(expected), wanted, scratch);
	assert_string_equal(package_command(o.model, &arena, package, NULL, false), expected);
	arena_free(&arena);
	close_text(&o);
}

static void remarks(const char *prefix, const char *more, const char *fix, const char *wanted)
{
	struct opened o;
	const char *got;

	in(&o, prefix, more);
	got = package_remark(o.model, fix);
	if (wanted)
		assert_true(got && strstr(got, wanted));
	else
		assert_null(got);
	close_text(&o);
}

static void each_maker_has_its_command(void **state)
{
	(void)state;
	scratch_put("plain/pyvenv.cfg", "home = /usr/bin\n");
	scratch_put("uv/pyvenv.cfg", "home = /usr/bin\nuv = 0.5.1\n");
	scratch_put("envs/ml/conda-meta/history", "");
	scratch_put("envs/ml/lib/python3.11/site-packages/numpy-1.26.4.dist-info/INSTALLER", "conda\n");
	scratch_put("envs/ml/lib/python3.11/site-packages/scikit_learn-1.4.0.dist-info/INSTALLER", "pip\n");
	scratch_put("share/pipx/venvs/papermill/pyvenv.cfg", "home = /usr/bin\n");
	says("/plain", "", "'numpy<2'", "\"%s/plain/bin/python\" -m pip install 'numpy<2'");
	says("/uv", "", "--upgrade numpy", "uv pip install --python \"%s/uv/bin/python\" --upgrade numpy");
	says("/envs/ml", "", "'numpy<2'", "conda install -n ml 'numpy<2'");
	says("/envs/ml", "", "torch", "conda install -n ml torch");
	says("/envs/ml", "", "'scikit-learn<1.4'", "\"%s/envs/ml/bin/python\" -m pip install 'scikit-learn<1.4'");
	says("/share/pipx/venvs/papermill", "", "numpy", "pipx runpip papermill install numpy");
	remarks("/plain", "", "conda install numpy", NULL);
	remarks("/plain", "info key=\"container\" value=\"docker\"", "python -m pip install numpy", "Dockerfile");
	remarks("/plain", "info key=\"container\" value=\"docker\"", "Use smaller batches.", NULL);
	remarks("/cache/pypoetry/virtualenvs/x-py3.11", "", "python -m pip install numpy", "poetry add");
}

static void owned(const char *path, const char *package)
{
	struct arena arena = { 0 };
	const char *got = package_of(&arena, arena_printf(&arena, "%s%s", scratch, path));

	if (package)
		assert_string_equal(got, package);
	else
		assert_null(got);
	arena_free(&arena);
}

static void libraries_beside_python_belong_to_the_wheel_that_records_them(void **state)
{
	(void)state;
	scratch_put("plain/lib/python3.11/site-packages/intel_openmp-2026.1.dist-info/RECORD", "../../../libiomp5.so,sha256=x,1\n");
	scratch_put("plain/lib/python3.11/site-packages/mkl-2026.2.dist-info/RECORD", "../../../libmkl_rt.so.3,sha256=x,1\n");
	owned("/plain/lib/libmkl_rt.so.3", "mkl");
	owned("/plain/lib/libiomp5.so", "intel-openmp");
	owned("/plain/lib/libmkl_rt.so", NULL);
	owned("/plain/lib/libpython3.11.so", NULL);
	owned("/plain/bin/libmkl_rt.so.3", NULL);
}

static void what_was_installed_into_a_folder_is_mended_there(void **state)
{
	struct arena arena = { 0 };
	struct opened o;
	const char *path = arena_printf(&arena, "%s/layer/python/kiwisolver/_cext.so", scratch);

	(void)state;
	scratch_put("layer/python/kiwisolver-1.4.7.dist-info/RECORD", "kiwisolver/_cext.so,sha256=x,1\n");
	owned("/layer/python/kiwisolver/_cext.so", "kiwisolver");
	owned("/layer/python/own/_cext.so", NULL);
	in(&o, "/plain", "");
	assert_string_equal(package_command(o.model, &arena, "kiwisolver", path, true),
			    arena_printf(&arena, "\"%s/plain/bin/python\" -m pip install --upgrade --force-reinstall --no-cache-dir --no-deps "
						 "--target \"%s/layer/python\" kiwisolver", scratch, scratch));
	arena_free(&arena);
	close_text(&o);
}

static void a_library_of_the_system_is_the_systems_to_mend(void **state)
{
	struct arena arena = { 0 };
	struct opened o;

	(void)state;
	in(&o, "/plain", "");
	assert_null(package_command(o.model, &arena, NULL, "/opt/x/libgomp.so.1", true));
	assert_null(package_command(o.model, &arena, NULL, "/usr/local/lib/libgomp.so.1", true));
	if (access("/var/lib/dpkg/status", R_OK) == 0)
		assert_string_equal(package_command(o.model, &arena, NULL, "/usr/lib/x86_64-linux-gnu/libgomp.so.1", true),
				    "sudo apt-get install --reinstall \"$(dpkg -S \"*/lib/x86_64-linux-gnu/libgomp.so.1\" | head -n 1 | "
				    "cut -d: -f1)\"");
	arena_free(&arena);
	close_text(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_maker_has_its_command),
		cmocka_unit_test(libraries_beside_python_belong_to_the_wheel_that_records_them),
		cmocka_unit_test(what_was_installed_into_a_folder_is_mended_there),
		cmocka_unit_test(a_library_of_the_system_is_the_systems_to_mend),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_clean);
}
