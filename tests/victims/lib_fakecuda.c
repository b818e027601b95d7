/* SPDX-License-Identifier: MIT */
/* build: tests/fakecuda/script.c tests/fakecuda/device.c tests/fakecuda/memory.c tests/fakecuda/code.c tests/fakecuda/lookup.c tests/fakecuda/names.c */
/* build: -fvisibility=hidden -Wl,-Bsymbolic -Wl,-soname,libcuda.so.1 -pthread */
/* The driver without a GPU, as a library of the victims (tests/fakecuda/fakecuda.h). */
#include "../fakecuda/fakecuda.h"
