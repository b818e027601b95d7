/* SPDX-License-Identifier: MIT */
/* build: -mgeneral-regs-only */
/* needs: x86_64 qemu-x86_64-static */
/* native: yes */
/* timeout: 120 */
/*
 * Deaths and handlers under qemu-user, which runs signal handlers on stacks that are not aligned
 * (7.2; linux-user/i386/signal.c), has no SS_AUTODISARM and no process_vm_readv.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void trap(void) { __asm__ volatile("ud2"); }
static void trap_other(void) { __asm__ volatile("push %rax; ud2"); }
static void null(void) { *(volatile int *)16 = 1; }
static void null_other(void) { __asm__ volatile("push %rax; movl $1, 16"); }
static void divide(void) { volatile int zero = 0, one = 1; zero = one / zero; }
static void terminated(void) { raise(SIGTERM); }
static void interrupted(void) { kill(getpid(), SIGINT); }
static void blocked(void)
{
	sigset_t s;

	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
	null_other();
}

static void *in_thread(void *p) { null_other(); return p; }
static void thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
}

/* What handlers do: say something, set signals, send some. */
static void says(int sig)
{
	struct sigaction a = { .sa_handler = SIG_DFL }, old;

	if (write(1, "handler\n", 8) != 8 || sigaction(sig, &a, &old) || sigaction(SIGUSR2, &old, NULL))
		_exit(7);
	kill(getpid(), sig);
}
static void handled(void) { signal(SIGSEGV, says); null(); }
static void handled_other(void) { signal(SIGSEGV, says); null_other(); }
static void aborts(int sig) { (void)sig; abort(); }
static void handler_aborts(void) { signal(SIGILL, aborts); trap_other(); }
static void faults(int sig) { (void)sig; null_other(); }
static void handler_faults(void) { signal(SIGILL, faults); trap(); }
static void repaired(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}
static void goes_on(void)
{
	struct sigaction a = { .sa_sigaction = repaired, .sa_flags = SA_SIGINFO };

	sigaction(SIGILL, &a, NULL);
	__asm__ volatile("ud2; push %%rax; ud2; pop %%rax" ::: "memory");
	if (write(1, "went on\n", 8) != 8)
		_exit(7);
}
static void exits(void) { exit(5); }

#define CASE(f) { #f, f }
static const struct { const char *name; void (*f)(void); } cases[] = {
	CASE(trap), CASE(trap_other), CASE(null), CASE(null_other), CASE(divide), CASE(abort), CASE(terminated),
	CASE(interrupted), CASE(blocked), CASE(thread), CASE(handled), CASE(handled_other), CASE(handler_aborts),
	CASE(handler_faults), CASE(goes_on), CASE(exits),
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		cases[atoi(argv[1])].f();
		return 0;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char number[16], path[4096];
		time_t begin = time(NULL);
		ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
		int pid, status = -1;

		path[n > 0 ? n : 0] = '\0';
		snprintf(number, sizeof(number), "%u", i);
		pid = fork();
		if (!pid) {
			if (!freopen("/dev/null", "w", stderr))
				_exit(8);
			execlp("qemu-x86_64-static", "qemu-x86_64-static", "-cpu", "Nehalem", path, number, (char *)NULL);
			_exit(9);
		}
		waitpid(pid, &status, 0);
		printf("%s: signal %d status %d%s\n", cases[i].name, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 0, time(NULL) - begin > 10 ? ", slowly" : "");
	}
	return 0;
}
