/* SPDX-License-Identifier: MIT */
/* Growing texts, arenas and the cleaning of strange bytes; see text.h. */
#include "analyzer/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/error.h"

void *xalloc(size_t n, size_t element)
{
	void *p = calloc(n ? n : 1, element);

	if (!p)
		die(EXIT_NO_TRACE, "out of memory");
	return p;
}

void *grow(void *array, size_t n, size_t *room, size_t element)
{
	size_t more;

	if (n < *room)
		return array;
	more = *room ? *room * 2 : 16;
	if (more > SIZE_MAX / element)
		die(EXIT_NO_TRACE, "out of memory");
	array = realloc(array, more * element);
	if (!array)
		die(EXIT_NO_TRACE, "out of memory");
	memset((char *)array + *room * element, 0, (more - *room) * element);
	*room = more;
	return array;
}

static void make_room(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 64;

	if (t->n + more < t->room)
		return;
	while (room <= t->n + more)
		room *= 2;
	t->s = realloc(t->s, room);
	if (!t->s)
		die(EXIT_NO_TRACE, "out of memory");
	t->room = room;
}

void text_add_n(struct text *t, const char *s, size_t n)
{
	make_room(t, n);
	if (n)
		memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	text_add_n(t, &c, 1);
}

void text_vprintf(struct text *t, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n >= 0) {
		make_room(t, (size_t)n);
		vsnprintf(t->s + t->n, (size_t)n + 1, format, again);
		t->n += (size_t)n;
	}
	va_end(again);
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vprintf(t, format, args);
	va_end(args);
}

const char *text_get(const struct text *t)
{
	return t->s ? t->s : "";
}

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

/* --- strange bytes --- */

/* Decodes one character; its length, 0 where the bytes are not UTF-8 (RFC 3629). */
static size_t utf8_decode(const unsigned char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 :
			s[0] < 0xc2 ? 0 :
			s[0] < 0xe0 ? 2 :
			s[0] < 0xf0 ? 3 :
			s[0] < 0xf5 ? 4 :
				      0;

	if (!length || length > n)
		return 0;
	*c = length == 1 ? s[0] : s[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[length] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return length;
}

size_t utf8_printable(const char *s, size_t n)
{
	uint32_t c;
	size_t length = n ? utf8_decode((const unsigned char *)s, n, &c) : 0;

	if (!length || c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	/* Marks that turn the direction of writing, separators of lines, the byte order mark. */
	if ((c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0x061c || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb))
		return 0;
	return length;
}

/* Length of a terminal's control sequence (ECMA-48 CSI) at s, 0: none. */
static size_t control_sequence(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 3 || s[0] != '\x1b' || s[1] != '[')
		return 0;
	while (i < n && i < 32 && s[i] >= 0x20 && s[i] <= 0x3f)
		i++;
	return i < n && s[i] >= 0x40 && s[i] <= 0x7e ? i + 1 : 0;
}

void text_clean(struct text *t, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t good = utf8_printable(bytes + i, n - i);
		size_t sequence = good ? 0 : control_sequence(bytes + i, n - i);

		if (good) {
			text_add_n(t, bytes + i, good);
		} else if (bytes[i] == '\n' || bytes[i] == '\t') {
			text_char(t, bytes[i]);
		} else if (bytes[i] == '\r') {
			if (i + 1 < n && bytes[i + 1] != '\n')
				text_char(t, '\n');
		} else if (!sequence && bytes[i]) {
			text_add(t, "\xef\xbf\xbd");	/* the replacement character */
		}
		i += good ? good : sequence ? sequence : 1;
	}
}

void text_quote(struct text *t, const char *bytes, size_t n)
{
	text_char(t, '"');
	for (size_t i = 0; i < n;) {
		size_t good = utf8_printable(bytes + i, n - i);

		if (bytes[i] == '"' || bytes[i] == '\\')
			text_printf(t, "\\%c", bytes[i]);
		else if (good)
			text_add_n(t, bytes + i, good);
		else if (bytes[i] == '\n')
			text_add(t, "\\n");
		else if (bytes[i] == '\t')
			text_add(t, "\\t");
		else
			text_printf(t, "\\x%02x", (unsigned char)bytes[i]);
		i += good ? good : 1;
	}
	text_char(t, '"');
}

/* --- arenas --- */

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	char data[] __attribute__((aligned(16)));
};

void *arena_alloc(struct arena *a, size_t bytes)
{
	struct arena_block *b = a->blocks;
	size_t room = 64 << 10;

	bytes = (bytes + 15) & ~(size_t)15;
	if (!b || b->room - b->used < bytes) {
		if (bytes > room)
			room = bytes;
		b = xalloc(1, sizeof(*b) + room);
		b->room = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += bytes;
	a->used += bytes;
	return b->data + b->used - bytes;
}

char *arena_text(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *arena_clean(struct arena *a, const char *bytes, size_t n)
{
	struct text t = { 0 };
	char *copy;

	text_clean(&t, bytes, n);
	copy = arena_text(a, text_get(&t), t.n);
	text_free(&t);
	return copy;
}

char *arena_shell(struct arena *a, const char *word)
{
	struct text clean = { 0 }, t = { 0 };
	const char *acts;		/* within double quotes (POSIX, XCU 2.2.3); '!' in an interactive bash */
	char *copy;

	if (*word == '-')
		text_add(&clean, "./");
	text_clean(&clean, word, strlen(word));
	acts = strpbrk(text_get(&clean), "\"$`\\!");
	text_char(&t, acts ? '\'' : '"');
	for (const char *p = text_get(&clean); *p; p++) {
		if (*p == '\'' && acts)
			text_add(&t, "'\\''");
		else
			text_char(&t, *p == '\n' || *p == '\t' ? ' ' : *p);
	}
	text_char(&t, acts ? '\'' : '"');
	copy = arena_text(a, text_get(&t), t.n);
	text_free(&clean);
	text_free(&t);
	return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	struct text t = { 0 };
	va_list args;
	char *copy;

	va_start(args, format);
	text_vprintf(&t, format, args);
	va_end(args);
	copy = arena_text(a, text_get(&t), t.n);
	text_free(&t);
	return copy;
}

void arena_own(struct arena *a, void *allocated)
{
	if (a->owned)
		BUG("an arena owns one allocation at most");
	a->owned = allocated;
}

void arena_free(struct arena *a)
{
	free(a->owned);
	a->owned = NULL;
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
}
