/*
 * Needs libloadouter.so, which needs libloadinner.so, each beside itself.
 * build: -lloadouter -Wl,-rpath,$ORIGIN
 */
int outer_value(void);

int top_value(void)
{
	return outer_value() + 1;
}
