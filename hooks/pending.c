/* SPDX-License-Identifier: MIT */
/* Parts that have not landed yet, as weak no-ops, so that the others can be built. Goes away. */
#include "hooks/hooks.h"
#define W __attribute__((weak))
W bool ks_is_python(void) { return false; }
W void ks_python_start(void) { }
W void ks_python_try(void) { }
W void ks_main_altstack(void) { }
W void ks_signals_start(void) { }
W void ks_signals_release(void) { }
