/* SPDX-License-Identifier: MIT */
/* A mapped file is cut off by somebody, and then read behind its new end. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int read_far(const volatile char *p)
{
	return p[3 * 4096];
}

int main(void)
{
	int fd = open("weights.bin", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p;

	if (fd < 0 || ftruncate(fd, 4 * 4096))
		return 1;
	p = mmap(NULL, 4 * 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (truncate("weights.bin", 100))
		return 1;
	printf("%d\n", read_far(p));
	return 0;
}
