/* SPDX-License-Identifier: MIT */
/* No descriptor stays open: the first open() returns what it would have; /proc/self/fd is as before. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	int fd = open("/dev/null", O_RDONLY), two = dup(fd);
	DIR *d;

	printf("open %d dup %d\n", fd, two);
	close(fd);
	close(two);
	d = opendir("/proc/self/fd");
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			printf("fd %s\n", e->d_name);
	closedir(d);
	return 0;
}
