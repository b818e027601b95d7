/* SPDX-License-Identifier: MIT */
/*
 * Signals that are waited for instead of handled: sigwait and kin, signalfd, ppoll, pselect, epoll_pwait,
 * sigsuspend; timers of each kind, SIGEV_THREAD's too; queued values in their order; what masks threads
 * and children begin with.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t calls, last;
static int order[32];
static volatile int ordered;

static void handler(int sig) { calls++; last = sig; }

static void queued(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (ordered < 32)
		order[ordered++] = sig * 1000 + info->si_value.sival_int;
}

static unsigned long bits(void)
{
	unsigned long m = 0;
	sigset_t s;

	pthread_sigmask(SIG_BLOCK, NULL, &s);
	memcpy(&m, &s, sizeof(m));
	return m;
}

static void waits(int sig)
{
	struct timespec none = { 0, 0 };
	siginfo_t info;
	sigset_t set, old;
	int got = 0, rc;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), sig);
	rc = sigwait(&set, &got);
	printf("%d: sigwait %d %d", sig, rc, got);
	raise(sig);
	memset(&info, 0, sizeof(info));
	rc = sigwaitinfo(&set, &info);
	printf(" sigwaitinfo %d code %d own %d", rc, info.si_code, info.si_pid == getpid());
	sigqueue(getpid(), sig, (union sigval){ .sival_int = 66 });
	rc = sigtimedwait(&set, &info, &none);
	printf(" sigtimedwait %d value %d", rc, info.si_value.sival_int);
	errno = 0;
	rc = sigtimedwait(&set, &info, &none);
	printf(" none %d %d", rc, errno == EAGAIN);
	struct signalfd_siginfo ssi;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	kill(getpid(), sig);
	rc = (int)read(fd, &ssi, sizeof(ssi));
	printf(" signalfd %d %u code %d", rc, ssi.ssi_signo, ssi.ssi_code);
	rc = (int)read(fd, &ssi, sizeof(ssi));
	printf(" %d\n", rc);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void polls(int sig)
{
	struct timespec second = { 1, 0 };
	sigset_t set, old, open;
	int ep = epoll_create1(0);
	struct epoll_event event;

	signal(sig, handler);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigemptyset(&open);
	calls = 0;
	for (int how = 0; how < 4; how++) {
		int rc = 0;

		raise(sig);
		errno = 0;
		switch (how) {
		case 0: rc = ppoll(NULL, 0, &second, &open); break;
		case 1: rc = pselect(0, NULL, NULL, NULL, &second, &open); break;
		case 2: rc = epoll_pwait(ep, &event, 1, 1000, &open); break;
		case 3: rc = sigsuspend(&open); break;
		}
		printf("%d wait %d: %d %d calls %d mask %lx\n", sig, how, rc, errno, (int)calls, bits());
	}
	close(ep);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(sig, SIG_DFL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int expired;
static unsigned long thread_mask;

static void by_thread(union sigval v)
{
	free(malloc(100000));
	pthread_mutex_lock(&lock);
	thread_mask = bits();
	expired += v.sival_int;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

static void timers(void)
{
	struct itimerspec in = { .it_value = { 0, 2000000 }, .it_interval = { 0, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 5 };
	struct sigaction a = { .sa_sigaction = queued, .sa_flags = SA_SIGINFO };
	timer_t t;

	event.sigev_notify_function = by_thread;
	printf("timer of a thread %d\n", timer_create(CLOCK_MONOTONIC, &event, &t));
	timer_settime(t, 0, &in, NULL);
	pthread_mutex_lock(&lock);
	while (expired < 5)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	printf("expired %d mask %lx\n", expired, thread_mask);
	timer_delete(t);
	for (int sig = SIGALRM; sig > 0; sig = sig == SIGALRM ? SIGTERM : sig == SIGTERM ? SIGRTMIN + 2 : 0) {
		event = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value.sival_int = 9 };
		sigaction(sig, &a, NULL);
		ordered = 0;
		timer_create(CLOCK_REALTIME, &event, &t);
		timer_settime(t, 0, &in, NULL);
		while (!ordered)
			usleep(1000);
		printf("timer %d: %d overrun %d\n", sig, order[0], timer_getoverrun(t));
		timer_delete(t);
		signal(sig, SIG_DFL);
	}
	signal(SIGVTALRM, handler);
	signal(SIGPROF, handler);
	calls = 0;
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value = { 0, 1000 } }, NULL);
	while (!calls)
		;
	printf("virtual: %d\n", last == SIGVTALRM);
	calls = 0;
	setitimer(ITIMER_PROF, &(struct itimerval){ .it_value = { 0, 1000 } }, NULL);
	while (!calls)
		;
	printf("prof: %d\n", last == SIGPROF);
}

static void values(void)
{
	struct sigaction a = { .sa_sigaction = queued, .sa_flags = SA_SIGINFO };
	sigset_t set;

	sigfillset(&a.sa_mask);
	sigemptyset(&set);
	for (int s = SIGRTMIN; s < SIGRTMIN + 3; s++) {
		sigaction(s, &a, NULL);
		sigaddset(&set, s);
	}
	sigaction(SIGUSR1, &a, NULL);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ordered = 0;
	for (int i = 0; i < 4; i++)
		for (int s = SIGRTMIN + 2; s >= SIGRTMIN; s--)
			sigqueue(getpid(), s, (union sigval){ .sival_int = i });
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 1 });
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 2 });
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (int i = 0; i < ordered; i++)
		printf("%d ", order[i]);
	printf("\n");
}

static void *thread(void *arg)
{
	printf("a thread begins with %lx\n", bits());
	return arg;
}

static void inherited(void)
{
	pthread_attr_t attr;
	pthread_t t;
	sigset_t set, of;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGRTMIN + 5);
	sigprocmask(SIG_SETMASK, &set, NULL);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	sigemptyset(&of);
	sigaddset(&of, SIGHUP);
	pthread_attr_init(&attr);
	pthread_attr_setsigmask_np(&attr, &of);
	pthread_create(&t, &attr, thread, NULL);
	pthread_join(t, NULL);
	fflush(stdout);
	if (fork() == 0) {
		printf("a child begins with %lx\n", bits());
		fflush(stdout);
		raise(SIGTERM);		/* stays pending */
		sigpending(&of);
		printf("pending %d\n", sigismember(&of, SIGTERM));
		fflush(stdout);
		*(volatile int *)8 = 1;	/* blocked: it dies of it all the same */
	}
	wait(&status);
	printf("child %x\n", status);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

int main(void)
{
	static const int sigs[] = { SIGTERM, SIGUSR1, SIGCHLD, SIGSEGV, SIGABRT, SIGALRM, SIGINT };

	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		waits(sigs[i]);
		polls(sigs[i]);
	}
	waits(SIGRTMIN + 1);
	polls(SIGRTMIN + 1);
	timers();
	values();
	inherited();
	return 0;
}
