/* SPDX-License-Identifier: MIT */
/* native: yes */
/* timeout: 120 */
/*
 * How a process ends under filters that allow what it does itself and nothing else, in the ways that a filter can
 * say no; that look at arguments; and that forbid one call alone, which a recorder might make and the program
 * does not. Before its end it does what makes a recorder look around.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 200

static struct sock_filter filter[ROOM];
static unsigned short length;
static int begun, trapped;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;

static const int own[] = {	/* of this program and of libc for it */
	SYS_read, SYS_write, SYS_close, SYS_newfstatat, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk,
	SYS_clone, SYS_clone3, SYS_wait4, SYS_exit, SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_gettid, SYS_getpid, SYS_tgkill, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_prlimit64, SYS_getrandom,
	SYS_fstat, SYS_sched_getaffinity,
};

static void add(struct sock_filter f) { filter[length++] = f; }
static void answer(unsigned a) { add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, a)); }
static void load(size_t from) { add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)from)); }
static void on(unsigned value, unsigned a)
{
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	answer(a);
}

static void begin(void) { length = 0; load(offsetof(struct seccomp_data, nr)); }

/* Everything that is not in own. */
static void others(unsigned a)
{
	begin();
	for (unsigned i = 0; i < sizeof(own) / sizeof(*own); i++)
		on((unsigned)own[i], SECCOMP_RET_ALLOW);
	answer(a);
}

/* One call, where an argument has one of these bits, or is none of these values. */
static void argument(unsigned call, unsigned which, unsigned mask, unsigned allowed, unsigned a)
{
	begin();
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 1, 0));
	answer(SECCOMP_RET_ALLOW);
	load(offsetof(struct seccomp_data, args) + which * 8);
	if (mask) {
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1));
	} else {
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, allowed, 0, 1));
	}
	answer(a);
	answer(SECCOMP_RET_ALLOW);
}

static void one(unsigned call, unsigned a)
{
	begin();
	on(call, a);
	answer(SECCOMP_RET_ALLOW);
}

static void put_on(int by_prctl)
{
	struct sock_fprog program = { length, filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (by_prctl ? prctl(PR_SET_SECCOMP, 2, &program) : (int)syscall(SYS_seccomp, 1, 0, &program))
		exit(99);
}

static void on_sys(int sig, siginfo_t *info, void *context) { trapped += info->si_signo == sig && context; }
static void on_usr(int sig) { begun += sig == SIGUSR1; }

static void *before(void *p)
{
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return p;
}

static void *after(void *p)
{
	free(malloc(300000));
	return p;
}

static int work(pthread_t earlier)
{
	volatile size_t huge = SIZE_MAX / 2;
	struct rlimit l = { 1 << 30, 1 << 30 };
	pthread_t t;
	int status = 0;

	pthread_mutex_unlock(&mutex);
	pthread_join(earlier, NULL);
	for (int i = 0; i < 40; i++)
		begun += malloc(1 << 20) == NULL;
	begun += malloc(huge) == NULL;
	begun += mmap(NULL, huge & ~4095ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
	setrlimit(RLIMIT_FSIZE, &l);
	raise(SIGUSR1);
	fprintf(stderr, "%d: words\n", begun);
	if (pthread_create(&t, NULL, after, NULL) == 0)
		pthread_join(t, NULL);
	if (fork() == 0)
		_exit(3);
	wait(&status);
	return WEXITSTATUS(status);
}

static void child(int by_prctl, int end)
{
	pthread_t earlier;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_mutex_lock(&mutex);
	pthread_create(&earlier, NULL, before, NULL);
	pthread_barrier_wait(&barrier);
	put_on(by_prctl);
	if (work(earlier) != 3)
		exit(98);
	if (trapped)
		fprintf(stderr, "trapped %d\n", trapped);
	if (end == SIGSEGV)
		*(volatile int *)8 = 1;
	else if (end == SIGABRT)
		abort();
	else if (end >= 128)
		exit(end - 128);
	else
		raise(end);
}

static void report(const char *what, int number, int by_prctl)
{
	static const int ends[] = { SIGSEGV, SIGABRT, SIGTERM, 128, 135 };
	int status, first = by_prctl && number >= 0 ? 3 : 0;

	for (unsigned i = (unsigned)first; i < sizeof(ends) / sizeof(*ends); i++) {
		fflush(stdout);
		if (fork() == 0) {
			child(by_prctl, ends[i]);
			_exit(97);
		}
		wait(&status);
		printf("%s %d, %s: status %d, signal %d\n", what, number, by_prctl ? "prctl" : "seccomp",
		       WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
}

/* A filter that the kernel refuses changes nothing. */
static void refused(void)
{
	struct sock_fprog program = { 1, filter };
	struct sigaction act;
	stack_t stack;

	begin();	/* does not return an answer */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	printf("refused: %d", prctl(PR_SET_SECCOMP, 2, &program));
	filter[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 9, 9);
	program.len = 2;
	printf(" %d", prctl(PR_SET_SECCOMP, 2, &program));
	printf(" %ld, errno %d\n", syscall(SYS_seccomp, 1, 0, &program), errno);
	sigaction(SIGSEGV, NULL, &act);
	sigaltstack(NULL, &stack);
	printf("SIGSEGV %d, stack %d\n", act.sa_handler == SIG_DFL, stack.ss_flags);
}

int main(void)
{
	static const struct { const char *name; unsigned action; } actions[] = {
		{ "kill the process", SECCOMP_RET_KILL_PROCESS }, { "kill the thread", SECCOMP_RET_KILL_THREAD },
		{ "trap", SECCOMP_RET_TRAP }, { "error", SECCOMP_RET_ERRNO | ENOSYS }, { "trace", SECCOMP_RET_TRACE },
		{ "log", SECCOMP_RET_LOG },
	};
	/* What this program does not call. */
	static const int foreign[] = {
		SYS_pwritev, SYS_pwrite64, SYS_writev, SYS_pipe2, SYS_faccessat, SYS_kill, SYS_geteuid, SYS_getuid, SYS_getppid,
		SYS_mkdirat, SYS_getcwd, SYS_uname, SYS_process_vm_readv, SYS_statfs, SYS_fstatfs, SYS_readlinkat, SYS_getdents64,
		SYS_sysinfo, SYS_unlinkat, SYS_sigaltstack, SYS_openat, SYS_pread64, SYS_rt_tgsigqueueinfo, SYS_sched_yield,
	};
	struct sigaction act = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };

	fflush(stdout);
	if (fork() == 0) {	/* the recorder cannot know what syscall() has answered */
		refused();
		exit(0);
	}
	wait(NULL);
	signal(SIGUSR1, on_usr);
	sigaction(SIGSYS, &act, NULL);
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		others(actions[i].action);
		report(actions[i].name, -1, 0);
		report(actions[i].name, -1, 1);
	}
	argument(SYS_openat, 2, O_WRONLY | O_RDWR, 0, SECCOMP_RET_KILL_PROCESS);
	report("opens to read", 0, 0);
	argument(SYS_write, 0, 0, 2, SECCOMP_RET_KILL_PROCESS);
	report("writes to its output", 0, 0);
	argument(SYS_mmap, 3, MAP_SHARED, 0, SECCOMP_RET_KILL_PROCESS);
	report("maps for itself", 0, 0);
	for (unsigned i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		one((unsigned)foreign[i], SECCOMP_RET_KILL_PROCESS);
		report("all but", (int)i, 1);
		one((unsigned)foreign[i], SECCOMP_RET_ERRNO | EPERM);
		report("refused", (int)i, 1);
	}
	return 0;
}
