/* SPDX-License-Identifier: MIT */
/* status: 1 */
/*
 * Somebody truncates what a recorder may have mapped from files in its directory (as a file server that loses a file
 * does), or unmaps it, as a program does that clears out what it does not know: the program goes on, with a handler of its
 * own for SIGBUS and without, and ends as it would.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int caught;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	static char page[4096];

	(void)context;
	caught++;
	if (caught > 3 || info->si_signo != sig)
		_exit(50);
	mmap((void *)((unsigned long)info->si_addr & ~4095ul), sizeof(page), PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void cut_off(void)
{
	const char *folder = getenv("KSHIM_DIR");
	DIR *d = folder ? opendir(folder) : NULL;
	struct dirent *e;
	char path[4096];

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".trace")) {
			snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
			if (truncate(path, 0))
				exit(51);
		}
	if (d)
		closedir(d);
}

static void unmap(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from[16], to[16], a, b;
	char line[4400];
	int n = 0;

	while (fgets(line, sizeof(line), f))
		if (strstr(line, ".trace\n") && n < 16 && sscanf(line, "%lx-%lx", &a, &b) == 2) {
			from[n] = a;
			to[n++] = b;
		}
	fclose(f);
	while (n--)
		munmap((void *)from[n], to[n] - from[n]);
}

static void *thread(void *p)
{
	free(malloc(5 << 20));
	return p;
}

static void work(void)
{
	pthread_t t;
	int status;

	for (int i = 0; i < 40; i++)
		free(malloc(2 << 20));
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	fprintf(stderr, "words\n");
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	if (fork() == 0)
		_exit(3);
	wait(&status);
	printf("worked, child %d, caught %d\n", WEXITSTATUS(status), caught);
	fflush(stdout);
}

/* A fault of the program's own still comes to its handler. */
static void own_fault(void)
{
	char name[] = "own-XXXXXX";
	int fd = mkstemp(name);
	volatile char *p;

	unlink(name);
	if (ftruncate(fd, 4096))
		exit(52);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[4096] = 1;
	printf("caught %d\n", caught);
}

static void run(int how)
{
	struct sigaction act = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	work();
	if (how & 1)
		sigaction(SIGBUS, &act, NULL);
	if (how & 8)
		unmap();
	else
		cut_off();
	work();
	if (how & 1)
		own_fault();
	fflush(stdout);
	if (how & 2)
		abort();
	if (how & 4)
		*(volatile int *)8 = 1;
	exit(how);
}

int main(void)
{
	int status;

	for (int how = 8; how != 6; how = (how + 1) % 14) {
		fflush(stdout);
		if (fork() == 0)
			run(how);
		wait(&status);
		printf("%d: status %d, signal %d\n", how, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	fflush(stdout);
	run(1);
}
