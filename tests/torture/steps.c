/* SPDX-License-Identifier: MIT */
/* build: -iquote . -iquote tests/torture -Wl,-z,now -Wno-unused-result */
/*
 * Deaths at every instruction of the recorder: `steps NAME INJECT FROM STRIDE MOST` calls one hooked function in one
 * forked child after another, each with its own recording, and lets it die there of INJECT (fault, term, abort), at
 * the FROM-th instruction of those that the call passes, the STRIDE-th after that, and so on, MOST at most. Each child must end by the
 * right signal within two seconds, and leave a trace that says so. `steps` alone names the functions.
 * INJECT jump: a handler of the program jumps out of there for good; what the thread takes of the heap after that must
 * be counted all the same.
 */
#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/format.h"
#include "step.h"

static volatile size_t huge = SIZE_MAX / 2, small = 24, big = 3 << 20;
static void *p, *q;
static char text[] = "some words\n";

/* --- the functions: what is prepared, and what is stepped through --- */

static void with_small(void) { p = malloc(small); }
static void with_big(void) { p = malloc(big); }
static void call_malloc(void) { p = malloc(small); }
static void call_malloc_big(void) { p = malloc(big); }
static void call_malloc_fails(void) { p = malloc(huge); }
static void call_calloc(void) { p = calloc(small, 40); }
static void call_realloc(void) { p = realloc(p, small * 20); }
static void call_realloc_big(void) { p = realloc(p, big * 2); }
static void call_free(void) { free(p); }
static void call_memalign(void) { if (posix_memalign(&q, 64, small)) q = NULL; }
static void call_aligned(void) { q = aligned_alloc(64, 128); }

static void call_write(void) { write(2, text, sizeof(text) - 1); }
static void call_writev(void) { struct iovec v[2] = { { text, 5 }, { text + 5, 6 } }; writev(2, v, 2); }
static void call_fwrite(void) { fwrite(text, 1, 10, stderr); }
static void call_fputs(void) { fputs(text, stderr); }
static void call_fputc(void) { fputc('x', stderr); }
static void call_fprintf(void) { fprintf(stderr, "%d %g %s", 1, 2.5, text); }
static void call_dprintf(void) { dprintf(2, "%d %s", 1, text); }
static void call_perror(void) { perror(text); }

static void with_missing(void) { dlopen("libnothere.so.7", RTLD_NOW); }
static void with_loaded(void) { p = dlopen("libm.so.6", RTLD_NOW); q = dlopen("libresolv.so.2", RTLD_NOW); }
static void call_dlopen(void) { p = dlopen("libresolv.so.2", RTLD_NOW); }
static void call_dlopen_missing(void) { p = dlopen("libnothere.so.7", RTLD_NOW); }
static void call_dlsym(void) { p = dlsym(RTLD_DEFAULT, "getpid"); }
static void call_dlsym_missing(void) { p = dlsym(RTLD_DEFAULT, "not_there_at_all"); }
static void call_dlerror(void) { p = dlerror(); }
static void call_dlclose(void) { dlclose(q); }

static void handler(int sig) { (void)sig; }
static void call_sigaction(void)
{
	struct sigaction a = { .sa_handler = handler }, old;

	sigaction(SIGUSR1, &a, &old);
}
static void call_sigaction_default(void) { struct sigaction a = { .sa_handler = SIG_DFL }; sigaction(SIGHUP, &a, NULL); }
static void call_signal(void) { signal(SIGUSR1, handler); }
static void call_siginterrupt(void) { siginterrupt(SIGUSR1, 1); }
static void call_sigaltstack(void)
{
	static char room[65536];
	stack_t s = { .ss_sp = room, .ss_size = sizeof(room) };

	sigaltstack(&s, NULL);
}
static void call_prctl(void) { prctl(PR_SET_NAME, "steps"); }
static void call_syscall(void) { syscall(SYS_getppid); }

static void *nothing(void *x) { return x; }
static void call_pthread_create(void) { pthread_t t; pthread_create(&t, NULL, nothing, NULL); }
static void *ends(void *x)
{
	step.tid = (int)raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	STEP_ON();
	return x;
}
static void call_thread_end(void)
{
	pthread_t t;

	STEP_OFF();
	pthread_create(&t, NULL, ends, NULL);
	pthread_join(t, NULL);
}

