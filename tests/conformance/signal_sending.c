/* SPDX-License-Identifier: MIT */
/* kill and kin: results and errno, also for what is not there; timers. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int calls;

static void handler(int sig) { calls += sig; }

static void say(const char *what, int rc)
{
	printf("%s: %d errno %d calls %d\n", what, rc, rc ? errno : 0, calls);
	errno = 0;
	calls = 0;
}

static void *sleeper(void *p)
{
	while (!calls)		/* not pause(): the signal may come before it */
		usleep(1000);
	return p;
}

int main(void)
{
	struct itimerval t = { .it_value = { 0, 20000 } }, old;
	union sigval v = { .sival_int = 1 };
	pthread_t other;
	int pid, fd, status;

	signal(SIGUSR1, handler);
	signal(SIGALRM, handler);
	errno = 0;
	say("kill 0", kill(getpid(), 0));
	say("kill self", kill(getpid(), SIGUSR1));
	say("kill nobody", kill(0x7ffffff0, SIGUSR1));
	say("kill bad", kill(getpid(), 1000));
	say("kill group bad", kill(-0x7ffffff0, SIGUSR1));
	say("killpg negative", killpg(-3, SIGUSR1));
	say("raise", raise(SIGUSR1));
	say("raise bad", raise(99));
	say("tgkill", tgkill(getpid(), getpid(), SIGUSR1));
	say("tgkill nobody", tgkill(getpid(), 1, SIGUSR1));
	say("sigqueue", sigqueue(getpid(), SIGUSR1, v));
	say("sigqueue nobody", sigqueue(0x7ffffff0, SIGUSR1, v));
	say("pthread_kill", pthread_kill(pthread_self(), SIGUSR1));
	printf("pthread_kill bad %d\n", pthread_kill(pthread_self(), 99));
	printf("pthread_sigqueue %d\n", pthread_sigqueue(pthread_self(), SIGUSR1, v));
	say("after", 0);
	pthread_create(&other, NULL, sleeper, NULL);
	usleep(10000);
	printf("pthread_kill other %d\n", pthread_kill(other, SIGUSR1));
	pthread_join(other, NULL);
	say("joined", 0);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		pause();
		_exit(1);
	}
	setpgid(pid, pid);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	say("pidfd 0", pidfd_send_signal(fd, 0, NULL, 0));
	say("pidfd bad", pidfd_send_signal(-1, SIGTERM, NULL, 0));
	say("killpg", killpg(pid, SIGTERM));
	waitpid(pid, &status, 0);
	printf("status %#x\n", status);
	say("pidfd gone", pidfd_send_signal(fd, SIGTERM, NULL, 0));
	say("alarm", (int)alarm(100));
	printf("alarm again %u\n", alarm(0));
	say("setitimer", setitimer(ITIMER_REAL, &t, NULL));
	while (!calls)
		usleep(1000);
	say("paused", 0);
	say("setitimer query", setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, &old));
	printf("old %ld\n", (long)old.it_value.tv_sec);
	errno = 0;
	say("setitimer bad", setitimer((enum __itimer_which)17, &t, NULL));
	return 0;
}
