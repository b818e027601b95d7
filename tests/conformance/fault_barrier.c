/* SPDX-License-Identifier: MIT */
/* status: 139 */
/*
 * Programs that live on faults: write barriers by mprotect in several threads, null checks that go on
 * behind the instruction (as JVMs do), a guard page that grows a stack, memory filled on demand by
 * userfaultfd, SIGBUS behind a file's end that is mended, safepoints on a polling page, a handler
 * that asks the one before it. And the real fault after all that is still a death.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGES 256

static char *area, *poll_page, *file_page;
static size_t page;
static int fd;
static volatile int barriers, nulls, polls, buses, chained;
static struct sigaction before;

static void skip(ucontext_t *uc, siginfo_t *info)
{
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RIP] = uc->uc_mcontext.gregs[REG_RCX];
	uc->uc_mcontext.gregs[REG_RAX] = (greg_t)info->si_addr;
#elif defined(__aarch64__)
	uc->uc_mcontext.pc = uc->uc_mcontext.regs[1];
	uc->uc_mcontext.regs[0] = (unsigned long)info->si_addr;
#endif
}

/* Reads an int; where that faults, the handler makes it return the address that faulted. */
static long read_or_null(const void *p)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n\tmovslq (%1), %%rax\n1:" : "=&a"(result) : "r"(p) : "rcx", "memory");
	return result;
#else
	register long result __asm__("x0");

	__asm__ volatile("adr x1, 1f\n\tldrsw x0, [%1]\n1:" : "=&r"(result) : "r"(p) : "x1", "memory");
	return result;
#endif
}

static void handler(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	if (sig == SIGBUS) {
		__atomic_fetch_add(&buses, 1, __ATOMIC_SEQ_CST);
		if (ftruncate(fd, (off_t)page * 2))
			_exit(99);
	} else if (at >= area && at < area + PAGES * page) {
		__atomic_fetch_add(&barriers, 1, __ATOMIC_SEQ_CST);
		mprotect(area + (size_t)(at - area) / page * page, page, PROT_READ | PROT_WRITE);
	} else if (at == poll_page) {
		__atomic_fetch_add(&polls, 1, __ATOMIC_SEQ_CST);
		mprotect(poll_page, page, PROT_READ);
	} else if (at < (char *)4096) {
		__atomic_fetch_add(&nulls, 1, __ATOMIC_SEQ_CST);
		skip(context, info);
	} else {
		chained++;
		sigaction(SIGSEGV, &before, NULL);
	}
}

static void *mutator(void *arg)
{
	for (int i = 0; i < PAGES; i++) {
		area[(size_t)i * page + (size_t)arg] = 1;
		if (i % 16 == 0)
			free(malloc((size_t)i * 3000 + 1));
	}
	return NULL;
}

static void collections(void)
{
	pthread_t threads[4];
	int sum = 0;

	for (int round = 0; round < 5; round++) {
		mprotect(area, PAGES * page, PROT_READ);
		for (size_t i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, mutator, (void *)i);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
	for (int i = 0; i < PAGES; i++)
		sum += area[(size_t)i * page + 3];
	printf("barriers: all %d, enough %d\n", sum, barriers >= 5 * PAGES);
}

static int ufd;

static void *filler(void *arg)
{
	struct uffd_msg msg;
	char *source = malloc(page);

	while (read(ufd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = { .dst = msg.arg.pagefault.address & ~(page - 1), .src = (uintptr_t)source, .len = page };

		memset(source, (int)(copy.dst / page % 100), page);
		ioctl(ufd, UFFDIO_COPY, &copy);
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			break;
	}
	return arg;
}

static void on_demand(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *p = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = { .range = { (uintptr_t)p, 16 * page }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t thread;
	int good = 0;

	ufd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (ufd < 0 || ioctl(ufd, UFFDIO_API, &api) || ioctl(ufd, UFFDIO_REGISTER, &reg)) {
		printf("no userfaultfd\n");
		return;
	}
	pthread_create(&thread, NULL, filler, NULL);
	pthread_detach(thread);
	for (size_t i = 0; i < 16; i++)
		good += p[i * page + 5] == (char)(((uintptr_t)p + i * page) / page % 100);
	printf("on demand: %d\n", good);
}

int main(void)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART };
	long sum = 0;
	int status;

	page = (size_t)sysconf(_SC_PAGESIZE);
	area = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	poll_page = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = open("short", O_CREAT | O_RDWR, 0600);
	if (ftruncate(fd, 100))
		return 1;
	file_page = mmap(NULL, page * 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sigaction(SIGSEGV, &a, &before);
	sigaction(SIGBUS, &a, NULL);
	printf("before: %d\n", before.sa_handler == SIG_DFL);
	collections();
	for (int i = 0; i < 10000; i++)
		sum += read_or_null((void *)(uintptr_t)(i % 512 * 8));
	printf("nulls: %d sum %ld\n", nulls, sum);
	for (int i = 0; i < 50; i++) {
		mprotect(poll_page, page, PROT_NONE);
		sum += *(volatile char *)poll_page;
	}
	printf("safepoints: %d\n", polls);
	file_page[page + 5] = 7;
	printf("behind the end: %d %d\n", buses, file_page[page + 5]);
	on_demand();
	fflush(stdout);
	if (fork() == 0) {
		read_or_null(NULL);
		collections();
		fflush(stdout);
		*(volatile char *)(uintptr_t)0x10000 = 1;
	}
	wait(&status);
	printf("child %x\n", status);
	fflush(stdout);
	*(volatile char *)(uintptr_t)0x10000 = 1;
	return 0;
}
