/* SPDX-License-Identifier: MIT */
/* One thread, no child, no timer, no blocked or pending signal, no changed limit or umask. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <errno.h>
#include <unistd.h>

static void limits(void)
{
	for (int r = 0; r < RLIM_NLIMITS; r++) {
		struct rlimit l;

		if (getrlimit(r, &l) == 0)
			printf("limit %d %lu %lu\n", r, (unsigned long)l.rlim_cur, (unsigned long)l.rlim_max);
	}
}

int main(void)
{
	DIR *d = opendir("/proc/self/task");
	int tasks = 0;
	struct itimerval t;
	char line[256];
	FILE *f;

	while (readdir(d))
		tasks++;
	closedir(d);
	printf("tasks %d\n", tasks - 2);
	printf("child %d errno %d\n", (int)waitpid(-1, NULL, WNOHANG), errno);
	for (int which = 0; which < 3; which++)
		printf("timer %d\n", getitimer(which, &t) ? -1 : (int)(t.it_value.tv_sec + t.it_value.tv_usec));
	f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigPnd", 6) || !strncmp(line, "SigIgn", 6) || !strncmp(line, "Umask", 5) ||
		    !strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "Seccomp:", 8) || !strncmp(line, "Threads", 7))
			fputs(line, stdout);
	fclose(f);
	printf("umask %o\n", umask(022));
	limits();
	return 0;
}
