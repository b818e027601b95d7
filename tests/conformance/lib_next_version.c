/*
 * The same under the version alone that programs are linked with: a look-up without one passes it by. So is
 * libc_malloc_debug.so made.
 * build: -Wl,--version-script,$O/next_version.map
 */
#include <stddef.h>

extern void *__libc_malloc(size_t size);
void *behind_malloc(size_t size);
int next_calls(void);

static int calls;

void *behind_malloc(size_t size)
{
	calls++;
	return __libc_malloc(size);
}

int next_calls(void) { return calls; }

#if defined(__x86_64__)
__asm__(".symver behind_malloc,malloc@GLIBC_2.2.5");
#else
__asm__(".symver behind_malloc,malloc@GLIBC_2.17");
#endif
