/* SPDX-License-Identifier: MIT */
/*
 * calls WHAT: nanoseconds of one call (the least of several laps), printed as a number.
 *
 *	wait		waitpid of a child that has ended well
 *	fork		fork in the parent, until it returns
 *	kill		kill(pid, SIGCONT) of a child; null: kill(pid, 0)
 *	sigaction	a handler installed, 10,000 times a lap
 *	mmap		mmap and munmap of 64 KiB
 *	write		a line to fd 2, which is /dev/null
 *	exec N		fork, exec of this program (which ends at once), waitpid: N times
 *	thread		pthread_create and join
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAPS	25
#define CHILDREN 40

static pid_t children[CHILDREN], sleeper;
static char *self;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		siginfo_t info;

		children[i] = fork();
		if (!children[i])
			_exit(0);
		while (waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOWAIT))
			;
	}
}

static void wait_for(unsigned i)
{
	int status;

	waitpid(children[i], &status, 0);
}

static void make_one(unsigned i)
{
	children[i] = fork();
	if (!children[i])
		pause();
}

static void end_all(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

static void make_sleeper(void)
{
	if (!sleeper && !(sleeper = fork()))
		for (;;)
			pause();
}

static void send(unsigned i)
{
	(void)i;
	kill(sleeper, SIGCONT);
}

static void ask(unsigned i)
{
	(void)i;
	kill(sleeper, 0);
}

static void handler(int sig)
{
	(void)sig;
}

static void install(unsigned i)
{
	struct sigaction action = { .sa_handler = i & 1 ? handler : SIG_DFL };

	sigaction(SIGUSR1, &action, NULL);
}

static void map(unsigned i)
{
	(void)i;
	munmap(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536);
}

static void say(unsigned i)
{
	static const char line[] = "something that a program says on its standard error\n";

	(void)i;
	if (write(2, line, sizeof(line) - 1) < 0)
		abort();
}

static void quiet(void)
{
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, 2);
	close(fd);
}

static void execute(unsigned i)
{
	pid_t pid = fork();
	int status;

	(void)i;
	if (!pid) {
		execl(self, self, "nothing", (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
}

static void *nothing(void *unused)
{
	return unused;
}

static void thread(unsigned i)
{
	pthread_t t;

	(void)i;
	pthread_create(&t, NULL, nothing, NULL);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*before)(void), (*run)(unsigned), (*after)(void);
		unsigned count;
	} all[] = {
		{ "wait", make_children, wait_for, NULL, CHILDREN }, { "fork", NULL, make_one, end_all, CHILDREN },
		{ "kill", make_sleeper, send, NULL, 400 }, { "null", make_sleeper, ask, NULL, 4000 },
		{ "sigaction", NULL, install, NULL, 10000 }, { "mmap", NULL, map, NULL, 1000 },
		{ "write", quiet, say, NULL, 4000 }, { "exec", NULL, execute, NULL, 10 }, { "thread", NULL, thread, NULL, 50 },
	};
	double best = 1e18;

	if (argc < 2 || strcmp(argv[1], "nothing") == 0)
		return 0;
	self = argv[0];
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(argv[1], all[i].name) != 0)
			continue;
		for (int lap = 0; lap < LAPS; lap++) {
			uint64_t t;

			if (all[i].before)
				all[i].before();
			t = now();
			for (unsigned k = 0; k < all[i].count; k++)
				all[i].run(k);
			t = now() - t;
			if (all[i].after)
				all[i].after();
			if ((double)t / all[i].count < best)
				best = (double)t / all[i].count;
		}
	}
	if (sleeper)
		kill(sleeper, SIGKILL);
	printf("%.2f\n", best);
	return 0;
}
