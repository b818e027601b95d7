/* SPDX-License-Identifier: MIT */
/*
 * The pointer that a crashing instruction followed: the register that its operand names. The address
 * that the kernel tells is the sum of pointer and distance, and 0 for what can be no address at all
 * (x86: a general protection fault has none).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/proof.h"

/* In the order of struct ks_crash: as the ABI numbers them for DWARF. */
static const char *const x86_names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
					 "r8",	"r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static int number_of(const struct model *m, const char *name, size_t n)
{
	if (m->arch == KS_ARCH_AARCH64)
		return n >= 2 && n <= 3 && name[0] == 'x' && isdigit((unsigned char)name[1]) ? atoi(name + 1) : -1;
	for (size_t i = 0; i < sizeof(x86_names) / sizeof(x86_names[0]); i++) {
		if (strlen(x86_names[i]) == n && strncmp(x86_names[i], name, n) == 0)
			return (int)i;
	}
	return -1;
}

bool crash_pointer(const struct model *m, uint64_t *value)
{
	const char *open = m->crash.present && m->crash.instruction ? strchr(m->crash.instruction, '[') : NULL;
	const char *name = open ? open + 1 : "", *end = name + strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
	const char *rest = end;
	int number = open ? number_of(m, name, (size_t)(end - name)) : -1;

	/* One register and a distance; an index makes it a sum of two unknowns. */
	rest += strspn(rest, " ,+-#");
	if (number < 0 || (unsigned)number >= m->crash.raw->nregs || strchr(rest, '*') ||
	    (*rest != ']' && !isdigit((unsigned char)*rest)))
		return false;
	*value = m->crash.raw->regs[number];
	return true;
}

const char *pointer_as_text(struct arena *arena, uint64_t value)
{
	char text[9] = "";

	memcpy(text, &value, 8);
	for (int i = 0; i < 8; i++) {
		if (!isprint((unsigned char)text[i]))
			return NULL;
	}
	return arena_text(arena, text, 8);
}
