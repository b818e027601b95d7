/* SPDX-License-Identifier: MIT */
/* A package that lacks files of its own list, and only where what was asked for is among them; a keras.json that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "analyzer/missing.h"
#include "tests/opened.h"
#include "tests/scratch.h"

#define SITE "lib/python3.11/site-packages/"

static int make(void **state)
{
	assert_int_equal(scratch_make(state), 0);
	scratch_put(SITE "numpy-2.2.0.dist-info/RECORD", "numpy/__init__.py,sha256=x,10\nnumpy/core.py,sha256=x,10\nnumpy/tests/test_core.py,,\n");
	scratch_put(SITE "numpy/__init__.py", "");
	scratch_put(SITE "numpy/core.py", "");		/* whole, but for its tests */
	scratch_put(SITE "jaxlib-0.5.0.dist-info/RECORD", "jaxlib/__init__.py,sha256=x,10\njaxlib/_jax.so,sha256=x,10\njaxlib/cpu.py,,\n");
	scratch_put(SITE "jaxlib/__init__.py", "");
	scratch_put(SITE "jaxlib/cpu.py", "");
	scratch_put(SITE "tensorflow_cpu-2.21.0.dist-info/RECORD",
	    "tensorflow/__init__.py,,\r\ntensorflow/python/framework/ops.py,,\r\ntensorflow/python/eager.py,,\r\n");
	scratch_put(SITE "tensorflow/python/eager.py", "");
	return 0;
}

/* What an exception out of this site means: the file that is missing, or NULL. */
static void finds(const char *type, const char *text, const char *package, const char *file)
{
	struct arena arena = { 0 };
	struct incomplete found;
	struct opened o;
	char path[512], expected[512];
	struct py_error e = { .uncaught = true, .type = type, .text = text, .chain = "", .file = path };
	bool yes;

	snprintf(path, sizeof(path), "%s/" SITE "jax/x.py", scratch);
	open_text(&o, "test.trace", "header pid=4711 ppid=4700 end_kind=2 end_code=1\n");
	yes = package_incomplete(o.model, &arena, &e, &found);
	if (yes != (file != NULL))
		fail_msg("%s: %s", text, yes ? found.file : "nothing is missing");
	if (file) {
		snprintf(expected, sizeof(expected), "%s/" SITE "%s", scratch, file);
		assert_string_equal(found.file, expected);
		assert_string_equal(found.package, package);
	}
	arena_free(&arena);
	close_text(&o);
}

static void the_file_that_was_asked_for_is_missing(void **state)
{
	(void)state;
	finds("ImportError", "cannot import name '_jax' from 'jaxlib' (/x/jaxlib/__init__.py)", "jaxlib", "jaxlib/_jax.so");
	finds("ImportError", "cannot import name '_jax' from partially initialized module 'jaxlib' (most likely)", "jaxlib", "jaxlib/_jax.so");
	finds("ModuleNotFoundError", "No module named 'tensorflow.python.framework'", "tensorflow_cpu", "tensorflow/python/framework/ops.py");
	finds("AttributeError", "module 'tensorflow' has no attribute 'ones'", "tensorflow_cpu", "tensorflow/__init__.py");
}

static void what_else_is_missing_accuses_nobody(void **state)
{
	(void)state;
	finds("ImportError", "cannot import name 'float_' from 'numpy' (/x/numpy/__init__.py)", NULL, NULL);
	finds("ImportError", "cannot import name 'other' from 'jaxlib' (/x/jaxlib/__init__.py)", NULL, NULL);
	finds("ModuleNotFoundError", "No module named 'tensorflow.contrib'", "tensorflow_cpu", "tensorflow/__init__.py");
	finds("ModuleNotFoundError", "No module named 'jaxlib.xla'", NULL, NULL);
	finds("ModuleNotFoundError", "No module named 'pandas'", NULL, NULL);
	finds("ValueError", "something is wrong with 'numpy'", NULL, NULL);
	finds("KeyError", "'../../etc/passwd'", NULL, NULL);
	finds("ImportError", "cannot import name '../../x' from '/etc'", NULL, NULL);
}

static void a_keras_json_that_is_none_is_known(void **state)
{
	static const char *const broken[] = { "{\"backend\": \"jax\", \"floatx\": float32", "", "[1]", "backend: jax" };
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/keras.json", scratch);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		scratch_put("keras.json", broken[i]);
		assert_true(keras_json_broken(path));
	}
	scratch_put("keras.json", "{\"backend\": \"jax\", \"epsilon\": 1e-07}\n");
	assert_false(keras_json_broken(path));
	snprintf(path, sizeof(path), "%s/not-there.json", scratch);
	assert_false(keras_json_broken(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_that_was_asked_for_is_missing),
		cmocka_unit_test(what_else_is_missing_accuses_nobody),
		cmocka_unit_test(a_keras_json_that_is_none_is_known),
	};

	return cmocka_run_group_tests(tests, make, scratch_clean);
}
