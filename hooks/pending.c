/* SPDX-License-Identifier: MIT */
/* Parts that have not landed yet, as weak no-ops, so that the others can be built. Goes away. */
#include "hooks/hooks.h"
#define W __attribute__((weak))
W bool ks_is_python(void) { return false; }
W void ks_python_start(void) { }
W void ks_python_try(void) { }
W void ks_begin(void) { }
W void ks_main_altstack(void) { }
W void ks_signals_start(void) { }
W void ks_signals_release(void) { }
W void ks_exit_watch(void) { }
W void ks_checkpoint(enum ks_checkpoint_reason reason) { (void)reason; }
W void ks_memory_now(struct ks_memory *m) { *m = (struct ks_memory){ -1, -1, -1, -1, -1, -1, -1, -1 }; }
W void ks_end_process(int kind, int code, uintptr_t caller) { (void)kind; (void)code; (void)caller; }
