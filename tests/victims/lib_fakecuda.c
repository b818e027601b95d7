/* SPDX-License-Identifier: MIT */
/* build: -Wl,-Bsymbolic -Wl,-soname,libcuda.so.1 -pthread */
/* The driver without a GPU, as a library of the victims (tests/fakecuda/fakecuda.c). */
#include "../fakecuda/fakecuda.c"
