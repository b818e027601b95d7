/* SPDX-License-Identifier: MIT */
/*
 * every [STRIDE] FILE...: every prefix of a trace, and the trace with each of its bytes flipped
 * (all its bits, and one of them), read and told in process. A real trace is mostly zeros: of a
 * row of them, one in 64 is enough. With STRIDE, one place in so many, for a short run.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t told;

static void look_at(const char *bytes, size_t size)
{
	const char *why;
	char *copy = malloc(size + !size);	/* its own size: the sanitizer sees every step beyond */
	struct trace *t;

	memcpy(copy, bytes, size);
	t = trace_from_memory("every.trace", copy, size, &why);
	if (t)
		reports_check(t, false, reports_some(&told, sizeof(told)));
	trace_close(t);
	free(copy);
	told++;
}

static bool empty(const char *bytes, size_t at)
{
	return !bytes[at] && (!at || !bytes[at - 1]) && at % 64;
}

static void every(char *bytes, size_t size, size_t stride)
{
	size_t place = 0;

	look_at(bytes, size);
	for (size_t i = 0; i < size; i++) {
		if (empty(bytes, i) || place++ % stride)
			continue;
		look_at(bytes, i);
		bytes[i] = (char)~bytes[i];
		look_at(bytes, size);
		bytes[i] = (char)(~bytes[i] ^ 1 << i % 8);
		look_at(bytes, size);
		bytes[i] = (char)(bytes[i] ^ 1 << i % 8);
	}
}

int main(int argc, char **argv)
{
	size_t stride = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (int i = 1 + (stride != 0); i < argc; i++) {
		FILE *f = fopen(argv[i], "re");
		size_t before = told, size;
		struct stat st;
		char *bytes;

		if (!f || fstat(fileno(f), &st) < 0) {
			perror(argv[i]);
			return 1;
		}
		bytes = malloc((size_t)st.st_size + 1);
		size = fread(bytes, 1, (size_t)st.st_size, f);
		fclose(f);
		every(bytes, size, stride ? stride : 1);
		printf("%s: %zu bytes, %zu damaged copies\n", argv[i], size, told - before);
		fflush(stdout);
		free(bytes);
	}
	return 0;
}
