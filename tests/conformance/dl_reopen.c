/*
 * A library is closed, replaced by another file of the same name, and opened again, many times;
 * files that are not libraries are refused with the same words.
 */
#include "dl.h"

static int ask(void *h, const char *name)
{
	int (*f)(void) = h ? (int (*)(void))dlsym(h, name) : NULL;

	return f ? f() : -1;
}

static void put(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	fwrite(bytes, 1, size, f);
	fclose(f);
}

static void refuse(const char *path)
{
	report(path, dlopen(path, RTLD_NOW) != NULL);
}

static int count(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	*(int *)data += strstr(info->dlpi_name, "changing.so") != NULL;
	return 0;
}

int main(void)
{
	char elf[64] = "\177ELF\2\1\1";
	int good = 0, seen = 0;

	for (int i = 0; i < 300; i++) {
		void *h;

		if (i % 10 == 0)
			copy_library(i % 20 ? "libdlfar.so" : "libdlflags.so", "./changing.so");
		h = dlopen("./changing.so", RTLD_NOW);
		good += ask(h, (i / 10) % 2 ? "far_value" : "flags_name") == ((i / 10) % 2 ? 42 : 2);
		if (i == 17)
			dl_iterate_phdr(count, &seen);
		good += dlclose(h) == 0;
	}
	printf("good: %d, seen: %d\n", good, seen);
	mkdir("folder.so", 0755);
	put("empty.so", "", 0);
	put("text.so", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 62);
	put("head.so", elf, 8);
	put("long.so", elf, sizeof(elf));
	elf[4] = 1;
	put("other.so", elf, sizeof(elf));
	refuse("./folder.so");
	refuse("./empty.so");
	refuse("./text.so");
	refuse("./head.so");
	refuse("./long.so");
	refuse("./other.so");
	refuse("./gone.so");
	refuse("./empty.so/x.so");
	refuse("");
	return 0;
}
