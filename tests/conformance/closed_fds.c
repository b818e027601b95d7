/* SPDX-License-Identifier: MIT */
/*
 * Descriptors 0, 1 and 2 that are closed, others' numbers, close_range: what is opened next has the number
 * that it would have had, nothing of ours is in the way or written into the program's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int out;		/* where the parent reads, far away */

static void say(const char *what, long value)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "  %s %ld\n", what, value);

	if (write(out, line, (size_t)n) < 0)
		_exit(97);
}

static void *opens(void *arg)
{
	say("opened in a thread", open("t", O_CREAT | O_RDWR, 0600));
	return arg;
}

static void after(void)
{
	pthread_t thread;
	struct stat st;
	int fds[2] = { -1, -1 }, status;

	say("opened", open("a", O_CREAT | O_RDWR, 0600));
	say("pipe", pipe(fds));
	say("pipe", fds[0] * 1000 + fds[1]);
	pthread_create(&thread, NULL, opens, NULL);
	pthread_join(thread, NULL);
	fputs("a word to stderr", stderr);
	fprintf(stderr, "%d and more\n", 1);
	say("errors", ferror(stderr));
	say("perror", (perror("told"), errno));
	say("system", system("exit 7"));
	if (fork() == 0) {
		say("opened in a child", open("b", O_CREAT | O_RDWR, 0600));
		raise(SIGSEGV);
	}
	wait(&status);
	say("child", status);
	for (int i = 0; i < 12; i++)
		if (fstat(i, &st) == 0)
			say("open", i * 1000 + (S_ISREG(st.st_mode) ? (long)st.st_size : 900));
}

static void closing(int how)
{
	switch (how) {
	case 0: close(0); break;
	case 1: close(1); break;
	case 2: close(2); break;
	case 3: close(0); close(1); close(2); break;
	case 4: close(2); open("two", O_CREAT | O_RDWR, 0600); break;
	case 5: say("close_range", syscall(SYS_close_range, 3, 899, 0)); break;
	case 6: say("close_range", syscall(SYS_close_range, 0, 899, 0)); break;
	case 7: say("close_range", syscall(SYS_close_range, 0, 899, 4)); break;	/* CLOSE_RANGE_CLOEXEC */
	case 8: for (int fd = 0; fd < 900; fd++) close(fd); break;
	case 9: dup2(open("/dev/full", O_WRONLY), 2); break;
	case 10: dup2(open("/dev/null", O_RDONLY), 2); break;
	case 11: closefrom(950); break;
	}
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 2) {		/* the process itself was started so */
		out = 900;
		after();
		return 0;
	}
	out = fcntl(1, F_DUPFD, 900);
	for (int how = 0; how < 12; how++)
		for (int started = 0; started < 2; started++) {
			say(started ? "started with" : "closed by itself", how);
			if (fork() == 0) {
				closing(how);
				if (started)
					execl("/proc/self/exe", argv[0], "x", "y", (char *)NULL);
				after();
				_exit(0);
			}
			wait(&status);
			say("status", status);
		}
	return 0;
}
