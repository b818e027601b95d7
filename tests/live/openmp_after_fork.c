/* SPDX-License-Identifier: MIT */
/* A forked child shares its work with the threads of the pool that its parent had: they were not copied. */
/* build: -fopenmp */
/* who: child */
/* cause: fork.deadlock */
/* wait: other threads of its process */
/* mention: libgomp */
/* release: kill */
/* output: child ended with 9 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int share(void)
{
	int n = 0;

#pragma omp parallel num_threads(4)
#pragma omp atomic
	n++;
	return n;
}

int main(void)
{
	int status = 0;
	pid_t child;

	share();
	child = fork();
	if (child == 0)
		_exit(share());
	usleep(300000);
	printf("ready %d\n", child);
	fflush(stdout);
	waitpid(child, &status, 0);
	printf("child ended with %d\n", status);
	return 0;
}
