/* SPDX-License-Identifier: MIT */
/* Under small limits, set before the recorder starts and after: the program does what it does without it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_fsize(int signal)
{
	(void)signal;
}

static void work(const char *what)
{
	struct rlimit limit, old;
	char *p;
	int fd, rc;

	errno = 0;
	fd = open("/dev/null", O_RDONLY);
	printf("%s: open %d errno %d\n", what, fd, fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
	p = malloc(3 << 20);
	printf("%s: malloc %d\n", what, p != NULL);
	if (p)
		memset(p, 1, 3 << 20);
	free(p);
	p = mmap(NULL, 1ul << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	printf("%s: mmap %d\n", what, p != MAP_FAILED);
	if (p != MAP_FAILED)
		munmap(p, 1ul << 40);
	signal(SIGXFSZ, on_fsize);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	errno = 0;
	rc = fd < 0 ? -2 : (int)write(fd, "text", 4);
	printf("%s: write %d errno %d\n", what, rc, errno);
	unlink("file");
	if (fd >= 0)
		close(fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	rc = prlimit(0, RLIMIT_NOFILE, &limit, &old);
	printf("%s: prlimit %d %d\n", what, rc, limit.rlim_cur == old.rlim_cur);
	rc = prlimit(0, RLIMIT_NOFILE, &limit, &limit);
	printf("%s: prlimit same %d\n", what, rc);
	limit.rlim_cur = 10;
	limit.rlim_max = 5;
	rc = setrlimit(RLIMIT_NOFILE, &limit);
	printf("%s: setrlimit upside down %d errno %d\n", what, rc, errno);
	rc = setrlimit(RLIMIT_NOFILE, (struct rlimit *)8);
	printf("%s: setrlimit bad pointer %d errno %d\n", what, rc, errno);
	rc = setrlimit((__rlimit_resource_t)99, &old);
	printf("%s: setrlimit unknown %d errno %d\n", what, rc, errno);
}

static const struct {
	const char *name;
	int resource;
	rlim_t value;
} limits[] = {
	{ "fsize 0", RLIMIT_FSIZE, 0 },
	{ "fsize 100 KiB", RLIMIT_FSIZE, 100 << 10 },
	{ "as 40 MiB", RLIMIT_AS, 40 << 20 },
	{ "as 16 MiB", RLIMIT_AS, 16 << 20 },
	{ "data 8 MiB", RLIMIT_DATA, 8 << 20 },
	{ "memlock 0", RLIMIT_MEMLOCK, 0 },
	{ "nofile 5", RLIMIT_NOFILE, 5 },
	{ "nproc 0", RLIMIT_NPROC, 0 },
	{ "stack 256 KiB", RLIMIT_STACK, 256 << 10 },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		work(argv[1]);
		return 0;
	}
	for (unsigned i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
		const int before = i & 1;	/* an exec follows: the recorder starts under the limit */
		int status;
		pid_t child = fork();

		if (child == 0) {
			struct rlimit l = { limits[i / 2].value, limits[i / 2].value };

			printf("set %d\n", setrlimit(limits[i / 2].resource, &l));
			if (before)
				execl("/proc/self/exe", argv[0], limits[i / 2].name, (char *)NULL);
			work(limits[i / 2].name);
			exit(0);
		}
		waitpid(child, &status, 0);
		printf("%s: status %x\n", limits[i / 2].name, status);
	}
	return 0;
}
