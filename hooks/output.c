/* SPDX-License-Identifier: MIT */
/*
 * What goes to fd 2: the last words of libraries that end the process, or that say why they will
 * not work.
 *
 * Each wrapper lets the real function do its work and then keeps the bytes that it took; what could
 * not be written is not kept. libc's own calls below stdio do not pass here, so that nothing is
 * seen twice; what libc itself says at the end is in __abort_msg. fd 2 is whatever is there: a
 * notebook's pipe as well. Results and errno are the real function's. Context: anywhere.
 *
 * Formatted output is formatted a second time, into a buffer on the stack, never where the format
 * has a %n, and only the first TEXT_SIZE bytes of it are kept.
 */
#include "hooks/hooks.h"

#include <string.h>

extern const char *strerrordesc_np(int) __attribute__((weak));	/* glibc 2.32 */

#define TEXT_SIZE	2048
#define FILE_BACKED	0x2000	/* _IO_IS_FILEBUF, glibc libio/libio.h: _fileno means something */

static inline bool is_fd2(FILE *f)
{
	return (f->_flags & FILE_BACKED) && f->_fileno == 2;
}

static inline bool is_kept(FILE *f)
{
	return KS_UNLIKELY(ks.chosen) && KS_UNLIKELY(is_fd2(f));
}

static void keep(const void *bytes, size_t size)
{
	int error = errno;

	ks_output(bytes, size);
	errno = error;
}

/* --- bytes --- */

KS_EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
	ssize_t n;

	if (KS_LIKELY(fd != 2))
		return REAL(write)(fd, bytes, size);
	n = REAL(write)(fd, bytes, size);
	if (n > 0)
		keep(bytes, (size_t)n);
	return n;
}

KS_EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t n = REAL(writev)(fd, parts, count);
	size_t left = n > 0 && fd == 2 ? (size_t)n : 0;

	for (int i = 0; left; i++) {
		size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;

		keep(parts[i].iov_base, part);
		left -= part;
	}
	return n;
}

KS_EXPORT size_t fwrite(const void *bytes, size_t size, size_t count, FILE *f)
{
	size_t n = REAL(fwrite)(bytes, size, count, f);

	if (n && size && is_kept(f))
		keep(bytes, n * size);
	return n;
}

#undef fwrite_unlocked	/* a macro of bits/stdio.h */
KS_EXPORT size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *f)
{
	size_t n = REAL(fwrite_unlocked)(bytes, size, count, f);

	if (n && size && is_kept(f))
		keep(bytes, n * size);
	return n;
}

KS_EXPORT int fputs(const char *text, FILE *f)
{
	int n = REAL(fputs)(text, f);

	if (n >= 0 && is_kept(f))
		keep(text, strlen(text));
	return n;
}

KS_EXPORT int fputs_unlocked(const char *text, FILE *f)
{
	int n = REAL(fputs_unlocked)(text, f);

	if (n >= 0 && is_kept(f))
		keep(text, strlen(text));
	return n;
}

static inline int keep_char(int c, FILE *f)
{
	char byte = (char)c;

	if (c != EOF && is_kept(f))
		keep(&byte, 1);
	return c;
}

KS_EXPORT int fputc(int c, FILE *f)
{
	return keep_char(REAL(fputc)(c, f), f);
}

#undef putc
KS_EXPORT int putc(int c, FILE *f)
{
	return keep_char(REAL(putc)(c, f), f);
}

int _IO_putc(int c, FILE *f);
KS_EXPORT int _IO_putc(int c, FILE *f)
{
	return keep_char(REAL(_IO_putc)(c, f), f);
}

/* --- formatted --- */

/* A conversion that stores through its argument must not be run twice. */
static bool stores(const char *format)
{
	for (const char *p = format; (p = strchr(p, '%')); p++) {
		p += 1 + strspn(p + 1, "0123456789$*.-+ #'IhlLqjzt");
		if (*p == 'n')
			return true;
		if (!*p)
			return false;
	}
	return false;
}

/* error: errno at the call, for %m. */
static void keep_formatted(int error, const char *format, va_list arguments)
{
	int after = errno, n;
	char text[TEXT_SIZE];

	if (!stores(format)) {
		errno = error;
		n = vsnprintf(text, sizeof(text), format, arguments);
		if (n > 0)
			ks_output(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	}
	errno = after;
}

/* Runs CALL, which uses the list arguments, and keeps what it wrote where WHERE holds. */
#define FORMATTED(where, call) ({								\
		int error_ = errno, n_;								\
		va_list again_;									\
												\
		va_copy(again_, arguments);							\
		n_ = (call);									\
		if (n_ > 0 && (where))								\
			keep_formatted(error_, format, again_);					\
		va_end(again_);									\
		n_;										\
	})

KS_EXPORT int vfprintf(FILE *f, const char *format, va_list arguments)
{
	return FORMATTED(is_kept(f), REAL(vfprintf)(f, format, arguments));
}

KS_EXPORT int fprintf(FILE *f, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = FORMATTED(is_kept(f), REAL(vfprintf)(f, format, arguments));
	va_end(arguments);
	return n;
}

int __vfprintf_chk(FILE *f, int flag, const char *format, va_list arguments);
KS_EXPORT int __vfprintf_chk(FILE *f, int flag, const char *format, va_list arguments)
{
	return FORMATTED(is_kept(f), REAL(__vfprintf_chk)(f, flag, format, arguments));
}

int __fprintf_chk(FILE *f, int flag, const char *format, ...);
KS_EXPORT int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = FORMATTED(is_kept(f), REAL(__vfprintf_chk)(f, flag, format, arguments));
	va_end(arguments);
	return n;
}

KS_EXPORT int vdprintf(int fd, const char *format, va_list arguments)
{
	return FORMATTED(fd == 2 && ks.chosen, REAL(vdprintf)(fd, format, arguments));
}

KS_EXPORT int dprintf(int fd, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = FORMATTED(fd == 2 && ks.chosen, REAL(vdprintf)(fd, format, arguments));
	va_end(arguments);
	return n;
}

int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments);
KS_EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
	return FORMATTED(fd == 2 && ks.chosen, REAL(__vdprintf_chk)(fd, flag, format, arguments));
}

int __dprintf_chk(int fd, int flag, const char *format, ...);
KS_EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = FORMATTED(fd == 2 && ks.chosen, REAL(__vdprintf_chk)(fd, flag, format, arguments));
	va_end(arguments);
	return n;
}

KS_EXPORT void perror(const char *prefix)
{
	int error = errno;
	const char *meaning;

	REAL(perror)(prefix);
	if (!ks.chosen)
		return;
	meaning = strerrordesc_np ? strerrordesc_np(error) : NULL;
	if (prefix && *prefix) {
		keep(prefix, strlen(prefix));
		keep(": ", 2);
	}
	if (!meaning)
		meaning = "Unknown error";
	keep(meaning, strlen(meaning));
	keep("\n", 1);
}
