/* SPDX-License-Identifier: MIT */
/* The recorder has no place for a trace, or loses it: the program runs on, and says nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void work(const char *what)
{
	void *big[30];
	FILE *f;

	for (int i = 0; i < 30; i++)
		memset(big[i] = malloc(2 << 20), 1, 2 << 20);
	for (int i = 0; i < 30; i++)
		free(big[i]);
	f = fopen("/nonexistent/file", "r");
	printf("%s: fopen %d errno %d\n", what, f != NULL, errno);
	fprintf(stderr, "%s: words\n", what);
}

static void place(int how)
{
	char fifo[] = "fifo", dir[4096];

	switch (how) {
	case 0: setenv("KSHIM_DIR", "/proc/nothing/here", 1); break;
	case 1: setenv("KSHIM_DIR", "/dev/null", 1); break;
	case 2: mkdir("closed", 0500); setenv("KSHIM_DIR", "closed", 1); break;
	case 3: unsetenv("KSHIM_DIR"); unsetenv("HOME"); unsetenv("XDG_STATE_HOME"); break;
	case 4: unsetenv("KSHIM_DIR"); unsetenv("XDG_STATE_HOME"); setenv("HOME", "/proc", 1); break;
	case 5: unsetenv("KSHIM_DIR"); setenv("XDG_STATE_HOME", "not/absolute", 1); setenv("HOME", getcwd(dir, sizeof(dir)), 1); break;
	case 6: mkfifo(fifo, 0600); setenv("KSHIM_DIR", fifo, 1); break;
	case 7: mkdir("open", 0777); chmod("open", 0777); setenv("KSHIM_DIR", "open", 1); break;
	case 8: memset(dir, 'x', sizeof(dir)); dir[0] = '/'; dir[sizeof(dir) - 1] = '\0'; setenv("KSHIM_DIR", dir, 1); break;
	case 9: setenv("KSHIM_SIZE", "1k", 1); break;
	case 10: setenv("KSHIM_SIZE", "nonsense", 1); setenv("KSHIM_STACK", "-1", 1); setenv("KSHIM_KEEP", "perhaps", 1); break;
	case 11: setenv("KSHIM_DIR", "/sys", 1); break;
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		work(argv[1]);
		return 3;
	}
	for (int how = 0; how < 12; how++) {
		char number[16];
		int status;
		pid_t child = fork();

		if (child == 0) {
			place(how);
			snprintf(number, sizeof(number), "%d", how);
			execl("/proc/self/exe", argv[0], number, (char *)NULL);
			_exit(9);
		}
		waitpid(child, &status, 0);
		printf("%d: status %x\n", how, status);
	}
	return 0;
}
