/* SPDX-License-Identifier: MIT */
/* The part of shim/arch/ that unwinding needs. */
#if defined(__x86_64__)
#include "shim/arch/x86_64_unwind.h"
#elif defined(__aarch64__)
#include "shim/arch/aarch64_unwind.h"
#else
#error "x86_64 and aarch64 only"
#endif
