/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin */
/* native: yes */
/*
 * Objects between us and libc that have a function which we stand in front of: found by any kind of table, by
 * a function that chooses, under one version only. What the program calls has to arrive there.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(void)
{
	int (*calls)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "next_calls");
	int before = calls ? calls() : 0;

	for (int i = 0; i < 10; i++)
		free(malloc(100));
	printf("alarm %u, counted %d\n", alarm(5), calls ? calls() - before : -1);
	printf("pause %u\n", alarm(0) >= 1000);
	fflush(stdout);
	if (fork() == 0)
		_exit(3);
	wait(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const libraries[] = { "libnext_plain.so", "libnext_sysv.so", "libnext_ifunc.so", "libnext_version.so" };
	const char *preload = getenv("LD_PRELOAD");
	char self[4096], text[8192];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 50);

	if (argc > 1)
		return child();
	(void)argv;
	self[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		int status;

		strcpy(strrchr(self, '/') + 1, libraries[i]);
		if (access(self, R_OK))
			continue;
		snprintf(text, sizeof(text), "%s %s", preload ? preload : "", self);
		printf("%s\n", libraries[i]);
		fflush(stdout);
		if (fork() == 0) {
			setenv("LD_PRELOAD", text, 1);
			execl("/proc/self/exe", "next_objects", "child", (char *)NULL);
			_exit(127);
		}
		wait(&status);
		printf("status %x\n", status);
	}
	return 0;
}