static void call_kill(void) { kill(getpid(), SIGCHLD); }
static void call_raise(void) { raise(SIGWINCH); }
static void call_pthread_kill(void) { pthread_kill(pthread_self(), SIGCHLD); }
static void call_alarm(void) { alarm(100); }
static void call_fork(void) { if (fork() == 0) raw(SYS_exit_group, 0, 0, 0, 0, 0, 0); }
static void call_posix_spawn(void)
{
	char *argv[] = { "no", NULL };
	pid_t pid;

	posix_spawn(&pid, "/nothing/here", NULL, NULL, argv, argv);
}
static void call_execve(void) { char *argv[] = { "no", NULL }; execve("/nothing/here", argv, argv); }
static void call_execl(void) { execl("/nothing/here", "a", "b", (char *)NULL); }
static void with_child(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		*(volatile int *)8 = 1;
	raw(SYS_waitid, P_PID, pid, (long)&info, WEXITED | WNOWAIT, 0, 0);
}
static void call_waitpid(void) { int status; waitpid(-1, &status, 0); }

static void call_exit(void) { exit(3); }
static void call__exit(void) { _exit(3); }
static void call_abort(void) { abort(); }
static void call_assert(void) { __assert_fail("1 == 2", "file.c", 12, "function"); }

static void call_mmap_fails(void) { p = mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void call_mprotect_fails(void) { mprotect((void *)4096, 4096, PROT_READ); }
static void call_mremap_fails(void) { p = mremap((void *)4096, 4096, 8192, MREMAP_MAYMOVE); }
static void call_setrlimit(void) { struct rlimit r = { 0, 0 }; setrlimit(RLIMIT_CORE, &r); }
static void call_prlimit(void) { struct rlimit r; prlimit(0, RLIMIT_CORE, NULL, &r); }

/* --- signals: the recorder's own functions, called as the kernel calls them --- */

static siginfo_t seen_info;
static ucontext_t seen_context;

static void on_usr2(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	seen_info = *info;
	seen_context = *(ucontext_t *)context;
}

static void with_context(void)
{
	struct kernel_action a = { on_usr2, SA_SIGINFO | 0x04000000, step_restorer, 0 };

	signal(SIGUSR1, handler);
	raw(SYS_rt_sigaction, SIGUSR2, (long)&a, 0, 8, 0, 0);
	raw(SYS_tgkill, getpid(), raw(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGUSR2, 0, 0, 0);
}

static void deliver(int sig, int code)
{
	struct kernel_action a;

	raw(SYS_rt_sigaction, sig, 0, (long)&a, 8, 0, 0);
	seen_info.si_signo = sig;
	seen_info.si_code = code;
	if (code > 0)
		seen_info.si_addr = (void *)0x10;
	((void (*)(int, siginfo_t *, void *))a.handler)(sig, &seen_info, &seen_context);
}
static void call_on_fault(void) { deliver(SIGSEGV, SEGV_MAPERR); }
static void call_on_abort(void) { deliver(SIGABRT, SI_TKILL); }
static void call_on_term(void) { deliver(SIGTERM, SI_USER); }
static void call_on_handled(void) { deliver(SIGUSR1, SI_USER); }

#define CALL(name, with, also) { #name, with, call_##name, also }
static const struct call {
	const char *name;
	void (*with)(void);
	void (*call)(void);
	int also;			/* another signal that it may rightly die of, 0: none */
} calls[] = {
	CALL(malloc, NULL, 0), CALL(malloc_big, NULL, 0), CALL(malloc_fails, NULL, 0), CALL(calloc, NULL, 0),
	CALL(realloc, with_small, 0), CALL(realloc_big, with_big, 0), CALL(free, with_small, 0),
	CALL(memalign, NULL, 0), CALL(aligned, NULL, 0),
	CALL(write, NULL, 0), CALL(writev, NULL, 0), CALL(fwrite, NULL, 0), CALL(fputs, NULL, 0), CALL(fputc, NULL, 0),
	CALL(fprintf, NULL, 0), CALL(dprintf, NULL, 0), CALL(perror, NULL, 0),
	CALL(dlopen, NULL, 0), CALL(dlopen_missing, NULL, 0), CALL(dlsym, with_loaded, 0), CALL(dlsym_missing, NULL, 0),
	CALL(dlerror, with_missing, 0), CALL(dlclose, with_loaded, 0),
	CALL(sigaction, NULL, 0), CALL(sigaction_default, NULL, 0), CALL(signal, NULL, 0), CALL(siginterrupt, with_context, 0),
	CALL(sigaltstack, NULL, 0), CALL(prctl, NULL, 0), CALL(syscall, NULL, 0),
	CALL(pthread_create, NULL, 0), CALL(thread_end, NULL, 0),
	CALL(kill, NULL, 0), CALL(raise, NULL, 0), CALL(pthread_kill, NULL, 0), CALL(alarm, NULL, 0),
	CALL(fork, NULL, 0), CALL(posix_spawn, NULL, 0), CALL(execve, NULL, 0), CALL(execl, NULL, 0), CALL(waitpid, with_child, 0),
	CALL(exit, NULL, 0), CALL(_exit, NULL, 0), CALL(abort, NULL, 0), CALL(assert, NULL, 0),
	CALL(mmap_fails, NULL, 0), CALL(mprotect_fails, NULL, 0), CALL(mremap_fails, NULL, 0), CALL(setrlimit, NULL, 0),
	CALL(prlimit, NULL, 0),
	CALL(on_fault, with_context, SIGSEGV), CALL(on_abort, with_context, SIGABRT), CALL(on_term, with_context, SIGTERM),
	CALL(on_handled, with_context, 0),
};

/* --- one child --- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *folder;
static unsigned keep, kept;		/* one trace in so many stays in the folder, for kshim-analyze */

static void find_trace(int pid, char *path, size_t size);

/* Bytes that this process has taken from its heap, as its trace has it. */
static uint64_t counted(void)
{
	static char whole[4 << 20];
	const struct ks_header *h = (const void *)whole;
	char path[512];
	uint64_t sum = 0;
	int fd;

	find_trace(getpid(), path, sizeof(path));
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, whole, sizeof(whole)) < 4096)
		return 0;
	close(fd);
	for (uint32_t i = 0; i < h->region_count; i++) {
		const struct ks_region *r = (const void *)(whole + h->region_offset + i * h->region_stride);
		const struct ks_thread *t = (const void *)(whole + r->offset);

		for (uint32_t k = 0; r->kind == KS_REGION_THREADS && k < r->count && t[k].state; k++)
			sum += t[k].alloc_bytes;
	}
	return sum;
}

