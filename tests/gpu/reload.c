/* SPDX-License-Identifier: MIT */
/*
 * A driver that is unloaded and loaded again, another one in its place, and two at a time: each answers for itself.
 * usage: reload DRIVER OTHER STUB, three files
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct driver {
	void *lib;
	int (*init)(unsigned), (*version)(int *), (*retain)(void **, int), (*current)(void *);
	int (*alloc)(uint64_t *, size_t), (*release)(uint64_t), (*reset)(int);
};

static struct driver open_one(const char *file)
{
	struct driver d = { dlopen(file, RTLD_NOW) };

	if (!d.lib) {
		printf("%s\n", dlerror());
		exit(77);
	}
	d.init = (int (*)(unsigned))dlsym(d.lib, "cuInit");
	d.version = (int (*)(int *))dlsym(d.lib, "cuDriverGetVersion");
	d.retain = (int (*)(void **, int))dlsym(d.lib, "cuDevicePrimaryCtxRetain");
	d.current = (int (*)(void *))dlsym(d.lib, "cuCtxSetCurrent");
	d.alloc = (int (*)(uint64_t *, size_t))dlsym(d.lib, "cuMemAlloc_v2");
	d.release = (int (*)(uint64_t))dlsym(d.lib, "cuMemFree_v2");
	d.reset = (int (*)(int))dlsym(d.lib, "cuDevicePrimaryCtxReset_v2");
	return d;
}

static void use(const char *name, struct driver d)
{
	void *context = NULL;
	uint64_t a = 0, b = 0;
	int version = 0, init = d.init(0), retain = d.retain(&context, 0), current = d.current(context);
	int first = d.alloc(&a, 1 << 20), second = d.alloc(&b, 2 << 20);

	printf("%s: init %d version %d", name, init, d.version(&version));
	printf(" %d retain %d current %d alloc %d %d free %d", version, retain, current, first, second, d.release(a));
	printf(" twice %d reset %d free %d\n", d.release(a), d.reset(0), d.release(b));
}

int main(int argc, char **argv)
{
	struct driver d, e, s;

	if (argc < 4)
		return 2;
	for (int i = 0; i < 4; i++) {		/* the same place, the same file and another one */
		d = open_one(argv[1 + i % 2]);
		use("alone", d);
		dlclose(d.lib);
	}
	d = open_one(argv[1]);
	s = open_one(argv[3]);
	e = open_one(argv[2]);
	use("first of three", d);
	use("the stub", s);
	use("third of three", e);
	dlclose(d.lib);
	use("the stub alone with the third", s);
	s = open_one(argv[3]);
	use("the stub asked again", s);
	dlclose(e.lib);
	d = open_one(argv[1]);
	use("back", d);
	return 0;
}
