/* SPDX-License-Identifier: MIT */
/*
 * Forms (kinds of ks_py_frame.table_kind):
 *  1  co_lnotab, to 3.9: pairs (bytes of code, signed lines); CPython's Objects/lnotab_notes.txt
 *  2  co_linetable of 3.10: pairs (bytes of code, signed lines, -128: no line); PEP 626
 *  3  co_linetable from 3.11: entries of a head byte and varints; Objects/locations.md
 */
#include "analyzer/pylines.h"

#include <stddef.h>

#define NO_LINE	(-128)

static int checked(int64_t line)
{
	return line > 0 && line < INT32_MAX ? (int)line : 0;
}

static int by_lnotab(const struct ks_py_frame *f, const uint8_t *table)
{
	int64_t line = f->first_line, address = 0;

	for (size_t i = 0; i + 2 <= f->table_size; i += 2) {
		address += table[i];
		if (address > f->last_instruction)
			break;
		line += (int8_t)table[i + 1];
	}
	return checked(line);
}

static int by_pairs(const struct ks_py_frame *f, const uint8_t *table)
{
	int64_t line = f->first_line, address = 0;

	for (size_t i = 0; i + 2 <= f->table_size; i += 2) {
		int8_t lines = (int8_t)table[i + 1];

		address += table[i];
		if (lines != NO_LINE)
			line += lines;
		if (address > f->last_instruction)
			return lines == NO_LINE ? 0 : checked(line);
	}
	return 0;
}

/* A signed number behind *at, six bits in a byte, lowest first; its own lowest bit is the sign. */
static int64_t read_signed(const uint8_t *table, size_t size, size_t *at)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (*at < size && shift < 60) {
		uint8_t byte = table[(*at)++];

		value |= (uint64_t)(byte & 63) << shift;
		shift += 6;
		if (!(byte & 64))
			break;
	}
	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

static int by_locations(const struct ks_py_frame *f, const uint8_t *table)
{
	int64_t line = f->first_line, address = 0;
	size_t at = 0;

	while (at < f->table_size) {
		const uint8_t head = table[at++];
		const unsigned code = head >> 3 & 15;

		if (!(head & 128))
			return 0;		/* not the begin of an entry */
		address += 2 * ((head & 7) + 1);
		if (code == 13 || code == 14)
			line += read_signed(table, f->table_size, &at);
		else if (code >= 10 && code <= 12)
			line += code - 10;
		if (line > INT32_MAX || line < INT32_MIN)
			return 0;
		if (address > f->last_instruction)
			return code == 15 ? 0 : checked(line);
		while (at < f->table_size && !(table[at] & 128))
			at++;			/* end line and columns */
	}
	return 0;
}

int py_line(const struct ks_py_frame *f, const uint8_t *table)
{
	if (f->last_instruction < 0)
		return checked(f->first_line);
	switch (f->table_kind) {
	case 1:
		return by_lnotab(f, table);
	case 2:
		return by_pairs(f, table);
	case 3:
		return by_locations(f, table);
	default:
		return 0;
	}
}
