/*
 * Children load and fail for themselves: forked in the middle of things, also while another
 * thread walks the list of loaded objects, whose lock a child finds taken.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "dl.h"

static volatile int stop;

static int slow(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)info;
	(void)size;
	(void)data;
	usleep(200);
	return stop;
}

static void *walker(void *arg)
{
	(void)arg;
	while (!stop)
		dl_iterate_phdr(slow, NULL);
	return NULL;
}

static int child(int i)
{
	void *m = dlopen("libm.so.6", RTLD_NOW);	/* is loaded: takes no lock that is not reset */
	int good = m && dlsym(m, "cos") && !dlsym(m, "no_such");

	good &= strstr(say(dlerror()), "no_such") != NULL;
	good &= dlopen(NULL, RTLD_NOW) != NULL && dlclose(m) == 0;
	if (i % 2)
		good &= dlopen("libgone_in_child.so", RTLD_NOW) == NULL && dlerror() != NULL;
	return good ? 0 : 1;
}

int main(void)
{
	pthread_t thread;
	int good = 0, status;

	dlopen("libm.so.6", RTLD_NOW);
	pthread_create(&thread, NULL, walker, NULL);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(10);
			_exit(child(i));
		}
		waitpid(pid, &status, 0);
		good += status == 0;
	}
	stop = 1;
	pthread_join(thread, NULL);
	printf("good: %d\n", good);
	return 0;
}
