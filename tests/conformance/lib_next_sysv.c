/*
 * The same, found by the old kind of hash table.
 * build: -Wl,--hash-style=sysv
 */
unsigned alarm(unsigned seconds);
unsigned alarm(unsigned seconds) { return seconds + 2000; }