/* The handler has jumped out; is the thread still counted? */
static void landed(void)
{
	const uint64_t before = counted();

	for (int i = 0; i < 20; i++)
		free(malloc(big));
	raw(SYS_exit_group, counted() - before < 19 * big ? 79 : 78, 0, 0, 0, 0, 0);
}

static void child(const struct call *c, uintptr_t target, int what)
{
	int null = open("/dev/null", O_WRONLY);

	dup2(null, 2);
	p = malloc(huge);		/* a rare event: begins this child's recording */
	if (c->with)
		c->with();
	step_begin(target, what);
	if (what == INJECT_JUMP && setjmp(step.back))
		landed();
	STEP_ON();
	c->call();
	STEP_OFF();
	raw(SYS_exit_group, 77, 0, 0, 0, 0, 0);
}

/* Its wait status; -1: it did not end within two seconds of its death, or not at all. */
static int wait_for(int pid)
{
	struct timespec pause = { 0, 100 * 1000 };
	double begin = now();
	int status;

	while (now() - begin < 60) {
		if (*step.injected == 1 && (*step.injected = 2))
			begin = now();
		else if (*step.injected == 2 && now() - begin > 2)
			break;
		if (raw(SYS_wait4, pid, (long)&status, WNOHANG, 0, 0, 0) == pid)
			return status;
		nanosleep(&pause, NULL);
	}
	raw(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
	raw(SYS_wait4, pid, (long)&status, 0, 0, 0, 0);
	return -1;
}

/* The trace of a process; "": there is none. */
static void find_trace(int pid, char *path, size_t size)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char end[32];

	path[0] = '\0';
	snprintf(end, sizeof(end), "-%d.trace", pid);
	while (d && (e = readdir(d)))
		if (strstr(e->d_name, end))
			snprintf(path, size, "%s/%s", folder, e->d_name);
	closedir(d);
}

