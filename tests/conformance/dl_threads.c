/*
 * Several threads load, look up, fail and close at once; each sees its own errors only.
 */
#include <pthread.h>

#include "dl.h"

static void *work(void *arg)
{
	static const char *const names[] = { "libdlfar.so", "libdlflags.so", "libdlinner_none.so", "libm.so.6" };
	long me = (long)arg, good = 0;

	for (int i = 0; i < 300; i++) {
		const char *name = names[(me + i) % 4];
		void *h = dlopen(name, RTLD_NOW);
		char wrong[64];

		if (!h) {
			good += strstr(say(dlerror()), "libdlinner_none.so: cannot open") != NULL;
			continue;
		}
		snprintf(wrong, sizeof(wrong), "missing_of_%ld", me);
		good += dlsym(h, wrong) == NULL && strstr(say(dlerror()), wrong) != NULL;
		good += dlerror() == NULL;
		good += dlclose(h) == 0;
	}
	return (void *)good;
}

int main(void)
{
	pthread_t t[4];
	void *good;

	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &good);
		printf("thread: %ld\n", (long)good);
	}
	return 0;
}
