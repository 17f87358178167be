/* checkpoint_folders.h - the folders that a run makes in its output: checkpoint-STEP and best.
 *
 * A folder NAME is written as NAME.new and then takes its place in one step, so NAME is always whole.  Where the file
 * system can't exchange two folders, the one that was there becomes NAME.old for a moment; a run that is killed then
 * leaves no NAME, and gd_folders_open() puts the old one back.  A folder NAME.new is of no use to anybody.
 *
 * Nothing is removed or replaced but folders of these names that hold nothing but regular files with the names that a
 * run gives them.  No link is followed. */
#ifndef GD_TRAIN_CHECKPOINT_FOLDERS_H
#define GD_TRAIN_CHECKPOINT_FOLDERS_H

#include "guerdon.h"

#include <stdbool.h>

#define GD_FOLDER_BEST "best"
#define GD_FOLDER_MANIFEST "manifest.json"
enum { GD_FOLDER_NAME = 48 }; /* room for "checkpoint-18446744073709551615.new" */

typedef struct gd_folders {
    const char *output; /* its path, the caller's */
    int dir;            /* the same, open; -1: there is none */
    uint64_t *steps;    /* [count] of its checkpoints, the newest first */
    size_t count, room;
} gd_folders;

/* Lists the checkpoints of an output, after it has put back and removed what a killed run has left.  An output that
 * does not exist has none. */
gd_status gd_folders_open(gd_folders *folders, const char *output, gd_error *err);

/* The same without putting back or removing anything. */
gd_status gd_folders_look(gd_folders *folders, const char *output, gd_error *err);
void gd_folders_close(gd_folders *folders); /* all zero but for dir = -1 is fine */

/* "checkpoint-8" */
void gd_folder_name(char name[GD_FOLDER_NAME], uint64_t step);

/* Whether a folder may have a file of that name, apart from the manifest. */
bool gd_folder_has_file(const char *file);

/* Fails with GD_EUSAGE if something that a run must not replace has that name, or the name of its NAME.new. */
gd_status gd_folder_check(const gd_folders *folders, const char *name, gd_error *err);

/* NAME.new becomes NAME, and what had that name is removed.  After a failure, one of the two has it. */
gd_status gd_folder_place(const gd_folders *folders, const char *name, gd_error *err);

/* Removes a folder; a killed process has removed it completely, or leaves a NAME.new. Leaves alone what isn't ours. */
gd_status gd_folder_remove(const gd_folders *folders, const char *name, gd_error *err);

#endif
