/* SPDX-License-Identifier: MIT */
/* timeout: 120 */
/* Threads that set the same signals at once, are signalled meanwhile, and fork: nothing hangs, no handler is lost. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 3000

static volatile int wrong, a_calls, b_calls;

static void count_a(int sig) { (void)sig; __atomic_fetch_add(&a_calls, 1, __ATOMIC_RELAXED); }
static void count_b(int sig) { (void)sig; __atomic_fetch_add(&b_calls, 1, __ATOMIC_RELAXED); }

static void set(int sig, void (*f)(int))
{
	struct sigaction a = { .sa_handler = f, .sa_flags = SA_RESTART }, old;

	if (sigaction(sig, &a, &old) || (old.sa_handler != count_a && old.sa_handler != count_b && old.sa_handler != SIG_IGN))
		wrong++;
}

static void *setter(void *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		set(SIGUSR1, i & 1 ? count_a : count_b);
		set(SIGUSR2, i % 3 ? count_b : SIG_IGN);
		raise(SIGUSR1);
		raise(SIGUSR2);
	}
	return p;
}

/* A handler that sets its own and another signal, as faulthandler's does. */
static void sets(int sig)
{
	set(SIGUSR1, count_a);
	signal(sig, sets);
}

static void *signaller(void *p)
{
	for (int i = 0; i < ROUNDS; i++)
		kill(getpid(), i & 1 ? SIGHUP : SIGUSR1);
	return p;
}

static int child(void)
{
	struct sigaction old;

	set(SIGUSR1, count_a);
	sigaction(SIGUSR1, NULL, &old);
	a_calls = 0;
	raise(SIGUSR1);
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
	return old.sa_handler == count_a;
}

static void *forker(void *p)
{
	for (int i = 0; i < 40; i++) {
		int status = 0, pid = fork();

		if (!pid)
			_exit(child());
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
			wrong++;
	}
	return p;
}

int main(void)
{
	void *(*const bodies[])(void *) = { setter, setter, setter, signaller, signaller, forker };
	pthread_t t[6];
	struct sigaction now;

	set(SIGUSR1, SIG_IGN);
	set(SIGUSR2, SIG_IGN);
	wrong = 0;
	signal(SIGHUP, sets);
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, bodies[i], NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	sigaction(SIGHUP, NULL, &now);
	printf("wrong %d, handler kept %d, called %d\n", wrong, now.sa_handler == sets, a_calls + b_calls >= 3 * ROUNDS);
	set(SIGUSR1, count_a);
	a_calls = b_calls = 0;
	for (int i = 0; i < 100; i++)
		raise(SIGUSR1);
	printf("last: %d %d\n", a_calls, b_calls);
	return 0;
}
