/* SPDX-License-Identifier: MIT */
/*
 * Files by names that a trace holds. They may lie on a file system whose server is gone (NFS, FUSE, a
 * cloud's bucket): who touches one waits in the kernel for ever, and only SIGKILL ends that. So all
 * work is done in a child, which notes in shared memory what it is about to touch; whoever waits for
 * it sees when it does not come back, ends it and starts another, that leaves such places alone
 * (watch.c). A report always comes.
 */
#ifndef REACH_H
#define REACH_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define REACH_MOST_SILENT 8
#define REACH_PATH 4096

struct reach {				/* shared by the one that works and the one that waits for it */
	unsigned turn;			/* counts what was begun */
	unsigned depth;			/* begun and not ended: 0 where nothing is being touched */
	char path[REACH_PATH];		/* the last that was begun */
	unsigned nsilent;
	bool all;			/* more than that: nothing is touched any more */
	char silent[REACH_MOST_SILENT][REACH_PATH];	/* places that do not answer */
};

/* Before and after a file is touched. false, and no end is due: it lies where nothing answers; leave it alone. */
bool reach_begin(const char *path);
void reach_end(void);
/* Between them, where it takes long because there is much to read: it does come on. */
void reach_comes_on(void);
/* In a child that has a limit of its own, and may be ended at any moment: who watches need not know. */
void reach_alone(void);

/* The same around one call; -1, NULL with errno EHOSTDOWN where nothing answers. Regular files are the caller's care. */
int reach_stat(const char *path, struct stat *st);
bool reach_is_file(const char *path);	/* a regular one */
int reach_open(const char *path);	/* for reading; never waits for a FIFO, never becomes a terminal */
DIR *reach_dir(const char *path);	/* ends with reach_dir_close() */
void reach_dir_close(DIR *dir);

/* The i-th place that does not answer; NULL: no more. */
const char *reach_silent(unsigned i);

/*
 * Goes on in a child, and returns there; the caller's process waits for it and exits as it does.
 * Where no child can be made it returns in the caller, who then works without that care.
 */
void reach_watch(void);

/* watch.c, for its test: what of a path leads to a file system of another machine, else the file's folder; in to. */
void reach_culprit(const char *path, const char *mountinfo, char *to, size_t room);

#endif
