/* SPDX-License-Identifier: MIT */
/*
 * A text that grows, an arena for what lives as long as its owner, and the cleaning of bytes
 * that come from a trace: afterwards they are valid UTF-8, without control characters other
 * than newline and tab, and cannot turn the direction of a terminal's line.
 * Out of memory ends the program: nothing here returns NULL.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *s;		/* NUL-terminated; NULL only while nothing was ever added */
	size_t n, room;
};

void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
void text_char(struct text *t, char c);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *t, const char *format, va_list args);
const char *text_get(const struct text *t);	/* never NULL */
void text_free(struct text *t);

/* Appends bytes of a stranger, cleaned. */
void text_clean(struct text *t, const char *bytes, size_t n);
/* Appends a quoted C string: \n, \t, \", \\ and \xHH for all else that is not printable UTF-8. */
void text_quote(struct text *t, const char *bytes, size_t n);
/* Bytes of the UTF-8 character at s that may be shown as it is, 0: none (n: bytes there are). */
size_t utf8_printable(const char *s, size_t n);

struct arena {
	struct arena_block *blocks;
	void *owned;
	size_t used;
};

void *arena_alloc(struct arena *a, size_t bytes);	/* zeroed, aligned to 16 */
char *arena_text(struct arena *a, const char *s, size_t n);
char *arena_clean(struct arena *a, const char *bytes, size_t n);	/* as text_clean */
/*
 * One word of a command that somebody will paste into a shell, whatever it holds: cleaned, in one line,
 * within quotes that end where the word does, and never an option.
 */
char *arena_shell(struct arena *a, const char *word);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_own(struct arena *a, void *allocated);	/* free() it with the arena */
void arena_free(struct arena *a);

/* An array that grows: array = grow(array, n, &room, sizeof(*array)) makes place for one more. */
void *grow(void *array, size_t n, size_t *room, size_t element);
void *xalloc(size_t n, size_t element);			/* zeroed */

#endif
