/* SPDX-License-Identifier: MIT */
/*
 * Numbers and fields of the events, from shim/events.def.
 *
 *	e->number == KS_load_begin
 *	FIELD(e, load_begin, id)	the value of a field
 *	FIELD_TEXT(e, load_begin, path)	its text, NULL where there is none
 *
 * A field that the recorder did not know yet reads as 0 and NULL.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stddef.h>
#include <stdint.h>

enum ks_event {
#define F(type, field, meaning)
#define EVENT(number, name, lane, meaning, ...) KS_##name = number,
#include "shim/events.def"
#undef EVENT
#undef F
	KS_EVENT_MAX = 255,
};

/* Only for the places of the fields: each takes one uint64_t. */
#define F(type, field, meaning) uint64_t field;
#define EVENT(number, name, lane, meaning, ...) struct event_fields_##name { __VA_ARGS__ };
#include "shim/events.def"
#undef EVENT
#undef F

#define FIELD_INDEX(name, of)		(offsetof(struct event_fields_##name, of) / sizeof(uint64_t))
#define FIELD(event, name, of)		((event)->field[FIELD_INDEX(name, of)])
#define FIELD_SIGNED(event, name, of)	((int64_t)(event)->field[FIELD_INDEX(name, of)])
#define FIELD_TEXT(event, name, of)	((event)->str[FIELD_INDEX(name, of)])

#endif
