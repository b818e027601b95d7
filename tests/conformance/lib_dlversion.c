/*
 * Two versions of one function, and one that only the old version has.
 * build: -Wl,--version-script,$O/dlversion.map
 */
int version_value_1(void) { return 1; }
int version_value_2(void) { return 2; }
int version_only_old_1(void) { return 11; }

__asm__(".symver version_value_1,version_value@V_1");
__asm__(".symver version_value_2,version_value@@V_2");
__asm__(".symver version_only_old_1,version_only_old@V_1");
