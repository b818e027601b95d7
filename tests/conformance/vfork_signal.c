/* SPDX-License-Identifier: MIT */
/* timeout: 120 */
/*
 * What ends a process that sleeps in vfork, while its child has not become another program yet: a signal that kills by
 * default does so at once, one that is blocked, ignored or handled does not. Afterwards all is as it was.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int begun[2], go_on[2];

static void handler(int sig) { (void)sig; }

static const char *shown(int sig)
{
	struct sigaction a;

	sigaction(sig, NULL, &a);
	return a.sa_handler == SIG_DFL ? "default" : a.sa_handler == SIG_IGN ? "ignored" : a.sa_handler == handler ? "handled" : "?";
}

/* Sleeps in vfork until its child has read a byte. */
static void sleeper(int sig, int how)
{
	sigset_t one;
	char c = 'b';
	pid_t pid;

	if (how == 1)
		signal(sig, SIG_IGN);
	if (how == 2)
		signal(sig, handler);
	sigemptyset(&one);
	sigaddset(&one, sig);
	if (how == 3)
		sigprocmask(SIG_BLOCK, &one, NULL);
	close(go_on[1]);
	pid = vfork();
	if (pid == 0) {
		if (write(begun[1], &c, 1) != 1 || read(go_on[0], &c, 1) < 0)
			_exit(2);
		_exit(0);
	}
	if (how == 3)
		sigprocmask(SIG_UNBLOCK, &one, NULL);
	waitpid(pid, NULL, 0);
	printf("  came back: %s\n", shown(sig));
	fflush(stdout);
	if (how == 0)
		raise(sig);
	_exit(7);
}

static void try(int sig, int how)
{
	static const char *const ways[] = { "default", "ignored", "handled", "blocked" };
	struct pollfd none;
	int status = 0, waits = 0;
	char c;
	pid_t pid;

	printf("signal %d %s\n", sig, ways[how]);
	fflush(stdout);
	if (pipe(begun) || pipe(go_on))
		exit(1);
	pid = fork();
	if (pid == 0)
		sleeper(sig, how);
	if (read(begun[0], &c, 1) != 1)
		exit(1);
	kill(pid, sig);
	/* The child of vfork is still there: does its parent end all the same? */
	for (; how == 0 && !waitpid(pid, &status, WNOHANG) && waits < 100; waits++)
		poll(&none, 0, 100);
	if (how == 0)
		printf("  its parent %s", waits < 100 ? "ended" : "sleeps on");
	close(go_on[1]);		/* now the child ends */
	if (how != 0 || waits == 100)
		waitpid(pid, &status, 0);
	printf("  status %x\n", status);
	fflush(stdout);
	close(begun[0]);
	close(begun[1]);
	close(go_on[0]);
}

int main(void)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		for (int how = 0; how < 4; how++)
			try(signals[i], how);
	}
	return 0;
}
