/* native: yes */
/* SPDX-License-Identifier: MIT */
/* The order of exit handlers, on_exit functions with their status, destructors and flushing; handlers that exit again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int again;

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(99);
}

static void told(int status, void *name)
{
	char line[64];

	snprintf(line, sizeof(line), " on_exit(%s)=%d", (const char *)name, status);
	say(line);
	if (again)
		exit(again);
}

static void handler(void) { say(" atexit"); }
__attribute__((constructor)) static void begin(void) { on_exit(told, "constructor"); }
__attribute__((destructor)) static void end(void) { say(" destructor"); }

static void leave(int how)
{
	switch (how) {
	case 0: return;
	case 1: exit(5);
	case 2: exit(-1);
	case 3: exit(0x1234);
	case 4: again = 6; exit(5);
	case 5: for (int i = 0; i < 40; i++) atexit(handler); exit(7);
	case 6: printf(" buffered"); exit(8);
	case 7: printf(" lost"); _exit(9);
	case 8: if (fork() == 0) exit(10); wait(NULL); exit(11);
	}
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1) {
		on_exit(told, "main");
		atexit(handler);
		leave(atoi(argv[1]));
		return 12;
	}
	for (int how = 0; how < 9; how++) {
		char number[8];
		pid_t child;

		printf("%d:", how);
		fflush(stdout);
		snprintf(number, sizeof(number), "%d", how);
		child = fork();
		if (child == 0) {
			execl("/proc/self/exe", argv[0], number, (char *)NULL);
			_exit(127);
		}
		waitpid(child, &status, 0);
		printf(" -> %x\n", status);
		fflush(stdout);
	}
	_exit(0);
}
