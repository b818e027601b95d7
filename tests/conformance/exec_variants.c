/* SPDX-License-Identifier: MIT */
/* The exec family hands on the same arguments and environment, and fails with the same errno. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char self[4096];
static char *own[80];		/* a small environment, with what the loader was given */

static void make_environment(void)
{
	int n = 0;

	own[n++] = "MARK=own";
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "KSHIM", 5) == 0 || strncmp(*e, "LD_", 3) == 0 || strncmp(*e, "XDG_", 4) == 0)
			own[n++] = *e;
}

static void run(int how)
{
	char *args[] = { "name", "tell", "a b", "", "c", NULL };
	char *none[] = { NULL };
	int fd;

	switch (how) {
	case 0: execve(self, args, own); break;
	case 1: execv(self, args); break;
	case 2: execvp(self, args); break;
	case 3: execvpe(self, args, own); break;
	case 4: fexecve(open(self, O_RDONLY), args, own); break;
	case 5: execl(self, "name", "tell", "x", (char *)NULL); break;
	case 6: execl(self, "name", "tell", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", (char *)NULL); break;
	case 7: execlp(self, "name", "tell", "y", (char *)NULL); break;
	case 8: execle(self, "name", "tell", "z", (char *)NULL, own); break;
	case 9: execlp("sh", "sh", "-c", "echo $0 $1", "one", (char *)NULL); break;
	case 10: execvp("sh", (char *[]){ "sh", "-c", "echo by path", NULL }); break;
	case 11: execve("/nonexistent", args, own); break;
	case 12: execvp("no-such-program-anywhere", args); break;
	case 13: execve("/", args, own); break;
	case 14: execve("/etc/passwd", args, own); break;
	case 15: execve((char *)8, args, own); break;
	case 16: execve(self, (char **)8, own); break;
	case 17: execve("", args, own); break;
	case 18: fexecve(-1, args, own); break;
	case 19: fd = open(".", O_RDONLY | O_DIRECTORY); execveat(fd, "nothing", args, own, 0); break;
	case 20: execle("/nonexistent", "name", (char *)NULL, none); break;
	case 21: signal(SIGTERM, SIG_IGN); signal(SIGUSR2, SIG_DFL); execl(self, "name", "signals", (char *)NULL); break;
	case 22: chdir("/"); execl(self, "name", "tell", "w", (char *)NULL); break;
	}
	printf("errno %d\n", errno);
	fflush(stdout);
	_exit(44);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "tell") == 0) {
		printf("%d", argc);
		for (int i = 0; i < argc; i++)
			printf(" [%s]", argv[i]);
		printf(" MARK=%s\n", getenv("MARK") ? getenv("MARK") : "none");
		return 33;
	}
	if (argc > 1 && strcmp(argv[1], "signals") == 0) {
		struct sigaction term, usr;

		sigaction(SIGTERM, NULL, &term);
		sigaction(SIGUSR2, NULL, &usr);
		printf("ignored %d default %d\n", term.sa_handler == SIG_IGN, usr.sa_handler == SIG_DFL);
		return 34;
	}
	if (argc > 1) {		/* not in a forked child: the recorded process itself */
		setenv("MARK", "process", 1);
		if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
			return 1;
		make_environment();
		run(atoi(argv[1]));
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	setenv("MARK", "inherited", 1);
	make_environment();
	for (int how = 0; how <= 22; how++) {
		for (int itself = 0; itself < 2; itself++) {
			char number[8];
			int status;
			pid_t child;

			printf("%d: ", how);
			fflush(stdout);
			snprintf(number, sizeof(number), "%d", how);
			child = fork();
			if (child == 0) {
				if (itself)
					execl(self, argv[0], number, (char *)NULL);
				run(how);
			}
			waitpid(child, &status, 0);
			printf("status %x\n", status);
		}
	}
	return 0;
}
