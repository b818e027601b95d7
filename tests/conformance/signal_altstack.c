/* SPDX-License-Identifier: MIT */
/* Alternate stacks as the program sees them, in the main thread and others. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static char one[65536], two[65536];

static void show(const char *what, int rc, const stack_t *s)
{
	printf("%s: rc %d errno %d sp %s size %zu flags %#x\n", what, rc, rc ? errno : 0,
	       s->ss_sp == one ? "one" : s->ss_sp == two ? "two" : s->ss_sp ? "?" : "0", s->ss_size, (unsigned)s->ss_flags);
}

static void query(const char *what)
{
	stack_t s;

	memset(&s, 0x11, sizeof(s));
	int rc = sigaltstack(NULL, &s);

	show(what, rc, &s);
}

static void change(const char *what, void *sp, size_t size, int flags)
{
	stack_t want = { .ss_sp = sp, .ss_size = size, .ss_flags = flags }, old;

	memset(&old, 0, sizeof(old));
	int rc = sigaltstack(&want, &old);

	show(what, rc, &old);
}

static void handler(int sig)
{
	char here;

	(void)sig;
	query(&here >= one && &here < one + sizeof(one) ? "in handler on one" :
	      &here >= two && &here < two + sizeof(two) ? "in handler on two" : "in handler");
	change("change in handler", two, sizeof(two), 0);
	change("back in handler", NULL, 0, SS_DISABLE);
}

static void round_of(void)
{
	query("start");
	raise(SIGUSR1);
	change("one", one, sizeof(one), 0);
	query("one");
	raise(SIGUSR1);
	change("one", one, sizeof(one), 0);
	change("small", two, 100, 0);
	change("bad", two, sizeof(two), 17);
	query("after bad");
	change("two", two, sizeof(two), 0);
	change("off", NULL, 0, SS_DISABLE);
	query("off");
	change("off again", NULL, 0, SS_DISABLE);
	change("autodisarm", one, sizeof(one), (int)(1u << 31));
	query("autodisarm");
	raise(SIGUSR1);
	change("off", NULL, 0, SS_DISABLE);
}

static void *thread(void *p)
{
	round_of();
	return p;
}

int main(void)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	pthread_t t;

	sigaction(SIGUSR1, &a, NULL);
	printf("null %d\n", sigaltstack(NULL, NULL));
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	round_of();
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	return 0;
}
