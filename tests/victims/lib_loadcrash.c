/* Its constructor follows a pointer that is not set. */
#include <stddef.h>

static struct { int (*volatile ready)(void); int *volatile place; } registry;

__attribute__((constructor)) static void register_everything(void)
{
	*registry.place = 1;
}
