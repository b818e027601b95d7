/* SPDX-License-Identifier: MIT */
/*
 * Which environment variables are kept with their values: those of the loader, Python, CUDA, the
 * numeric libraries and frameworks, and what Jupyter says about the notebook. Everything else may
 * be a secret and is kept by name only. To add one: a row in exact[] or in prefixes[].
 */
#include "shim/environment.h"

#include "shim/recorder.h"
#include "shim/safe.h"

extern char **environ;

static const char *const exact[] = {
	"CONDA_DEFAULT_ENV",
	"CONDA_EXE",
	"CONDA_PREFIX",
	"CONDA_SHLVL",
	"DISPLAY",
	"GLIBC_TUNABLES",
	"HOME",
	"HDF5_DISABLE_VERSION_CHECK",
	"HDF5_PLUGIN_PATH",
	"HDF5_USE_FILE_LOCKING",
	"JPY_PARENT_PID",
	"JPY_SESSION_NAME",
	"LANG",
	"LC_ALL",
	"MALLOC_ARENA_MAX",
	"MPLBACKEND",
	"MROOT",
	"PATH",
	"PYENV_VERSION",
	"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
	"SLURM_JOB_ID",
	"SLURM_MEM_PER_CPU",
	"SLURM_MEM_PER_NODE",
	"TERM",
	"TMPDIR",
	"VIRTUAL_ENV",
	"WAYLAND_DISPLAY",
	"XDG_RUNTIME_DIR",
};

static const char *const prefixes[] = {
	"ARROW_",    "BLIS_",	 "CNTK_",    "CUBLAS_",	  "CUDA",     "CUDNN_",	 "CUPY_",
	"FLEXIBLAS", "GOMP_",	 "GOTO_",    "HIP_",	  "HSA_",     "JAX_",	 "KERAS_",
	"KMP_",	     "KSHIM",	 "LD_",	     "LIBOMP_",	  "MALLOC_",  "MKL_",	 "MXNET_",
	"NCCL_",     "NUMBA_",	 "NUMEXPR_", "NUMPY_",	  "NVIDIA_",  "OMP_",	 "OPENBLAS_",
	"OPENCV_",   "OPENSSL_", "ORT_",     "PYTHON",	  "PYTORCH_", "QT_",	 "ROCM_",
	"ROCR_",     "SCIPY_",	 "TBB_",     "TCMALLOC_", "TF_",      "THEANO_", "TORCH_",
	"TRITON_",   "TSAN_",	 "VECLIB_",  "XLA_",
};

/* A name with a listed begin that says that its value is a secret, or is Terraform's. */
static bool looks_secret(const char *name, size_t n)
{
	static const char *const words[] = {"TOKEN",	  "SECRET", "PASSW",
					    "CREDENTIAL", "_KEY",   "AUTH"};

	if (strncmp(name, "TF_VAR_", 7) == 0)
		return true;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t m = strlen(words[i]);

		for (size_t k = 0; k + m <= n; k++)
			if (strncasecmp(name + k, words[i], m) == 0)
				return true;
	}
	return false;
}

static bool listed(const char *name, size_t n)
{
	for (unsigned i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (strncmp(exact[i], name, n) == 0 && !exact[i][n])
			return true;
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(prefixes[i], name, strlen(prefixes[i])) == 0)
			return !looks_secret(name, n);
	return false;
}

static char *put_n(char *p, char *end, const char *text, size_t n)
{
	for (; n && p < end - 1; n--)
		*p++ = *text++;
	*p = '\0';
	return p;
}

void ks_environment_record(void)
{
	static char names[4096];
	char *p = names, *end = names + sizeof(names);

	for (char **e = environ; e && *e; e++) {
		const char *equals = strchr(*e, '=');
		size_t n = equals ? (size_t)(equals - *e) : 0;

		if (!n)
			continue;
		if (listed(*e, n))
			KS_EMIT(env, .name = ks_text_n(*e, n), .value = ks_text(equals + 1));
		else
			p = put_n(p == names ? p : ks_put(p, end, " "), end, *e, n);
	}
	if (p != names)
		KS_EMIT(info, .key = ks_text("env_names"), .value = ks_text(names));
}

const char *ks_environment_value(const char *name)
{
	const size_t n = strlen(name);

	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

/* As kernels are given it by the argv of their kernelspecs: -f FILE, -f=FILE, --f=FILE,
 * --connection-file FILE or =FILE, --IPKernelApp.connection_file=FILE. Its name ends in .json but
 * is not always kernel-….json: a KernelManager that was given none makes a temporary one
 * (jupyter_client/connect.py, write_connection_file). */
const char *ks_connection_file(const char *arg, bool *next)
{
	const char *file = NULL, *base;
	const bool given = *next;
	size_t n;

	*next = false;
	if (given)
		file = arg;
	else if (strcmp(arg, "-f") == 0 || strcmp(arg, "--connection-file") == 0 ||
		 strcmp(arg, "--connection_file") == 0)
		*next = true;
	else if (strncmp(arg, "-f=", 3) == 0 || strncmp(arg, "--f=", 4) == 0 ||
		 strstr(arg, "connection_file=") || strstr(arg, "connection-file="))
		file = strchr(arg, '=') + 1;
	if (!file)
		return NULL;
	base = strrchr(file, '/');
	base = base ? base + 1 : file;
	n = strlen(base);
	return n > 5 && strcmp(base + n - 5, ".json") == 0 ? file : NULL;
}
