/* build: -Wl,-Ttext-segment=0x800000000000 */
/*
 * Linked to where no program's memory is: what the loader adds to its addresses is negative.
 */
int far_value(void);

int far_value(void)
{
	return 43;
}
