/* learnt.h - something that has been learnt, for tests of checkpoints: the parameters of a tiny model, whose values say
 * which step they are of. */
#ifndef GD_TESTS_TRAIN_LEARNT_H
#define GD_TESTS_TRAIN_LEARNT_H

#include "train/checkpoint.h"

struct learnt {
    char base[256];
    gd_config *config;
    gd_plan *plan;
    gd_tuning tuning, read; /* what is written, and room for what is read */
    gd_targets targets;
    gd_save_parts parts;
    gd_train_mark mark;
    gd_merge_source tokenizer;
    json_t *run;
    gd_checkpoint checkpoint;
};

void learnt_open(struct learnt *learnt);
void learnt_close(struct learnt *learnt);

/* The values, moments and the mark become those of a step, odd ones among them: negative zero, subnormals. */
void learnt_step(struct learnt *learnt, uint64_t step);

/* Writes a checkpoint of that step. */
void learnt_write(struct learnt *learnt, const char *output, uint64_t step);

/* Reads the mark, and fills learnt->read, as a run does that continues. */
gd_status learnt_read(const char *path, struct learnt *learnt, gd_train_mark *mark, gd_error *err);

/* Fails the test unless the checkpoint has every bit of that step. */
void learnt_check(struct learnt *learnt, const char *path, uint64_t step);

/* The step of the newest sound checkpoint, which is checked as above; 0 if there is none. */
uint64_t learnt_newest(struct learnt *learnt, const char *output);

/* Fails the test unless the directory is an adapter that loads, with the values of one step; returns the step. */
uint64_t learnt_adapter(struct learnt *learnt, const char *path);

/* The names in a directory, sorted and separated by commas; overwritten by the next call. */
const char *learnt_names(const char *path);

/* dir/name, in the caller's buffer: longer than in_dir() keeps it. */
enum { LEARNT_PATH = 512 };
void learnt_path(char path[LEARNT_PATH], const char *dir, const char *name);

#endif
