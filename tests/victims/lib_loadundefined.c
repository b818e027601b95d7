/* Needs a function that no library has. */
int written_for_release_nine(int);

int undefined_value(void)
{
	return written_for_release_nine(1);
}
