/*
 * Only found by the RUNPATH of libdlcaller.so, once the program has copied it there.
 */
int far_value(void)
{
	return 42;
}

int who(void)
{
	return 2;
}
