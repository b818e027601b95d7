/* SPDX-License-Identifier: MIT */
/* build: -fsanitize=address -fno-omit-frame-pointer */
/* native: yes */
/*
 * A program that is built with gcc's AddressSanitizer and inherits the preload: its runtime ends a
 * process in which it is not the first library, unless it is told not to; what it then reports of an
 * error is the same, stacks included.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;

static void jump(int sig) { siglongjmp(back, sig); }

static void *work(void *arg)
{
	char *p = malloc(100);

	memset(p, 1, 100);
	free(p);
	return arg;
}

static void err(int how)
{
	volatile char *p = malloc(10 + (size_t)how % 2);

	switch (how) {
	case 0: p[10] = 1; break;
	case 1: free((void *)p); p[1] = 1; break;
	case 2: free((void *)p); free((void *)p); break;
	case 3: free((void *)(p + 1)); break;
	case 4: *(volatile int *)8 = 1; break;
	case 5: p = malloc(4711); p = NULL; exit(p != NULL); 
	}
}

/* The report of an error without numbers that differ from run to run: function names and their order. */
static void told(int how)
{
	int fds[2], status, lines = 0;
	char line[1024];
	FILE *f;

	fflush(stdout);
	if (pipe(fds))
		return;
	if (fork() == 0) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		err(how);
		_exit(99);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (fgets(line, sizeof(line), f)) {
		char name[200] = "", *p;

		if (sscanf(line, " #%*d %*x in %199s", name) == 1)
			printf("  %s\n", name);
		else if ((p = strstr(line, "ERROR: ")) || (p = strstr(line, "LeakSanitizer: ")))
			printf("  %.50s\n", strcspn(p, "0") < 50 ? "error" : p);
		lines++;
	}
	fclose(f);
	wait(&status);
	printf("error %d: status %x, %s\n", how, status, lines > 5 ? "a report" : "no report");
}

int main(void)
{
	pthread_t thread;

	signal(SIGSEGV, jump);
	if (!sigsetjmp(back, 1))
		*(volatile int *)8 = 1;
	puts("a fault came back");
	signal(SIGSEGV, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, work, NULL);
		pthread_join(thread, NULL);
	}
	for (int how = 0; how < 6; how++)
		told(how);
	return 0;
}
