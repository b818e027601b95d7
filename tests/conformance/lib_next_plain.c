/* A library that stands in front of libc's alarm, as any other name. */
unsigned alarm(unsigned seconds);
unsigned alarm(unsigned seconds) { return seconds + 1000; }
