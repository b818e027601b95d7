/* build: -pthread */
/* cause: none */
/* stopped: 0 */
/* release: line */
/* output: epoll_wait 0, semop 0, sigtimedwait 11, receive 11 */
/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail with EINTR when their thread is stopped and goes on (signal(7)): each in a
 * thread of its own, without a retry. Whoever looks at the process must not be noticed by them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int results[4];

static void *polls(void *x)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	epoll_ctl(fd, EPOLL_CTL_ADD, 0, &e);
	results[0] = epoll_wait(fd, &e, 1, -1) < 0 ? errno : 0;
	return x;
}

static void *waits(void *x)
{
	struct sembuf down = { 0, -1, 0 };

	results[1] = semop(*(int *)x, &down, 1) < 0 ? errno : 0;
	return x;
}

static void *signals(void *x)
{
	const struct timespec t = { 2, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	results[2] = sigtimedwait(&set, NULL, &t) < 0 ? errno : 0;
	return x;
}

static void *receives(void *x)
{
	const struct timeval t = { 2, 0 };
	int pair[2];
	char byte;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	results[3] = recv(pair[0], &byte, 1, 0) < 0 ? errno : 0;
	return x;
}

int main(void)
{
	int sem = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf up = { 0, 1, 0 };
	pthread_t t[4];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&t[0], NULL, polls, NULL);
	pthread_create(&t[1], NULL, waits, &sem);
	pthread_create(&t[2], NULL, signals, NULL);
	pthread_create(&t[3], NULL, receives, NULL);
	usleep(200000);
	puts("ready");
	fflush(stdout);
	pthread_join(t[0], NULL);	/* a line on stdin ends it */
	semop(sem, &up, 1);
	for (int i = 1; i < 4; i++)
		pthread_join(t[i], NULL);
	semctl(sem, 0, IPC_RMID);
	printf("epoll_wait %d, semop %d, sigtimedwait %d, receive %d\n", results[0], results[1], results[2], results[3]);
	return 0;
}
