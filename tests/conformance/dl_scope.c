/*
 * Who defines what, as a program that looks can tell: dladdr of hooked functions and of others,
 * pointers to them, the list of loaded objects, a program that is opened as a library, itself started
 * with other settings of the loader.
 * build: -rdynamic
 */
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/wait.h>

#include "dl.h"

int look_at_me(void) { return 1; }

static int objects, ours, phdrs;

static int object(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (strstr(info->dlpi_name, "libkshim"))
		ours++;
	else
		objects++;
	phdrs += info->dlpi_phnum > 0 && size >= sizeof(*info);
	if (!strstr(info->dlpi_name, "libkshim") && !strstr(info->dlpi_name, "vdso") && arg)
		printf("  object %s\n", base_name(info->dlpi_name));
	return 0;
}

static int stop(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info, (void)size, (void)arg;
	return 42;
}

static void names(void)
{
	Dl_info info;
	struct link_map *map = NULL;
	static const char *const all[] = { "printf", "getpid", "strlen", "malloc", "free", "dlsym", "sigaction", "fork", "look_at_me", "environ" };

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		void *p = dlsym(RTLD_DEFAULT, all[i]);

		memset(&info, 0, sizeof(info));
		printf("%s: %d", all[i], dladdr(p, &info) != 0);
		printf(" %d named %d\n", info.dli_saddr == p, info.dli_sname && strlen(info.dli_sname) > 2);
		printf("  again %d next %d\n", dlsym(RTLD_DEFAULT, all[i]) == p, dlsym(RTLD_NEXT, all[i]) != NULL);
	}
	printf("pointers: %d %d %d %d\n", dlsym(RTLD_DEFAULT, "malloc") == (void *)malloc, dlsym(RTLD_DEFAULT, "free") == (void *)free,
	       dlsym(RTLD_DEFAULT, "dlopen") == (void *)dlopen, dlsym(RTLD_DEFAULT, "sigaction") == (void *)sigaction);
	memset(&info, 0, sizeof(info));
	printf("dladdr1 %d", dladdr1((void *)look_at_me, &info, (void **)&map, RTLD_DL_LINKMAP) != 0);
	printf(" %d %s\n", map && map->l_name[0] == '\0', base_name(info.dli_sname));
	printf("dladdr of data, stack, nothing: %d %d %d\n", dladdr(&objects, &info) != 0, dladdr(&info, &info) != 0, dladdr(NULL, &info) != 0);
}

static int look(void)
{
	void *h = dlopen(NULL, RTLD_NOW), *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	dl_iterate_phdr(object, "print");
	printf("objects %d, with headers %d\n", objects, phdrs == objects + ours);
	printf("stopped %d\n", dl_iterate_phdr(stop, NULL));
	names();
	printf("libc's own malloc: %d %d\n", dlsym(libc, "malloc") != NULL, dlsym(libc, "malloc") == dlvsym(libc, "malloc", "GLIBC_2.2.5") ||
	       dlsym(libc, "malloc") == dlvsym(libc, "malloc", "GLIBC_2.17"));
	report("vdso", getauxval(AT_SYSINFO_EHDR) != 0);
	dlerror();
	printf("a program as a library: %d", dlopen(exe, RTLD_NOW) != NULL);
	printf(" %s\n", strstr(say(dlerror()), "cannot dynamically load") ? "refused" : "not refused");
	printf("this program: %d\n", dlsym(h, "look_at_me") == dlsym(RTLD_DEFAULT, "look_at_me"));
	report("bad handle", dlsym(RTLD_NEXT, "no_such_at_all") != NULL);
	report("closed", dlclose(h));
	return 0;
}

static void start(const char *what, const char *name, const char *value)
{
	int status;

	printf("== %s\n", what);
	fflush(stdout);
	if (fork() == 0) {
		if (name)
			setenv(name, value, 1);
		execl("/proc/self/exe", "dl_scope", "look", (char *)NULL);
		_exit(127);
	}
	wait(&status);
	printf("status %x\n", status);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return look();
	start("as it is", NULL, NULL);
	start("bound at once", "LD_BIND_NOW", "1");
	start("bound late", "LD_BIND_NOT", "1");
	start("another path", "LD_LIBRARY_PATH", "/nonexistent:/lib");
	start("debugged", "LD_DEBUG", "unused");
	start("no capabilities", "LD_HWCAP_MASK", "0");
	return 0;
}
