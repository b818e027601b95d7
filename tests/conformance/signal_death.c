/* SPDX-License-Identifier: MIT */
/* Children that die of a signal in every way there is; their wait status, core flag included. */
#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void own_default(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

static void own_return(int sig)
{
	signal(sig, SIG_DFL);
}

static void own_exit(int sig)
{
	_exit(sig);
}

static void own_abort(int sig)
{
	(void)sig;
	abort();
}

static void own_fault(int sig)
{
	(void)sig;
	*(volatile int *)24 = 1;
}

static void null(void) { *(volatile int *)16 = 1; }
static void call_null(void) { ((void (*)(void))0)(); }
static void trap(void) { __builtin_trap(); }
static void divide(void) { volatile int zero = 0, one = 1; zero = one / zero; _exit(1); }
static void bus(void)
{
	FILE *f = tmpfile();
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);

	p[0] = 1;
}
static int deep(volatile int n) { volatile char room[512]; room[0] = (char)n; return deep(n + 1) + room[0]; }
static void overflow(void) { deep(0); }
static void *thread_null(void *p) { null(); return p; }
static void *thread_overflow(void *p) { overflow(); return p; }
static void *thread_abort(void *p) { abort(); return p; }
static void in_thread(void *(*f)(void *)) { pthread_t t; pthread_create(&t, NULL, f, NULL); pthread_join(t, NULL); }
static void t_null(void) { in_thread(thread_null); }
static void t_overflow(void) { in_thread(thread_overflow); }
static void t_abort(void) { in_thread(thread_abort); }
static void two_at_once(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, thread_null, NULL);
	pause();
}
static void failed_assert(void) { assert(!"this"); }
static void queue(void) { sigqueue(getpid(), SIGTERM, (union sigval){ .sival_int = 3 }); pause(); }
static void to_thread(void) { pthread_kill(pthread_self(), SIGQUIT); }
static void alarmed(void) { ualarm(1000, 0); pause(); }
static void profiled(void)
{
	struct itimerval t = { .it_value = { 0, 1000 } };

	setitimer(ITIMER_PROF, &t, NULL);
	for (;;)
		;
}
static void pipe_broken(void) { int p[2]; if (pipe(p)) _exit(1); close(p[0]); if (write(p[1], "x", 1) < 0) _exit(2); }
static void too_large(void)
{
	struct rlimit r = { 100, 100 };
	FILE *f = tmpfile();
	char b[4096] = { 0 };

	setrlimit(RLIMIT_FSIZE, &r);
	for (int i = 0; i < 3; i++)
		if (write(fileno(f), b, sizeof(b)) < 0)
			_exit(3);
}
static void suspended(void)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &all, NULL);
	kill(getpid(), SIGTERM);
	sigsuspend(&none);
}
static void unblocked_later(void)
{
	sigset_t s;

	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
	raise(SIGUSR1);
	raise(SIGHUP);
	sigemptyset(&s);
	sigprocmask(SIG_SETMASK, &s, NULL);
}
static void blocked_fault(void) { sigset_t s; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, NULL); null(); }
static void ignored_fault(void) { signal(SIGSEGV, SIG_IGN); null(); }
static void handler_default(void) { signal(SIGSEGV, own_default); null(); }
static void handler_return(void) { signal(SIGSEGV, own_return); null(); }
static void handler_exit(void) { signal(SIGSEGV, own_exit); null(); }
static void handler_abort(void) { signal(SIGSEGV, own_abort); null(); }
static void handler_faults(void) { signal(SIGUSR1, own_fault); raise(SIGUSR1); }
static void handler_faults_again(void) { signal(SIGSEGV, own_fault); null(); }
static void abort_handled(void) { signal(SIGABRT, own_exit); abort(); }
static void abort_returns(void) { signal(SIGABRT, own_return); abort(); }
static void abort_ignored(void) { signal(SIGABRT, SIG_IGN); abort(); }
static void once(void)
{
	struct sigaction a = { .sa_handler = own_return, .sa_flags = (int)SA_RESETHAND };

	a.sa_handler = (void (*)(int))getpid;
	sigaction(SIGTERM, &a, NULL);
	raise(SIGTERM);
	raise(SIGTERM);
}
static void small_stack(void)
{
	static char alt[8192];
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };

	sigaltstack(&s, NULL);
	overflow();
}
static void small_stack_term(void)
{
	static char alt[8192];
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };

	sigaltstack(&s, NULL);
	raise(SIGTERM);
}
static void raw_fault(void) { syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSEGV); }

#define CASE(f) { #f, f }
static const struct { const char *name; void (*f)(void); } cases[] = {
	CASE(null), CASE(call_null), CASE(trap), CASE(divide), CASE(bus), CASE(overflow), CASE(t_null), CASE(t_overflow),
	CASE(t_abort), CASE(two_at_once), CASE(failed_assert), CASE(abort), CASE(queue), CASE(to_thread), CASE(alarmed),
	CASE(profiled), CASE(pipe_broken), CASE(too_large), CASE(suspended), CASE(unblocked_later), CASE(blocked_fault),
	CASE(ignored_fault), CASE(handler_default), CASE(handler_return), CASE(handler_exit), CASE(handler_abort),
	CASE(handler_faults), CASE(handler_faults_again), CASE(abort_handled), CASE(abort_returns), CASE(abort_ignored),
	CASE(once), CASE(small_stack), CASE(small_stack_term), CASE(raw_fault),
};

static void show(const char *name, int pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("%s: signal %d core %d\n", name, WTERMSIG(status), WCOREDUMP(status) != 0);
	else
		printf("%s: status %#x\n", name, status);
	fflush(stdout);
}

int main(void)
{
	struct rlimit stack = { 1 << 20, 1 << 20 };
	int pid;

	setrlimit(RLIMIT_STACK, &stack);
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pid = fork();
		if (!pid) {
			cases[i].f();
			_exit(0);
		}
		show(cases[i].name, pid);
	}
	for (int sig = 1; sig <= 64; sig++) {
		char name[32];

		if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		pid = fork();
		if (!pid) {
			kill(getpid(), sig);
			usleep(1000);
			_exit(0);
		}
		snprintf(name, sizeof(name), "kill %d", sig);
		show(name, pid);
	}
	return 0;
}
