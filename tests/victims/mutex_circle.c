/* build: -pthread */
/* SPDX-License-Identifier: MIT */
/* Two threads hold each other's mutexes; a watchdog ends the process: the recording alone must prove the circle. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void *first(void *x)
{
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&b);
	return x;
}

static void *second(void *x)
{
	pthread_mutex_lock(&b);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&a);
	return x;
}

int main(void)
{
	pthread_t t[2];

	if (fork() == 0) {
		sleep(1);
		kill(getppid(), SIGTERM);
		_exit(0);
	}
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&t[0], NULL, first, NULL);
	pthread_create(&t[1], NULL, second, NULL);
	pthread_join(t[0], NULL);
	return 0;
}
