/* SPDX-License-Identifier: MIT */
/* native: yes */
/* Deaths in a process whose state is broken, the recorder's included: it ends, at once and by the same signal. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Makes every mapping unreadable, or goes, whose line holds the text. */
static void spoil(const char *text, int unmap)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long at[64][2];
	int n = 0;

	while (f && n < 64 && fgets(line, sizeof(line), f))
		if (strstr(line, text) && sscanf(line, "%lx-%lx", &at[n][0], &at[n][1]) == 2)
			n++;
	for (int i = 0; i < n; i++) {
		if (unmap)
			munmap((void *)at[i][0], at[i][1] - at[i][0]);
		else
			mprotect((void *)at[i][0], at[i][1] - at[i][0], PROT_NONE);
	}
}

static void null(void) { *(volatile int *)16 = 1; }
/* Past the recorder: its own hooks write into the trace, too. */
static void sent(int sig) { syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig); }
static void trace_gone(void) { spoil(".trace", 1); null(); }
static void trace_locked(void) { spoil(".trace", 0); null(); }
static void trace_locked_abort(void) { spoil(".trace", 0); sent(SIGABRT); }
static void trace_locked_term(void) { spoil(".trace", 0); sent(SIGTERM); }

static void no_descriptors(void)
{
	struct rlimit r = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &r);
	null();
}

static void no_file_size(void)
{
	struct rlimit r = { 0, 0 };

	setrlimit(RLIMIT_FSIZE, &r);
	null();
}

static void no_space(void)
{
	struct rlimit r = { 1 << 20, 1 << 20 };

	setrlimit(RLIMIT_AS, &r);
	null();
}

static void heap_overwritten(void)
{
	char *p = malloc(24), *q = malloc(24);

	memset(p, 0xff, 64);
	free(q);
	free(p);
	free(malloc(100));
	abort();
}

static void no_root(void)
{
	if (chdir("/") == 0 && geteuid() == 0)
		(void)!chroot("/proc/self/fdinfo");
	null();
}

static void stack_pointer_wild(void)
{
#if defined(__x86_64__)
	__asm__ volatile("movq $0x1230, %rsp; pushq %rax");
#elif defined(__aarch64__)
	__asm__ volatile("mov x0, #0x1230; mov sp, x0; str x0, [sp]");
#endif
}

static void stack_pointer_zero(void)
{
#if defined(__x86_64__)
	__asm__ volatile("xorq %rsp, %rsp; xorq %rbp, %rbp; pushq %rax");
#elif defined(__aarch64__)
	__asm__ volatile("mov x29, #0; mov sp, x29; str x0, [sp]");
#endif
}

static void thread_pointer_zero(void)
{
#if defined(__x86_64__)
	syscall(SYS_arch_prctl, 0x1002, 0);
	*(volatile int *)16 = 1;
#else
	null();
#endif
}

static void text_gone(void)
{
	void (*f)(void) = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap((void *)f, 4096);
	f();
}

static void *waits(void *p) { pause(); return p; }
static void many_threads(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 << 10);
	for (int i = 0; i < 700; i++)
		if (pthread_create(&t, &a, waits, NULL))
			break;
	null();
}


static void storm_of_both(void)
{
	int pid = getpid(), other = fork();

	if (!other) {
		for (int i = 0; i < 1000; i++)
			kill(pid, i & 1 ? SIGSEGV : SIGSEGV);
		_exit(0);
	}
	null();
}

#define CASE(f) { #f, f }
static const struct { const char *name; void (*f)(void); } cases[] = {
	CASE(trace_gone), CASE(trace_locked), CASE(trace_locked_abort), CASE(trace_locked_term), CASE(no_descriptors),
	CASE(no_file_size), CASE(no_space), CASE(heap_overwritten), CASE(no_root), CASE(stack_pointer_wild),
	CASE(stack_pointer_zero), CASE(thread_pointer_zero), CASE(text_gone), CASE(many_threads), CASE(storm_of_both),
};

int main(int argc, char **argv)
{
	char *again[] = { argv[0], NULL, NULL };
	struct timespec a, b;
	int pid, status;

	if (argc > 1) {
		if (!freopen("/dev/null", "w", stderr))
			return 9;
		cases[atoi(argv[1])].f();
		return 1;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", i);
		again[1] = number;
		clock_gettime(CLOCK_MONOTONIC, &a);
		pid = fork();
		if (!pid) {
			execv("/proc/self/exe", again);
			_exit(9);
		}
		status = -1;
		waitpid(pid, &status, 0);
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("%s: signal %d status %d%s\n", cases[i].name, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		       b.tv_sec - a.tv_sec > 5 ? ", slowly" : "");
		if (getenv("TIMES"))
			printf("   %ld us\n", (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
		fflush(stdout);
	}
	return 0;
}
