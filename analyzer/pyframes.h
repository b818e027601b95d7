/* SPDX-License-Identifier: MIT */
/* Python frames from a block of the trace (KS_BLOCK_PYTHON) to files, functions and lines. */
#ifndef PYFRAMES_H
#define PYFRAMES_H

#include "analyzer/model.h"
#include "analyzer/text.h"

/* How many frames, innermost first, in *frames (the arena's). *cut: there was more than was kept. */
size_t py_frames(struct arena *arena, const char *data, size_t size, struct py_frame **frames, bool *cut);

#endif
