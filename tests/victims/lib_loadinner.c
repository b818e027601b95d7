/*
 * The library that libloadouter.so needs. Large, so that cutting it off cuts off what the loader writes to.
 */
const char inner_ballast[300000] = { 1 };
const char *inner_names[20000] = { inner_ballast, inner_ballast + 1 };	/* relocated */

int inner_value(void)
{
	return inner_names[1] - inner_names[0];
}
