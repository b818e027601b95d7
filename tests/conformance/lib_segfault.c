/*
 * As glibc's libSegFault.so did: handlers for what is fatal, from a constructor, which print and die of it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void told(int sig, siginfo_t *info, void *context)
{
	static const char text[] = "*** it died, says the library\n";

	(void)info, (void)context;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(97);
	signal(sig, SIG_DFL);
	raise(sig);
}

__attribute__((constructor)) static void begin(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE };
	struct sigaction a = { .sa_sigaction = told, .sa_flags = SA_SIGINFO | SA_NODEFER };
	void *stack = malloc(65536);
	stack_t s = { .ss_sp = stack, .ss_size = 65536 };

	if (stack && sigaltstack(&s, NULL) == 0)
		a.sa_flags |= SA_ONSTACK;
	for (unsigned i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		sigaction(sigs[i], &a, NULL);
}
