/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin -Wno-format -Wno-format-security -D_FORTIFY_SOURCE=0 */
/*
 * Everything that writes to fd 2, with its results: %n counts once, %m is the errno of the call,
 * partial and failing writes, closed and reopened streams, NULL where it is allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wchar.h>

static int via_list(FILE *f, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vfprintf(f, format, arguments);
	va_end(arguments);
	return n;
}

static int via_list_fd(int fd, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vdprintf(fd, format, arguments);
	va_end(arguments);
	return n;
}

#define SHOW(expression) do {						\
		errno = 5;						\
		long value_ = (long)(expression);			\
		int error_ = errno;					\
		printf("%s = %ld, errno %d\n", #expression, value_, error_); \
		fflush(stdout);						\
	} while (0)

static void plain(void)
{
	struct iovec parts[3] = { { "vec ", 4 }, { NULL, 0 }, { "tor\n", 4 } };

	SHOW(write(2, "write\n", 6));
	SHOW(write(2, NULL, 0));
	SHOW(write(2, (void *)8, 10));
	SHOW(writev(2, parts, 3));
	SHOW(writev(2, parts, -1));
	SHOW(fwrite("fwrite\n", 1, 7, stderr));
	SHOW(fwrite("fwrite\n", 7, 1, stderr));
	SHOW(fwrite("", 0, 5, stderr));
	SHOW(fwrite_unlocked("unlocked\n", 9, 1, stderr));
	SHOW(fputs("fputs\n", stderr) >= 0);
	SHOW(fputs_unlocked("fputs_unlocked\n", stderr) >= 0);
	SHOW(fputc('x', stderr));
	SHOW(putc(0x1ff, stderr));
	SHOW(putc('\n', stderr));
}

static void formatted(void)
{
	char long_text[20000];
	int n = -1, m = -1;
	long many = 0;

	memset(long_text, 'z', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = 0;
	SHOW(fprintf(stderr, "plain\n"));
	SHOW(fprintf(stderr, "%s %d %5.2f %c %%n %p\n", "text", 7, 2.5, 'c', NULL));
	SHOW(fprintf(stderr, "abc%n def%hhn\n", &n, (signed char *)&m));
	printf("n %d, m %d\n", n, m);
	SHOW(fprintf(stderr, "%2$*1$d%3$ln\n", 9, 42, &many));
	printf("many %ld\n", many);
	SHOW(fprintf(stderr, "%m\n"));
	SHOW(via_list(stderr, "%s %Lf %lld\n", "list", 1.5L, 1ll << 40));
	SHOW(fprintf(stderr, "%s", long_text));
	SHOW(fprintf(stderr, "%5000d\n", 1));
	SHOW(fprintf(stderr, "%ls\n", L"wide \x20ac"));
	SHOW(dprintf(2, "dprintf %d\n", 3));
	SHOW(via_list_fd(2, "vdprintf %d %m\n", 3));
	SHOW(fprintf(stderr, ""));
	SHOW(fprintf(stderr, "%"));
	SHOW(fprintf(stderr, "100%% %k\n"));
	errno = ENOENT;
	perror("prefix");
	errno = 4000;
	perror(NULL);
	errno = EINTR;
	perror("");
}

static void others(void)
{
	char *memory = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&memory, &size), *second, *file = tmpfile();

	SHOW(fprintf(f, "in memory %d\n", 1));
	SHOW(fputs("more\n", f));
	SHOW(fputc('!', f));
	fclose(f);
	printf("%zu bytes: %s\n", size, memory);
	free(memory);
	SHOW(fprintf(file, "to a file %d%n\n", 1, (int *)&size));
	fclose(file);
	second = fdopen(dup(2), "w");
	SHOW(fprintf(second, "through another fd\n"));
	fclose(second);
	second = fdopen(2, "w");
	SHOW(fprintf(second, "through another stream\n"));
	SHOW(fflush(second));
	setvbuf(stderr, NULL, _IOLBF, 4096);
	SHOW(fprintf(stderr, "now buffered "));
	SHOW(fputs("by line\n", stderr) >= 0);
	setvbuf(stderr, NULL, _IONBF, 0);
}

int main(void)
{
	int keep, fd;

	setlocale(LC_ALL, "C.UTF-8");
	plain();
	formatted();
	others();
	keep = dup(2);
	close(2);
	SHOW(write(2, "closed", 6));
	SHOW(fprintf(stderr, "closed %d", 1));
	SHOW(fputs("closed", stderr));
	SHOW(fputc('c', stderr));
	SHOW(dprintf(2, "closed"));
	perror("closed");
	fd = open("/dev/null", O_WRONLY);
	SHOW(fd);
	SHOW(fprintf(stderr, "to nowhere\n"));
	dup2(keep, 2);
	SHOW(fprintf(stderr, "back\n"));
	fclose(stderr);
	return 0;
}
