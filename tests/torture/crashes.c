/* SPDX-License-Identifier: MIT */
/* build: -Wno-unused-result -Wno-use-after-free -Wno-deprecated-declarations */
/*
 * Deaths in bad places and in bad states: `crashes NAME`. They end as the comment in the table says, and soon.
 * `crashes` alone: the names.
 */
#include <dlfcn.h>
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
#include <unistd.h>

static void null(void) { *(volatile int *)16 = 1; }
static void null_of(int sig) { (void)sig; null(); }
static void in_handler(void) { signal(SIGUSR1, null_of); kill(getpid(), SIGUSR1); }
static void in_handler_on_its_stack(void)
{
	static char room[65536];
	stack_t s = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction a = { .sa_handler = null_of, .sa_flags = SA_ONSTACK };

	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &a, NULL);
	kill(getpid(), SIGUSR1);
}

/* --- the heap --- */

static void in_malloc(void)
{
	char *p = malloc(24);

	free(malloc(24));
	free(p);
	memset(p, 0x41, 16);		/* the next free block's address */
	for (int i = 0; i < 10; i++)
		*(volatile char *)malloc(24) = 1;
	abort();
}
static char *volatile block;
static void in_free(void) { block = malloc(2000); memset(block - 8, 0x41, 8); free(block); }
static void free_twice(void) { block = malloc(24); free(block); free(block); }
static void free_wild(void) { block = (char *)0x4141414141414140; free(block); }
static void smashed_heap(void)
{
	char *p = malloc(3000), *end = sbrk(0);

	memset(p, 0x41, (size_t)(end - p));
	for (int i = 1; i < 100; i++)
		free(malloc((size_t)i * 100));
	abort();
}

/* --- threads --- */

static pthread_barrier_t barrier;
static void *all_null(void *p) { pthread_barrier_wait(&barrier); null(); return p; }
static void *all_different(void *p)
{
	pthread_barrier_wait(&barrier);
	switch ((uintptr_t)p % 4) {
	case 0: null(); break;
	case 1: abort(); break;
	case 2: __builtin_trap(); break;
	default: raise(SIGTERM);
	}
	return p;
}

static void at_once(void *(*what)(void *), unsigned n)
{
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, n);
	for (uintptr_t i = 0; i < n; i++)
		pthread_create(&t, NULL, what, (void *)i);
	for (;;)
		pause();
}
static void in_two_threads(void) { at_once(all_null, 2); }
static void in_fifty_threads(void) { at_once(all_null, 50); }
static void fifty_different(void) { at_once(all_different, 50); }

