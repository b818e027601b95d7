/* SPDX-License-Identifier: MIT */
/* build: -fno-omit-frame-pointer -O1 -Wno-alloc-size-larger-than */
/* needs: x86_64 */
/* native: yes */
/*
 * A coroutine whose caller's stack, right above its own, is unmapped while it runs: its outermost frame still
 * points there. It allocates, and fails to; who walks the stack then must not follow into what has gone.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HALF (256 << 10)

static char *low;
static volatile size_t huge = SIZE_MAX / 4;

/* Calls f on that stack, with the frame pointer as it is; nothing describes this code. */
void on_stack(void (*f)(void), char *top);
__asm__(".text\n"
	"on_stack:\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	movq %rsi, %rsp\n"
	"	call *%rdi\n"
	"	movq %rbp, %rsp\n"
	"	popq %rbp\n"
	"	ret\n");

static __attribute__((noinline)) void fail(const char *when)
{
	printf("%s: %d\n", when, malloc(huge) != NULL);
	fflush(stdout);
}

static void below(void)
{
	fail("its caller is there");
	munmap(low + HALF, 4096);
	fail("its caller's stack is gone");
	for (int i = 0; i < 20; i++)
		fail("again");
	_exit(0);
}

static void above(void)
{
	on_stack(below, low + HALF);
}

int main(void)
{
	low = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	on_stack(above, low + HALF + 4096);
	return 0;
}
