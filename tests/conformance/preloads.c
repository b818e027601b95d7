/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin */
/* native: yes */
/* timeout: 120 */
/*
 * Other libraries that are preloaded, behind ours and in front of it: those that stand in front of
 * the same functions (heaptrack, LTTng-UST's wrappers, libjsig, libfaketime), handlers set by a constructor,
 * stdbuf's; those that are not installed are passed over. Allocators: heap_allocators.c.
 */
#include <dlfcn.h>
#include <glob.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const patterns[] = {
	"libsegfault.so",
	"/usr/lib/*-linux-gnu/libasan.so.[0-9]",
	"/usr/lib/jvm/*/lib/libjsig.so",
	"/usr/lib/heaptrack/libheaptrack_preload.so",
	"/usr/lib/*-linux-gnu/liblttng-ust-libc-wrapper.so.[0-9]",
	"/usr/lib/*-linux-gnu/liblttng-ust-pthread-wrapper.so.[0-9]",
	"/usr/lib/*-linux-gnu/liblttng-ust-dl.so.[0-9]",
	"/usr/lib/*-linux-gnu/liblttng-ust-fork.so.[0-9]",
	"/usr/lib/*-linux-gnu/liblttng-ust-fd.so.[0-9]",
	"/usr/lib/*-linux-gnu/libSegFault.so",
	"/usr/lib/*-linux-gnu/libeatmydata.so",
	"/usr/lib/*-linux-gnu/faketime/libfaketime.so.1",
	"/usr/lib/*-linux-gnu/libfakeroot/libfakeroot-sysv.so",
	"/usr/lib*/coreutils/libstdbuf.so",
};

static sigjmp_buf back;
static volatile int handled;

static void handler(int sig) { handled = sig; }
static void jump(int sig) { siglongjmp(back, sig); }

static void *work(void *arg)
{
	for (int i = 0; i < 300; i++)
		free(realloc(malloc((size_t)i * 100), (size_t)i * 1000 + 1));
	return arg;
}

static int child(int how)
{
	struct sigaction a;
	pthread_t t;
	int status;
	void *h;

	if (sigaction(SIGSEGV, NULL, &a))
		return 1;
	printf("SEGV at the start: %s\n", a.sa_handler == SIG_DFL ? "default" : "handled");
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	printf("handled %d\n", handled);
	pthread_create(&t, NULL, work, NULL);
	pthread_join(t, NULL);
	h = dlopen("libm.so.6", RTLD_NOW);
	printf("dlopen %d dlsym %d\n", h != NULL, dlsym(h, "cos") != NULL);
	printf("missing %d %s\n", dlopen("libno_such.so", RTLD_NOW) != NULL, dlerror());
	printf("closed %d\n", dlclose(h));
	fflush(stdout);
	if (fork() == 0) {
		work(NULL);
		_exit(how + 3);
	}
	wait(&status);
	printf("child %x, system %x\n", status, system("exit 5"));
	fflush(stdout);
	if (how == 1)
		abort();
	if (how == 2)
		*(volatile int *)8 = 1;
	signal(SIGSEGV, jump);
	if (!sigsetjmp(back, 1))
		*(volatile int *)8 = 1;
	printf("back\n");
	return 7;
}

static void start(const char *preload, const char *what, const char *library)
{
	for (int how = 0; how < 3; how++) {
		char number[4] = { (char)('0' + how), '\0' };
		int status;
		pid_t pid;

		printf("%s %s %d\n", what, strrchr(library, '/') + 1, how);
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			setenv("LD_PRELOAD", preload, 1);
			setenv("DUMP_HEAPTRACK_OUTPUT", "/dev/null", 1);
			setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
			if (!freopen("/dev/null", "w", stderr))
				_exit(96);
			execl("/proc/self/exe", "preloads", number, (char *)NULL);
			_exit(127);
		}
		waitpid(pid, &status, 0);
		printf("status %x\n", status);
	}
}

int main(int argc, char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	char text[8192], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 50);

	if (argc > 1)
		return child(atoi(argv[1]));
	self[n > 0 ? n : 0] = '\0';
	printf("libraries that are installed:\n");
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		const char *library = self;
		glob_t found = { 0 };

		if (patterns[i][0] == '/') {
			if (glob(patterns[i], 0, NULL, &found))
				continue;
			library = found.gl_pathv[0];
		} else {
			strcpy(strrchr(self, '/') + 1, patterns[i]);
		}
		snprintf(text, sizeof(text), "%s %s", preload ? preload : "", library);
		start(text, "behind:", library);
		snprintf(text, sizeof(text), "%s %s", library, preload ? preload : "");
		start(text, "in front:", library);
		globfree(&found);
	}
	return 0;
}
