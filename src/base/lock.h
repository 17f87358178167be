/* lock.h - files that one run at a time may write.  A lock ends with the process, however it ends.  A file system that
 * knows no locks does without. */
#ifndef GD_BASE_LOCK_H
#define GD_BASE_LOCK_H

#include <stdbool.h>

/* Locks an open file until it is closed.  False if another one has it locked, and keeps it so for two seconds: a run
 * that was killed a moment ago may still be ending. */
bool gd_lock(int fd);

/* Opens a file, as open() does, and locks it: the one that has this name when the lock is there.  Returns -1 and sets
 * errno, to EWOULDBLOCK if another one has it locked. */
int gd_lock_open(const char *path, int flags);

#endif
