/* SPDX-License-Identifier: MIT */
/*
 * Every name that the driver exports (names.def), each with an address of its own; those that are
 * written nowhere else give 801 (weak, so that the others take their place). Nothing else may be
 * defined here under such a name: the assembler would see it twice.
 */
#include "fakecuda.h"

/* Numba of 2022 tries NAME_v2 of every name and calls what it finds: cuCtxGetDevice_v2 of 13.0 takes another argument. */
#ifndef FAKE_NEWEST
#define FAKE_NEWEST	12090
#endif

#if defined(__x86_64__)
#define JUMP(n)	"movl $" #n ", %eax\n jmp fake_unwritten\n"
__asm__(".pushsection .text\nfake_unwritten: movl %eax, %edi\n jmp fake_not_written\n.popsection\n");
#else
#define JUMP(n)	"mov w0, #" #n "\n b fake_not_written\n"
#endif
#define WEAK_(symbol, version, most, n)                                                            \
	__asm__(".pushsection .text\n.if " #version " <= " #most "\n.weak " #symbol "\n.type " #symbol ", %function\n" \
		#symbol ": " JUMP(n) ".endif\n.popsection\n");
#define WEAK(symbol, version, most, n) WEAK_(symbol, version, most, n)
enum { FIRST = __COUNTER__ + 1 };
/* The assembler counts on: __COUNTER__ is FIRST for the first row. */
#define N(base, version, stream, symbol) WEAK(symbol, version, FAKE_NEWEST, __COUNTER__)
#include "names.def"
#undef N

#define N(base, version, stream, symbol) \
	extern const char fake_##symbol[] __asm__(#symbol) __attribute__((weak, visibility("default")));
#include "names.def"
#undef N

const struct fake_row fake_rows[] = {
#define N(base, version, stream, symbol) { #base, version, stream, fake_##symbol, #symbol },
#define SAME(...) N(__VA_ARGS__)
#include "names.def"
#undef N
};
#define ROWS	(sizeof(fake_rows) / sizeof(*fake_rows))
const unsigned fake_nrows = ROWS;

/* In the code of a name that is written nowhere else: its number in names.def. */
__attribute__((used)) HIDDEN int fake_not_written(unsigned n)
{
	char text[8];

	if (fake_word("say", text, sizeof(text)))
		fprintf(stderr, "fakecuda: %s is not written\n", n - FIRST < ROWS ? fake_rows[n - FIRST].symbol : "?");
	return fake_script.silent ? 0 : 801;
}
