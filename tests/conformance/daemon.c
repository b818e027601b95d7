/* SPDX-License-Identifier: MIT */
/* A daemon: double fork, its own session, standard descriptors closed; the numbers of new ones are as ever. Also daemon(3) and forkpty(3). */
/* build: -lutil */
#include <dirent.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int out;

static void look(const char *who)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s:", who);
	int first = open("/dev/null", O_RDONLY);
	DIR *d;

	n += snprintf(line + n, sizeof(line) - (size_t)n, " first %d fds", first);
	d = opendir("/proc/self/fd");
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.' && atoi(e->d_name) != out)
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %s", e->d_name);
	line[n++] = '\n';
	if (d)
		closedir(d);
	close(first);
	if (write(out, line, (size_t)n) < 0)
		_exit(1);
}

static void become_daemon(void)
{
	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	look("daemon");
	free(malloc(1000));
	exit(0);
}

static void libc_daemon(void)
{
	if (daemon(1, 1) == 0) {
		look("daemon(3)");
		exit(3);
	}
}

int main(void)
{
	int status, fds[2], master;
	char c;
	pid_t child;

	if (pipe(fds))
		return 1;
	out = dup2(1, 200);
	look("main");
	for (int how = 0; how < 2; how++) {
		child = fork();
		if (child == 0) {
			close(fds[0]);
			how ? libc_daemon() : become_daemon();
			_exit(9);
		}
		waitpid(child, &status, 0);
		close(fds[1]);
		while (read(fds[0], &c, 1) > 0)	/* until the last of them is gone */
			;
		dprintf(out, "first child %x\n", status);
		close(fds[0]);
		if (pipe(fds))
			return 1;
	}
	child = forkpty(&master, NULL, NULL, NULL);
	if (child == 0) {
		look("forkpty");
		exit(4);
	}
	waitpid(child, &status, 0);
	dprintf(out, "forkpty %x\n", status);
	return 0;
}
