/* SPDX-License-Identifier: MIT */
/*
 * Makes seeds: seeds FOLDER CASE... writes the trace that each text case describes as FOLDER/NAME.
 * The folder holds nothing else afterwards than small, well-formed traces of every cause.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/assemble.h"

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &n, '\0', f) < 0)
		*text = '\0';
	fclose(f);
	/* What tests/test_rules.c expects of it: a comment to the assembler. */
	for (char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (*p == '%')
			*p = '#';
	}
	return text;
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/'), *why;
		char path[4096], *text = read_file(argv[i]);
		struct image image;
		FILE *f;

		why = text ? assemble(text, &image) : "it cannot be read";
		if (why) {
			fprintf(stderr, "%s: %s\n", argv[i], why);
			return 1;
		}
		snprintf(path, sizeof(path), "%s/%s", argv[1], slash ? slash + 1 : argv[i]);
		f = fopen(path, "we");
		if (!f || fwrite(image.bytes, 1, image.size, f) != image.size || fclose(f) != 0) {
			perror(path);
			return 1;
		}
		free(image.bytes);
		free(text);
	}
	return 0;
}
