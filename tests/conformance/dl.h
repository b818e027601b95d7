/* Shared by the dl_*.c programs. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies a library from the program's folder; mtime and inode are new. */
static inline void copy_library(const char *name, const char *to)
{
	char from[4096], buf[65536];
	ssize_t n = readlink("/proc/self/exe", from, sizeof(from) - 256);
	FILE *in, *out;
	size_t k;

	from[n > 0 ? n : 0] = '\0';
	strcpy(strrchr(from, '/') + 1, name);
	in = fopen(from, "r");
	unlink(to);
	out = fopen(to, "w");
	if (!in || !out) {
		perror(from);
		exit(99);
	}
	while ((k = fread(buf, 1, sizeof(buf), in)) > 0)
		fwrite(buf, 1, k, out);
	fclose(in);
	fclose(out);
	chmod(to, 0755);
}

static inline const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "(none)";
}

/* Prints a result, then what dlerror says of it: in this order. */
static inline void report(const char *what, long result)
{
	const char *error = dlerror();

	printf("%s: %ld %s\n", what, result, error ? error : "(no error)");
}

static inline const char *say(const char *text)
{
	return text ? text : "(no error)";
}
