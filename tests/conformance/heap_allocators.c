/* SPDX-License-Identifier: MIT */
/* build: -pthread -fno-builtin */
/*
 * Other allocators behind the preloads that are there and in front of them: jemalloc, tcmalloc,
 * mimalloc, glibc's own debugging one; those that are not installed are passed over. And a profiler that asks for the
 * size of each block (lib_sizes.c). The program
 * starts itself once for each, and shows that no block reaches an allocator that did not give it.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FOLDER "/usr/lib/x86_64-linux-gnu/"
#else
#define FOLDER "/usr/lib/aarch64-linux-gnu/"
#endif

static const char *const libraries[] = {
	"libsizes.so",
	FOLDER "libjemalloc.so.2", FOLDER "libtcmalloc_minimal.so.4", FOLDER "libtcmalloc.so.4", FOLDER "libtcmalloc_debug.so.4", FOLDER "libmimalloc.so.2", FOLDER "libmimalloc.so.3",
	FOLDER "libc_malloc_debug.so.0",
};

static void *work(void *arg)
{
	void *live[100] = { NULL };
	uintptr_t x = (uintptr_t)arg;

	for (int i = 0; i < 20000; i++) {
		unsigned k;

		x = x * 6364136223846793005u + 1442695040888963407u;
		k = (unsigned)(x >> 40) % 100;
		switch (x >> 60) {
		case 0: free(live[k]); live[k] = calloc(1 + (x >> 50) % 50, 40); break;
		case 1: free(live[k]); live[k] = aligned_alloc(64, 640); break;
		case 2: free(live[k]); live[k] = strdup("a text from libc"); break;
		case 3: free(live[k]); if (posix_memalign(&live[k], 256, 1000)) abort(); break;
		case 4: live[k] = realloc(live[k], 1 + (x >> 44) % 3000000); break;
		default: live[k] = realloc(live[k], 1 + (x >> 44) % 3000); break;
		}
		if (!live[k])
			abort();
		*(char *)live[k] = 'x';
	}
	for (int k = 0; k < 100; k++)
		free(live[k]);
	return NULL;
}

static int child(void)
{
	volatile size_t huge = SIZE_MAX / 2;
	pthread_t threads[2];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	work((void *)7);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	f = fopen("/proc/self/comm", "r");
	printf("libc's own block: %d\n", f && getline(&line, &size, f) > 0);
	free(line);
	if (f)
		fclose(f);
	printf("huge: %s\n", malloc(huge) ? "a block" : "none");
	return 0;
}

static void start(const char *preload, const char *what, const char *library)
{
	int status;
	pid_t pid;

	printf("%s %s\n", what, strrchr(library, '/') + 1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setenv("LD_PRELOAD", preload, 1);
		execl("/proc/self/exe", "heap_allocators", "child", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	printf("status %d\n", status);
}

int main(int argc, char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	char text[8400], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 50);

	(void)argv;
	if (argc > 1)
		return child();
	self[n > 0 ? n : 0] = '\0';
	printf("allocators that are installed:\n");
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		const char *library = libraries[i];

		if (library[0] != '/') {
			strcpy(strrchr(self, '/') + 1, library);
			library = self;
		}
		if (access(library, R_OK))
			continue;
		snprintf(text, sizeof(text), "%s %s", preload ? preload : "", library);
		start(text, "behind:", library);
		snprintf(text, sizeof(text), "%s %s", library, preload ? preload : "");
		start(text, "in front:", library);
	}
	return 0;
}
