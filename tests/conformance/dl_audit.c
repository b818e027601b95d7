/*
 * Under an auditing library (LD_AUDIT), itself started with one: another namespace with a libc of its
 * own, and every binding goes by way of the auditor.
 * native: yes
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "dl.h"

static volatile sig_atomic_t handled;

static void handler(int sig) { handled = sig; }

static void *work(void *arg)
{
	free(malloc(1000));
	report("thread", dlopen("libaudited_thread.so", RTLD_NOW) != NULL);
	return arg;
}

static int child(void)
{
	pthread_t thread;
	int status;
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	h = dlopen("libdlflags.so", RTLD_NOW);
	report("opened", h != NULL);
	report("missing", dlopen("libaudited.so", RTLD_NOW) != NULL);
	report("symbol", dlsym(h, "flags_ask") != NULL);
	report("no symbol", dlsym(h, "audited_no_such") != NULL);
	report("closed", dlclose(h));
	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("handled %d\n", handled == SIGUSR1);
	if (fork() == 0)
		exit(3);
	wait(&status);
	printf("child %x\n", status);
	report("another namespace", dlmopen(LM_ID_NEWLM, "libdlflags.so", RTLD_NOW) != NULL);
	return 0;
}

int main(int argc, char **argv)
{
	char audit[4096];
	int status;
	ssize_t n;

	if (argc > 1)
		return child();
	n = readlink("/proc/self/exe", audit, sizeof(audit) - 30);
	audit[n > 0 ? n : 0] = '\0';
	strcpy(strrchr(audit, '/') + 1, "libdlaudit.so");
	if (fork() == 0) {
		setenv("LD_AUDIT", audit, 1);
		execl("/proc/self/exe", argv[0], "child", (char *)NULL);
	}
	wait(&status);
	printf("status %x\n", status);
	return 0;
}
