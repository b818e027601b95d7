/* SPDX-License-Identifier: MIT */
/* Numbers as people read them: sizes, times, signals. Everything returned lives in the arena or for ever. */
#ifndef WORDS_H
#define WORDS_H

#include <stdint.h>
#include "analyzer/model.h"
#include "analyzer/text.h"

const char *size_words(struct arena *a, uint64_t bytes);		/* "1.4 GiB", "unlimited" for UNKNOWN */
const char *time_words(struct arena *a, int64_t ns);			/* "+12.345 s", since the begin */
const char *duration_words(struct arena *a, int64_t ns);		/* "12.3 s", "2 h 5 min" */
const char *clock_words(struct arena *a, int64_t realtime_ns);		/* "2026-11-25 08:56:24", local time */
const char *iso_time(struct arena *a, int64_t realtime_ns);		/* "2026-11-25T08:56:24.263749Z" */
const char *signal_name(struct arena *a, int signal);			/* "SIGSEGV" */
const char *signal_meaning(int signal);					/* "a memory access fault"; "" */
const char *signal_code_name(int signal, int code);			/* "SEGV_MAPERR"; NULL: unknown */
const char *ending_word(enum ending_kind kind);				/* "signal", "abort"… as in the JSON report */

#endif