static int deep(volatile int n) { volatile char room[512]; room[0] = (char)n; return deep(n + 1) + room[0]; }
static void *overflow(void *p) { deep(0); return p; }
static void thread_overflow(void)
{
	pthread_t t;

	pthread_create(&t, NULL, overflow, NULL);
	pthread_join(t, NULL);
}
static void small_thread_overflow(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 << 10);
	pthread_create(&t, &a, overflow, NULL);
	pthread_join(t, NULL);
}
static void *allocates(void *p) { for (;;) free(malloc((uintptr_t)p)); return p; }
static void while_threads_allocate(void)
{
	pthread_t t;

	for (uintptr_t i = 1; i < 9; i++)
		pthread_create(&t, NULL, allocates, (void *)(i * 200));
	usleep(2000);
	null();
}
static void forked_while_threads_allocate(void)
{
	pthread_t t;
	int status, pid;

	for (uintptr_t i = 1; i < 5; i++)
		pthread_create(&t, NULL, allocates, (void *)(i * 200));
	usleep(2000);
	pid = fork();
	if (pid == 0) {
		free(malloc(1000));
		null();
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		null();
	_exit(9);
}

/* --- places --- */

static void in_constructor(void) { dlopen("libcrashes.so", RTLD_NOW); }
static void in_atexit(void) { atexit(null); exit(0); }
static void in_on_exit(void) { on_exit((void (*)(int, void *))(void *)null, NULL); exit(3); }
static void in_child_of_vfork(void)
{
	int status, pid = vfork();

	if (pid == 0)
		null();
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		null();
	_exit(9);
}

/* --- the recorder's own memory --- */

static unsigned long find(const char *text, const char *mode, unsigned long *size)
{
	static char all[1 << 18], *line;
	unsigned long from, to;
	char how[8];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, all + n, sizeof(all) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	for (line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		if (strstr(line, text) && sscanf(line, "%lx-%lx %7s", &from, &to, how) == 3 && strncmp(how, mode, 2) == 0) {
			*size = to - from;
			return from;
		}
	return 0;
}

static void scribble(unsigned long at, unsigned long size, unsigned seed)
{
	for (unsigned long i = 0; i < size / 4; i++) {
		seed = seed * 1664525 + 1013904223;
		((volatile unsigned *)at)[i] = seed;
	}
}

static void trace_filled(void)
{
	unsigned long size, at = find(".trace", "rw", &size);

	if (at)
		scribble(at, size, (unsigned)getpid());
	null();
}
static void trace_header_zero(void)
{
	unsigned long size, at = find(".trace", "rw", &size);

	if (at)
		memset((void *)at, 0, 4096);
	null();
}
static void trace_behind_header_filled(void)
{
	unsigned long size, at = find(".trace", "rw", &size);

	if (at)
		scribble(at + 4096, size - 4096, (unsigned)getpid());
	null();
}
/* Its variables but its table of real functions, which is no memory that one can write to by mistake and survive. */
static void data_filled(void)
{
	unsigned long size, at = find("libkshim", "rw", &size);

	if (at)
		scribble(at, size, (unsigned)getpid());
	null();
}

/* --- limits reached while it runs --- */

static void three_descriptors(void) { struct rlimit r = { 3, 3 }; setrlimit(RLIMIT_NOFILE, &r); null(); }
static void no_file_size(void) { struct rlimit r = { 0, 0 }; setrlimit(RLIMIT_FSIZE, &r); null(); }
static void no_address_space(void) { struct rlimit r = { 1 << 20, 1 << 20 }; setrlimit(RLIMIT_AS, &r); null(); }
static void disk_full_meanwhile(void)
{
	static char zeros[4096];
	char path[4096];
	pthread_t t;
	int fd;

	snprintf(path, sizeof(path), "%s/filler", getenv("FULL") ? getenv("FULL") : "/nowhere");
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; fd >= 0 && i < 4096 && write(fd, zeros, sizeof(zeros)) > 0; i++)
		;			/* 16 MiB at most */
	for (int i = 0; i < 500; i++) {		/* wants to grow */
		pthread_create(&t, NULL, (void *(*)(void *))(void *)sleep, (void *)100);
		malloc(2 << 20);
	}
	null();
}

#define CASE(f) { #f, f }
static const struct { const char *name; void (*f)(void); } cases[] = {
	CASE(in_handler), CASE(in_handler_on_its_stack), CASE(in_malloc), CASE(in_free), CASE(free_twice), CASE(free_wild),
	CASE(smashed_heap), CASE(in_two_threads), CASE(in_fifty_threads), CASE(fifty_different), CASE(thread_overflow),
	CASE(small_thread_overflow), CASE(while_threads_allocate), CASE(forked_while_threads_allocate),
	CASE(in_constructor), CASE(in_atexit), CASE(in_on_exit), CASE(in_child_of_vfork), CASE(trace_filled),
	CASE(trace_header_zero), CASE(trace_behind_header_filled), CASE(data_filled), CASE(three_descriptors),
	CASE(no_file_size), CASE(no_address_space), CASE(disk_full_meanwhile), CASE(null),
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (argc < 2)
			puts(cases[i].name);
		else if (strcmp(argv[1], cases[i].name) == 0)
			cases[i].f();
	}
	return argc > 1;
}
