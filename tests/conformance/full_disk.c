/* SPDX-License-Identifier: MIT */
/* Traces on a file system that is full, or becomes so: no error of the program's own, no SIGBUS. */
/* needs: root x86_64 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void work(void)
{
	static char *block[2000];

	for (int i = 0; i < 2000; i++)
		memset(block[i] = malloc((size_t)i * 100 + (1 << 20)), 1, 100);
	for (int i = 0; i < 2000; i++)
		free(block[i]);
	for (int i = 0; i < 500; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	printf("worked\n");
}

int main(int argc, char **argv)
{
	static const char *const sizes[] = { "size=64k", "size=512k", "size=1100k", "size=1500k", "size=8m" };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		int fd = open("full/filler", O_WRONLY | O_CREAT, 0600);
		static char zeros[4096];

		while (fd >= 0 && argv[1][0] == 'f' && write(fd, zeros, sizeof(zeros)) > 0)
			;
		work();
		return 0;
	}
	mkdir("full", 0700);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("no mounts here\n");
		return 0;
	}
	setenv("KSHIM_DIR", "full", 1);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int fill = 0; fill < 2; fill++) {
			int status = 0;
			pid_t child;

			if (mount("none", "full", "tmpfs", 0, sizes[i]))
				return 1;
			child = fork();
			if (child == 0)
				execl("/proc/self/exe", argv[0], fill ? "fill" : "go", (char *)NULL);
			waitpid(child, &status, 0);
			printf("%s %d: %x\n", sizes[i], fill, status);
			umount2("full", MNT_DETACH);
		}
	}
	return 0;
}
