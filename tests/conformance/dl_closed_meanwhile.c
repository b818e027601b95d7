/* SPDX-License-Identifier: MIT */
/* build: -rdynamic */
/*
 * Another thread closes a library just when somebody has walked the list of loaded ones: this program's own
 * dl_iterate_phdr stands in front of libc's, and has that done before it returns. What was in the list then is not
 * mapped any more.
 */
#include <pthread.h>

#include "dl.h"

static void *library;
static int listed;

static void *close_it(void *handle)
{
	return (void *)(long)dlclose(handle);
}

static int is_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	return strcmp(base_name(info->dlpi_name), "libdlfar.so") == 0;
}

int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
	static int (*next)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
	void *handle = library;
	pthread_t t;
	int result;

	if (!next)
		next = (__typeof__(next))dlsym(RTLD_NEXT, "dl_iterate_phdr");
	result = next(callback, data);
	if (handle && next(is_library, NULL)) {
		library = NULL;
		pthread_create(&t, NULL, close_it, handle);
		pthread_join(t, NULL);
		listed++;
	}
	return result;
}

int main(void)
{
	dl_iterate_phdr(is_library, NULL);
	for (int i = 0; i < 20; i++) {
		library = dlopen("libdlfar.so", RTLD_NOW);
		report("opened", library != NULL);
		report("another", dlopen(i % 2 ? "libdlflags.so" : "libm.so.6", RTLD_NOW) != NULL);
		report("missing", dlsym(RTLD_DEFAULT, "no_such_at_all") != NULL);
		dl_iterate_phdr(is_library, NULL);	/* at the latest */
	}
	report("closed", listed);
	return 0;
}
