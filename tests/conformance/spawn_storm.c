/* SPDX-License-Identifier: MIT */
/* native: yes */
/*
 * posix_spawn with every attribute and file action, from several threads at once beside vfork and
 * fork; what the children are left with: mask, ignored signals, group, session, descriptors, scheduling.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *self;

static int tell(void)
{
	struct sigaction a;
	unsigned long mask = 0, ignored = 0;
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	memcpy(&mask, &set, sizeof(mask));
	for (int s = 1; s < 65; s++)
		if (sigaction(s, NULL, &a) == 0 && a.sa_handler == SIG_IGN)
			ignored |= 1ul << (s - 1);
	printf("  mask %lx ignored %lx leader %d session %d umask-fd %d\n", mask, ignored, getpgrp() == getpid(), getsid(0) == getpid(),
	       fcntl(7, F_GETFD));
	return 19;
}

static void spawn(const char *what, short flags, int actions)
{
	char *args[] = { self, "tell", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set, def;
	int status = -1, rc, error;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigfillset(&def);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setsigdefault(&attr, &def);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, flags);
	if (actions == 1) {
		posix_spawn_file_actions_adddup2(&files, 1, 7);
		posix_spawn_file_actions_addclose(&files, 0);
		posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	}
	if (actions == 2)
		posix_spawn_file_actions_addopen(&files, 0, "/nonexistent/file", O_RDONLY, 0);
	if (actions == 3)
		posix_spawn_file_actions_addchdir_np(&files, "/nonexistent");
	errno = 55;
	rc = posix_spawn(&pid, self, &files, &attr, args, environ);
	error = errno;
	if (!rc && waitpid(pid, &status, 0) != pid)
		printf("nobody\n");
	printf("%s: rc %d errno %d status %x\n", what, rc, error, status);
	fflush(stdout);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
}

static void *storm(void *arg)
{
	char *args[] = { "true", NULL }, *bad[] = { "/nonexistent", NULL };
	long good = 0;
	int status;
	pid_t pid;

	for (int i = 0; i < 40; i++) {
		free(malloc(1 + (size_t)i * 5000));
		switch (i % 4) {
		case 0:
			good += posix_spawnp(&pid, "true", NULL, NULL, args, environ) == 0 && waitpid(pid, &status, 0) == pid && status == 0;
			break;
		case 1:
			good += posix_spawn(&pid, "/nonexistent", NULL, NULL, bad, environ) == ENOENT;
			break;
		case 2:
			pid = vfork();
			if (pid == 0)
				_exit(3);
			good += waitpid(pid, &status, 0) == pid && status == 0x300;
			break;
		case 3:
			pid = fork();
			if (pid == 0)
				_exit(malloc(100) ? 4 : 5);
			good += waitpid(pid, &status, 0) == pid && status == 0x400;
			break;
		}
	}
	(void)arg;
	return (void *)good;
}

int main(int argc, char **argv)
{
	pthread_t threads[4];
	long sum = 0;
	void *good;

	self = argv[0];
	if (argc > 1)
		return tell();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, (void (*)(int))abort);
	spawn("plain", 0, 0);
	spawn("mask", POSIX_SPAWN_SETSIGMASK, 0);
	spawn("default", POSIX_SPAWN_SETSIGDEF, 0);
	spawn("group", POSIX_SPAWN_SETPGROUP, 0);
	spawn("session", POSIX_SPAWN_SETSID, 0);
	spawn("all", POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_RESETIDS | POSIX_SPAWN_USEVFORK, 1);
	spawn("files", 0, 1);
	spawn("a file that is missing", 0, 2);
	spawn("a folder that is missing", 0, 3);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, storm, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &good);
		sum += (long)good;
	}
	printf("good %ld\n", sum);
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(1);
	errno = 0;
	printf("children are not waited for: %d", wait(NULL));
	printf(" %d\n", errno);
	printf("system: %d", system("exit 3"));
	printf(" %d\n", errno);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT }, NULL);
	if (fork() == 0)
		_exit(1);
	printf("nor so: %d", wait(NULL));
	printf(" %d\n", errno);
	return 0;
}