/* What is wrong with the trace of a child that died of sig, NULL: nothing. */
static const char *wrong_trace(const char *path, int sig)
{
	static char whole[4 << 20];
	const struct ks_header *h = (const void *)whole;
	int fd;

	if (!path[0])
		return "no trace";
	fd = open(path, O_RDONLY);
	if (read(fd, whole, sizeof(whole)) < 4096)
		return "a short trace";
	close(fd);
	if (memcmp(h->magic, KS_MAGIC, sizeof(h->magic)) || h->end_kind != KS_END_SIGNAL || h->end_code != sig)
		return "a trace with another end";
	for (uint32_t i = 0; i < h->region_count; i++) {
		const struct ks_region *r = (const void *)(whole + h->region_offset + i * h->region_stride);

		if (r->kind == KS_REGION_CRASH && ((const struct ks_crash *)(whole + r->offset))->state < KS_CRASH_CONTEXT)
			return "a trace without the crash's context";
	}
	return NULL;
}

static int one(const struct call *c, uintptr_t target, int what, int *unreached)
{
	static const int signals[] = { 0, SIGSEGV, SIGTERM, SIGABRT, 0 };
	char path[512];
	const char *wrong;
	int pid, status, came = 1;

	*step.injected = 0;
	pid = fork();
	if (pid == 0)
		child(c, target, what);
	status = wait_for(pid);
	find_trace(pid, path, sizeof(path));
	if (status == -1) {
		wrong = "it hangs";
	} else if (!*step.injected) {	/* the way was another one this time (a checkpoint was due, or not) */
		wrong = NULL;
		came = 0;
		++*unreached;
	} else if (what == INJECT_JUMP) {
		wrong = WIFEXITED(status) && WEXITSTATUS(status) == 78 ? NULL : "not counted any more";
	} else if (c->also && WIFSIGNALED(status) && WTERMSIG(status) == c->also) {
		wrong = wrong_trace(path, c->also);
	} else if (!WIFSIGNALED(status) || WTERMSIG(status) != signals[what]) {
		wrong = "the wrong signal";
	} else {
		wrong = wrong_trace(path, signals[what]);
	}
	if (path[0] && !wrong && keep && (!came || kept++ % keep))
		unlink(path);
	if (wrong)
		printf("%s: %s at +%#lx: status %x, pid %d\n", c->name, wrong, (long)target, status, pid);
	return wrong != NULL;
}

/* The instructions that the call passes. */
static struct found *look(const struct call *c)
{
	struct found *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[512];
	int pid = fork();

	if (pid == 0) {
		step.found = f;
		child(c, 0, INJECT_NOTHING);
	}
	wait_for(pid);
	find_trace(pid, path, sizeof(path));
	unlink(path);
	return f;
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "", "fault", "term", "abort", "jump" };
	int bad = 0, unreached = 0, done = 0, what = 0;
	const struct found *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc < 2 && i < sizeof(calls) / sizeof(*calls); i++)
		puts(calls[i].name);
	if (argc < 6)
		return argc > 1;
	dl_iterate_phdr(find_recorder, NULL);
	step.through[0] = (uintptr_t)dlsym(RTLD_NEXT, "dl_iterate_phdr");
	step.through[1] = (uintptr_t)dlsym(dlopen("libc.so.6", RTLD_NOW), "exit");
	step.injected = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	folder = getenv("KSHIM_DIR");
	keep = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
	for (int i = 1; i < 5; i++)
		if (strcmp(argv[2], ways[i]) == 0)
			what = i;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(argv[1], calls[i].name))
			continue;
		f = look(&calls[i]);
		for (uint32_t k = (uint32_t)atoi(argv[3]) % (f->count ? f->count : 1); k < f->count && done < atoi(argv[5]); k += (uint32_t)atoi(argv[4])) {
			bad += one(&calls[i], f->offset[k], what, &unreached);
			done++;
		}
		printf("%s %s: %llu steps, %u instructions, %d deaths, %d not reached, %d wrong\n", argv[1], argv[2],
		       (unsigned long long)f->steps, f->count, done, unreached, bad);
	}
	return bad || !done;
}
