/*
 * dlerror: once for each failure, nothing after success, a thread's own, its text valid until the
 * thread's next dl call, and still there when an exit handler asks for what nobody has asked.
 */
#include <pthread.h>

#include "dl.h"

static char *kept;

static void *other(void *arg)
{
	(void)arg;
	printf("other thread: %s\n", say(dlerror()));
	dlopen("libother_thread.so.1", RTLD_NOW);
	printf("other thread: %s\n", say(dlerror()));
	return NULL;
}

static void late(void)
{
	printf("at exit: %s\n", say(dlerror()));
	printf("at exit: %s\n", say(dlerror()));
}

static void use_memory(void)		/* what was freed gets used again */
{
	void *p[200];

	for (int i = 0; i < 200; i++)
		p[i] = memset(malloc(16 + i % 100), 'x', 16);
	for (int i = 0; i < 200; i++)
		free(p[i]);
}

static void failures(void)
{
	unsigned n = 0;

	for (int i = 0; i < 10000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "libmiss%d.so", i % 50);
		n += dlopen(name, RTLD_NOW) == NULL;
		if (i % 3 == 0)
			n += strncmp(say(dlerror()), name, strlen(name)) == 0;
	}
	printf("failures: %u\n", n);
	for (int i = 0; i < 10000; i++)
		n += dlsym(RTLD_DEFAULT, "no_such_symbol") == NULL;
	printf("failures: %u\n", n);
}

int main(void)
{
	pthread_t thread;
	void *m = dlopen("libm.so.6", RTLD_NOW);

	printf("none: %s\n", say(dlerror()));
	dlopen("/nonexistent/lib.so", RTLD_NOW);
	errno = 0;
	kept = dlerror();
	printf("errno %d\n", errno);
	use_memory();
	printf("kept: %s\n", kept);
	pthread_create(&thread, NULL, other, NULL);
	pthread_join(thread, NULL);
	printf("kept: %s\n", kept);
	printf("again: %s\n", say(dlerror()));
	dlsym(m, "no_such");
	printf("%s\n", strstr(say(dlerror()), "undefined symbol: no_such") ? "named" : "not named");
	dlsym(m, "no_such");
	dlsym(m, "cos");
	printf("after success: %s\n", say(dlerror()));
	printf("dlvsym: %d", dlvsym(m, "cos", "GLIBC_9.9") != NULL);
	printf(" %s\n", strstr(say(dlerror()), "version GLIBC_9.9") ? "named" : "not named");
	printf("dlvsym: %s\n", say(dlerror()));
	report("dlinfo", dlinfo(m, 9999, NULL));
	report("name", dlopen("libm.so.6\n", RTLD_NOW) != NULL);
	failures();
	printf("last: %d\n", strstr(say(dlerror()), "no_such_symbol") != NULL);
	report("closed", dlclose(m));
	atexit(late);
	dlopen("libnobody_asked.so.3", RTLD_NOW);
	exit(0);
}
