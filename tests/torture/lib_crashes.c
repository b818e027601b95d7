/* SPDX-License-Identifier: MIT */
/* A library that dies while it is loaded. */
__attribute__((constructor)) static void begin(void)
{
	*(volatile int *)16 = 1;
}
