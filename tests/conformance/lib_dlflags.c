/*
 * Defines what the program defines as well, and tells which one it gets.
 */
int flags_which = 2;

int flags_name(void)
{
	return 2;
}

int flags_ask(void)
{
	return flags_name() * 10 + flags_which;
}
