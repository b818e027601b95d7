/* SPDX-License-Identifier: MIT */
/* Mappings: what succeeds, what fails and with which errno, also thousands of failures in a row. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void show(const char *what, void *p)
{
	printf("%s: %s errno %d\n", what, p == MAP_FAILED ? "failed" : "made", p == MAP_FAILED ? errno : 0);
	errno = 0;
}

int main(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;
	int failed = 0;

	show("anonymous", p);
	strcpy(p, "kept");
	show("64", mmap64(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	show("nothing", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	show("bad fd", mmap(NULL, page, PROT_READ, MAP_PRIVATE, 99, 0));
	show("odd offset", mmap64(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 17));
	show("too big", mmap(NULL, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	show("no flags", mmap(NULL, page, PROT_READ, 0, -1, 0));
	show("taken", mmap(p, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	q = mremap(p, 4 * page, 8 * page, MREMAP_MAYMOVE);
	show("mremap", q);
	printf("%s\n", q == MAP_FAILED ? "lost" : q);
	p = mmap(NULL, 16 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q = mremap(q, 8 * page, 8 * page, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	show("mremap fixed", q);
	printf("there %d %s\n", q == p, q == MAP_FAILED ? "lost" : q);
	show("mremap in place", mremap(q, 8 * page, 1ul << 46, 0));
	show("mremap nothing", mremap((void *)page, page, 2 * page, MREMAP_MAYMOVE));
	printf("mprotect %d\n", mprotect(q, page, PROT_READ));
	printf("mprotect odd %d errno %d\n", mprotect(q + 1, page, PROT_READ), errno);
	printf("mprotect nothing %d errno %d\n", mprotect((void *)page, page, PROT_READ), errno);
	for (int i = 0; i < 5000; i++)
		failed += mmap(NULL, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM;
	printf("%d\n", failed);
	return 0;
}
