/* SPDX-License-Identifier: MIT */
/* native: yes */
/* Dispositions in fork, vfork, spawned and exec'd children, and that the parent keeps its own. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile int calls;

static void handler(int sig) { (void)sig; calls++; }

static void show(const char *who, int sig)
{
	struct sigaction a;
	char line[128];
	int n;

	sigaction(sig, NULL, &a);
	n = snprintf(line, sizeof(line), "%s %d %s %#x\n", who, sig,
		     a.sa_handler == SIG_DFL ? "DFL" : a.sa_handler == SIG_IGN ? "IGN" : a.sa_handler == handler ? "handler" : "?",
		     (unsigned)a.sa_flags);
	if (write(1, line, (size_t)n) < 0)
		_exit(9);
}

static void all(const char *who)
{
	show(who, SIGTERM);
	show(who, SIGUSR1);
	show(who, SIGINT);
	show(who, SIGSEGV);
	show(who, SIGHUP);
}

static void set(int sig, void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	sigaction(sig, &a, NULL);
}

/* In a child: ignored signals survive exec, handlers do not. SigCgt is not compared. */
static void ignored(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "SigIgn", 6) || !strncmp(line, "SigBlk", 6))
			fputs(line, stdout);
	all("exec'd");
	fflush(stdout);
}

static void end(const char *who, int pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("%s ended %#x\n", who, status);
	all("parent");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char *again[] = { argv[0], "again", NULL };
	posix_spawnattr_t attr;
	sigset_t s;
	int pid;

	(void)argc;
	if (argv[1]) {
		ignored();
		return 0;
	}
	set(SIGTERM, handler, SA_RESTART);
	set(SIGUSR1, SIG_IGN, 0);
	set(SIGINT, SIG_DFL, SA_NODEFER);
	set(SIGSEGV, handler, SA_ONSTACK | SA_NODEFER);
	all("parent");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		all("fork");
		set(SIGTERM, SIG_DFL, 0);
		set(SIGHUP, handler, 0);
		all("fork set");
		raise(SIGHUP);
		_exit(calls);
	}
	end("fork", pid);
	pid = vfork();
	if (!pid) {
		all("vfork");
		set(SIGTERM, SIG_DFL, 0);
		set(SIGUSR1, SIG_DFL, 0);
		set(SIGSEGV, SIG_IGN, 0);
		all("vfork set");
		execv(again[0], again);
		_exit(3);
	}
	end("vfork", pid);
	pid = vfork();
	if (!pid) {
		signal(SIGHUP, handler);
		signal(SIGTERM, SIG_DFL);
		all("vfork handler");
		raise(SIGTERM);
		_exit(3);
	}
	end("vfork killed", pid);
	pid = vfork();
	if (!pid) {
		kill(getpid(), SIGINT);
		_exit(3);
	}
	end("vfork interrupted", pid);
	posix_spawnattr_init(&attr);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	posix_spawnattr_setsigdefault(&attr, &s);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	if (posix_spawn(&pid, again[0], NULL, &attr, again, environ) == 0)
		end("spawn", pid);
	if (posix_spawn(&pid, again[0], NULL, NULL, again, environ) == 0)
		end("spawn plain", pid);
	printf("system %d\n", system("kill -TERM $$"));
	all("parent");
	signal(SIGINT, handler);
	printf("system %d\n", system("true"));
	show("parent", SIGINT);
	raise(SIGINT);
	raise(SIGTERM);
	printf("calls %d\n", calls);
	execv(again[0], again);
	return 1;
}
