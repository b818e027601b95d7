/* SPDX-License-Identifier: MIT */
/* build: -Wl,-soname,libcublas.so.12 */
/* Asks for its working space as cuBLAS does when a handle is made. */
#include <stddef.h>
#include <stdint.h>

int create(int (*alloc)(uint64_t *, size_t))
{
	uint64_t address;
	int code = alloc(&address, 32 << 20);

	return code ? code : 0;
}
