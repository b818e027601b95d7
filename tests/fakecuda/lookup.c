/* SPDX-License-Identifier: MIT */
/* What cuGetProcAddress answers: the newest ABI that is not newer than the version asked for (fakecuda.h). */
#include "fakecuda.h"

static int proc_address(const char *symbol, const void **function, int version, uint64_t flags, int *status)
{
	const struct fake_row *best = NULL;
	bool known = false;
	char text[8];

	fake_begin("");		/* reads the script */
	if (!function || !symbol)
		return 1;
	*function = NULL;
	if (version > fake_script.version || fake_word("noproc", text, sizeof(text)))
		return 1;
	for (const struct fake_row *r = fake_rows; r < fake_rows + fake_nrows; r++) {
		if (!r->function || r->version > fake_script.version || strcmp(r->base, symbol) != 0)
			continue;
		known = true;
		if (r->version > version || (r->stream && !(flags & 2)))
			continue;
		if (!best || r->stream > best->stream || (r->stream == best->stream && r->version > best->version))
			best = r;
	}
	if (status)
		*status = best ? 0 : known ? 2 : 1;
	if (best)
		*function = best->function;
	return best ? 0 : 500;
}

API int cuGetProcAddress(const char *symbol, const void **function, int version, uint64_t flags)
{
	return proc_address(symbol, function, version, flags, NULL);
}

#if !defined(FAKE_NEWEST) || FAKE_NEWEST >= 12000
API int cuGetProcAddress_v2(const char *symbol, const void **function, int version, uint64_t flags, int *status)
{
	return proc_address(symbol, function, version, flags, status);
}
#endif
