/* SPDX-License-Identifier: MIT */
/* Faults at the end of a few calls, in a function without a frame: the link register alone knows who called it. */
__attribute__((noinline)) static int last(const volatile int *p)
{
	return *p;
}

__attribute__((noinline)) static int middle(int n, const volatile int *p)
{
	return n ? middle(n - 1, p) + 1 : last(p) * 3;
}

__attribute__((noinline)) int outer(int n)
{
	return middle(n, (const volatile int *)8) * 2;
}

int main(void)
{
	return outer(3) + 1;
}
