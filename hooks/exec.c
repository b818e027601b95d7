/* SPDX-License-Identifier: MIT */
/*
 * The exec family. Nearly all of it runs in a child between fork and exec: a vfork child shares our
 * memory, so there everything is a plain forward. Where the recorded process itself becomes
 * another program, that is an end, taken back when exec returns.
 *
 * A start script that execs the next Python (jupyter, pyenv) has not died: its trace is removed
 * where the new program is a Python that will be recorded as well. Strings of the caller are
 * read through the kernel: execve answers EFAULT to a bad pointer, and so it must stay.
 */
#include "hooks/process.h"

#include "shim/safe.h"
#include "shim/surroundings.h"

extern char **environ;

static bool has_failed; /* in a forked child without a trace */
static uint32_t failed_generation;

bool ks_exec_has_failed(void)
{
	return has_failed && failed_generation == ks.generation;
}

struct attempt {
	bool recorded; /* by exec_call: exec_failed is to follow */
	bool removed;  /* the trace is gone already */
};

/* A script for Python, or Python itself. */
static bool is_python(const char *path)
{
	char head[128];
	const char *name = strrchr(path, '/');
	struct stat st;
	long n;

	/* A FIFO or a device would wait, or do something. */
	if (!name || ks_sys_stat(path, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
	    ks_sys(SYS_faccessat, AT_FDCWD, path, X_OK) < 0)
		return false;
	n = ks_read_file(path, head, sizeof(head));
	if (n > 4 && memcmp(head, "\177ELF", 4) == 0)
		return strncmp(name + 1, "python", 6) == 0;
	*strchrnul(head, '\n') = '\0';
	return n > 2 && strncmp(head, "#!", 2) == 0 && strstr(head, "python");
}

/* The environment hands the preload on. */
static bool goes_on(char *const *envp)
{
	char text[1024], *one;

	for (unsigned i = 0; envp && i < 4096; i++) {
		if (ks_read_memory((uintptr_t)(envp + i), &one, sizeof(one)) != sizeof(one) || !one)
			break;
		if (ks_read_text(one, text, 12) && strcmp(text, "LD_PRELOAD=") == 0)
			return ks_read_text(one, text, sizeof(text)) && strstr(text, "libkshim");
	}
	return false;
}

static struct attempt begin(const char *path, char *const argv[], char *const envp[],
			    uintptr_t caller)
{
	int error = errno;
	struct attempt a = {false, false};
	char program[512], line[640];

	if (ks.on && ks_mine()) {
		a.recorded = true;
		ks_read_text(path, program, sizeof(program));
		ks_put_argv(line, line + 512, argv, 64);
		KS_EMIT(exec_call, .path = ks_text(program), .argv = ks.config.text == KS_TEXT_OFF ? 0 : ks_text(line),
			.caller = caller);
		ks_end(KS_END_EXEC, 0);
		/* Other threads would go on writing if exec came back. */
		if (ks.config.keep == KS_KEEP_DEATH && !ks_is_kernel() && ks.head->threads <= 1 &&
		    is_python(program) && goes_on(envp)) {
			ks_discard();
			a.removed = true;
		}
	}
	errno = error;
	return a;
}

static int failed(struct attempt a, const char *path, int rc, uintptr_t caller)
{
	int error = errno;
	char program[512];

	if (a.recorded) {
		if (a.removed) {
			ks_forked(); /* forget the trace that is gone, and begin another */
			ks_open();
			if (ks.on)
				ks_begin();
			ks_modules_sync(0);
		}
		ks_end_undo();
		ks_read_text(path, program, sizeof(program));
		KS_EMIT(exec_failed, .path = ks_text(program), .error = -error, .caller = caller);
	} else if (ks.chosen && ks_mine()) {
		has_failed = true;
		failed_generation = ks.generation;
	}
	errno = error;
	return rc;
}

KS_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	struct attempt a = begin(path, argv, envp, KS_CALLER());

	return failed(a, path, REAL(execve)(path, argv, envp), KS_CALLER());
}

KS_EXPORT int execv(const char *path, char *const argv[])
{
	struct attempt a = begin(path, argv, environ, KS_CALLER());

	return failed(a, path, REAL(execv)(path, argv), KS_CALLER());
}

KS_EXPORT int execvp(const char *file, char *const argv[])
{
	struct attempt a = begin(file, argv, environ, KS_CALLER());

	return failed(a, file, REAL(execvp)(file, argv), KS_CALLER());
}

KS_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct attempt a = begin(file, argv, envp, KS_CALLER());

	return failed(a, file, REAL(execvpe)(file, argv, envp), KS_CALLER());
}

KS_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct attempt a = begin("(fexecve)", argv, envp, KS_CALLER());

	return failed(a, "(fexecve)", REAL(fexecve)(fd, argv, envp), KS_CALLER());
}

KS_EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct attempt a = begin(path, argv, envp, KS_CALLER());

	return failed(a, path, REAL(execveat)(fd, path, argv, envp, flags), KS_CALLER());
}

/* --- the variadic ones: their arguments as an array on the stack, as libc does it --- */

static size_t count_args(const char *first, va_list args)
{
	size_t n = 1;

	while (first) {
		first = va_arg(args, char *);
		n++;
	}
	return n;
}

static void take_args(char **argv, const char *first, va_list args)
{
	*argv = (char *)first;
	while (*argv)
		*++argv = va_arg(args, char *);
}

/* first NULL: an empty list. Leaves args behind the closing NULL. */
#define GATHER(argv, first, args)                                                                  \
	char **argv;                                                                               \
	do {                                                                                       \
		va_start(args, first);                                                             \
		argv = __builtin_alloca(count_args(first, args) * sizeof(char *));                 \
		va_end(args);                                                                      \
		va_start(args, first);                                                             \
		take_args(argv, first, args);                                                      \
	} while (0)

KS_EXPORT int execl(const char *path, const char *first, ...)
{
	struct attempt a;
	va_list args;
	GATHER(argv, first, args);

	va_end(args);
	a = begin(path, argv, environ, KS_CALLER());
	return failed(a, path, REAL(execv)(path, argv), KS_CALLER());
}

KS_EXPORT int execlp(const char *file, const char *first, ...)
{
	struct attempt a;
	va_list args;
	GATHER(argv, first, args);

	va_end(args);
	a = begin(file, argv, environ, KS_CALLER());
	return failed(a, file, REAL(execvp)(file, argv), KS_CALLER());
}

KS_EXPORT int execle(const char *path, const char *first, ...)
{
	struct attempt a;
	va_list args;
	char *const *envp;
	GATHER(argv, first, args);

	envp = va_arg(args, char *const *);
	va_end(args);
	a = begin(path, argv, envp, KS_CALLER());
	return failed(a, path, REAL(execve)(path, argv, envp), KS_CALLER());
}
