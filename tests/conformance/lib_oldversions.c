/*
 * As linked with an old glibc: pthread_kill of before 2.34, posix_spawn of before 2.15.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/types.h>

#if defined(__x86_64__)
__asm__(".symver old_kill,pthread_kill@GLIBC_2.2.5");
__asm__(".symver old_spawn,posix_spawn@GLIBC_2.2.5");
__asm__(".symver old_spawnp,posix_spawnp@GLIBC_2.2.5");
int old_spawn(pid_t *, const char *, const void *, const void *, char *const[], char *const[]);
int old_spawnp(pid_t *, const char *, const void *, const void *, char *const[], char *const[]);
#else
__asm__(".symver old_kill,pthread_kill@GLIBC_2.17");
#define old_spawn posix_spawn
#define old_spawnp posix_spawnp
#endif
int old_kill(pthread_t, int);

int lib_kill(pthread_t thread, int sig) { return old_kill(thread, sig); }
int lib_spawn(pid_t *pid, const char *path, char *const argv[]) { return old_spawn(pid, path, NULL, NULL, argv, argv + 1); }
int lib_spawnp(pid_t *pid, const char *path, char *const argv[]) { return old_spawnp(pid, path, NULL, NULL, argv, argv + 1); }
