/* SPDX-License-Identifier: MIT */
/* The table of system calls, asked three ways. */
#include "analyzer/syscalls.h"

#include "shim/format.h"

enum { RESTARTS, TELLS };

static const struct {
	const char *name;
	uint16_t x86_64, aarch64;
	uint8_t stop;
} calls[] = {
	[CALL_UNKNOWN] = {"a system call", 0xffff, 0xffff, TELLS},
#define SYSCALL(name, x86_64, aarch64, stop) [CALL_##name] = {#name, x86_64, aarch64, stop},
#include "analyzer/syscalls.def"
#undef SYSCALL
};

enum call call_of(unsigned arch, uint64_t number)
{
	for (unsigned i = 1; number < 0xffff && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (number == (arch == KS_ARCH_AARCH64 ? calls[i].aarch64 : calls[i].x86_64))
			return (enum call)i;
	return CALL_UNKNOWN;
}

const char *call_name(enum call call)
{
	return calls[call].name;
}

bool call_tells(enum call call)
{
	return calls[call].stop == TELLS;
}
