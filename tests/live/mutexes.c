/* build: -pthread */
/* cause: thread.deadlock */
/* confidence: proven */
/* mention: mutex */
/* output: gave up */
/* SPDX-License-Identifier: MIT */
/* Two threads and two mutexes, without Python: the owners that the mutexes name are the proof. */
#include <pthread.h>
#include <stdio.h>
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

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&t[0], NULL, first, NULL);
	pthread_create(&t[1], NULL, second, NULL);
	usleep(300000);
	puts("ready");
	fflush(stdout);
	sleep(3);
	puts("gave up");
	fflush(stdout);
	_exit(0);
}
