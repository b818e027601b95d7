/* SPDX-License-Identifier: MIT */
/* build: -loldversions */
/*
 * A library that was linked long ago gets the functions of then, the program those of now: a thread that has
 * ended is ESRCH or 0 for pthread_kill, a script without a first line is run by posix_spawn or not.
 */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int lib_kill(pthread_t thread, int sig);
int lib_spawn(pid_t *pid, const char *path, char *const argv[]);
int lib_spawnp(pid_t *pid, const char *path, char *const argv[]);

static volatile int handled;

static void handler(int sig) { handled += sig == SIGUSR1; }
static void *nothing(void *arg) { return arg; }

static void told(const char *what, int rc, pid_t pid)
{
	int status = -1;

	if (rc == 0)
		waitpid(pid, &status, 0);
	printf("%s: %d status %x\n", what, rc, status);
	fflush(stdout);
}

int main(void)
{
	char *argv[] = { "./bare", NULL };
	pthread_t thread;
	FILE *f = fopen("bare", "w");
	pid_t pid = 0;
	int rc;

	fputs("echo said by a script; exit 5\n", f);
	fclose(f);
	chmod("bare", 0755);
	signal(SIGUSR1, handler);
	printf("itself: %d", pthread_kill(pthread_self(), SIGUSR1));
	printf(" %d", lib_kill(pthread_self(), SIGUSR1));
	printf(" handled %d\n", handled);
	printf("nonsense: %d", pthread_kill(pthread_self(), 1000));
	printf(" %d\n", lib_kill(pthread_self(), 1000));
	pthread_create(&thread, NULL, nothing, NULL);
	for (int i = 0; i < 300 && lib_kill(thread, 0) == 0; i++)
		usleep(10000);
	for (int sig = 0; sig < 2; sig++) {
		printf("ended, %d: now %d", sig, pthread_kill(thread, sig));
		printf(" then %d\n", lib_kill(thread, sig));
	}
	pthread_join(thread, NULL);
	fflush(stdout);
	rc = posix_spawn(&pid, "./bare", NULL, NULL, argv, argv + 1);
	told("spawn now", rc, pid);
	rc = lib_spawn(&pid, "./bare", argv);
	told("spawn then", rc, pid);
	rc = posix_spawnp(&pid, "./bare", NULL, NULL, argv, argv + 1);
	told("spawnp now", rc, pid);
	rc = lib_spawnp(&pid, "./bare", argv);
	told("spawnp then", rc, pid);
	rc = lib_spawn(&pid, "./nothing", argv);
	told("missing", rc, pid);
	return 0;
}
