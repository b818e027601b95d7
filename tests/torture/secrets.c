/* SPDX-License-Identifier: MIT */
/* build: -Wno-unused-result */
/*
 * A program full of secrets: each is made here, letter by letter, so that it stands in no file and no argument.
 * `secrets WAY` prints one, has one on its stack and one in its environment (SECRET_TOKEN), and dies:
 * null, assert (its text is a secret), abort, wait (another process ends it). `secrets show` prints them, for whoever looks for them.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void __assert_fail(const char *, const char *, unsigned, const char *) __attribute__((noreturn));

static void make(char *to, unsigned salt)
{
	for (unsigned i = 0; i < 32; i++) {
		salt = salt * 1103515245 + 12345;
		to[i] = (char)('a' + (salt >> 16) % 26);
	}
	to[32] = '\0';
}

int main(int argc, char **argv)
{
	volatile char on_stack[40];
	char printed[40], asserted[40], line[64];

	make((char *)on_stack, 1);
	make(printed, 2);
	make(asserted, 3);
	if (argc < 2 || strcmp(argv[1], "show") == 0) {
		printf("stack %s\nprinted %s\nasserted %s\n", (char *)on_stack, printed, asserted);
		return 0;
	}
	snprintf(line, sizeof(line), "%s\n", printed);
	write(2, line, strlen(line));
	fputs(line, stderr);
	fprintf(stderr, "%s\n", printed);
	memset(line, 0, sizeof(line));
	if (strcmp(argv[1], "assert") == 0)
		__assert_fail(asserted, "secrets.c", 1, "main");
	if (strcmp(argv[1], "abort") == 0)
		abort();
	if (strcmp(argv[1], "wait") == 0) {
		int parent = getpid();

		if (fork() == 0) {
			usleep(50000);
			kill(parent, SIGTERM);
			_exit(0);
		}
		syscall(SYS_ppoll, on_stack, 0, &(struct timespec){ 20, 0 }, 0, 0);
	}
	*(volatile int *)16 = 1;
	return on_stack[0];
}
