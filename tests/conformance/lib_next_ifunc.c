/* The same, which one is chosen when it is bound. */
static unsigned chosen(unsigned seconds) { return seconds + 3000; }
static void *choose(void) { return (void *)chosen; }
unsigned alarm(unsigned seconds) __attribute__((ifunc("choose")));
