/* runs.h - whole runs of gd_train() in directories of their own. */
#ifndef GD_TESTS_TRAIN_RUNS_H
#define GD_TESTS_TRAIN_RUNS_H

#include "tests/check.h"

#include <jansson.h>

typedef struct test_run {
    char base[TEST_PATH], train[TEST_PATH], eval[TEST_PATH], init[TEST_PATH];
    char root[TEST_PATH], output[TEST_PATH]; /* root is removed at the end */
    const char *evals[4];
    gd_options model;
    gd_train_options options;
    size_t stop_after; /* not 0: report() asks to stop at this step */
    size_t notes;      /* that it was told */
    char all_notes[8192];
} test_run;

/* A run of tests/data/golden/RUN on golden/qwen2, in fp32 and as TRL does it; `output` is new. */
void run_open(test_run *run, const char *name);
void run_close(test_run *run);

/* The run of tests/data/golden/train-full, in which every weight learns, as TRL did it. */
void run_open_full(test_run *run);

/* Another output of the same run. */
void run_output(test_run *run, const char *name);

/* A run of few steps in bf16 on the same data, without TRL's ways. */
void run_open_short(test_run *run);

gd_status run_train(test_run *run, char **json, gd_error *err);

/* A whole run into root/OUTPUT. */
void run_into(test_run *run, const char *output);

/* A run in a process of its own that is killed after a random time, of at most so many microseconds, unless it ends
 * before; the next random number is made of *seed. */
void run_killed(test_run *run, unsigned *seed, unsigned most);

/* One that is asked to stop after so many steps. */
void run_begin(test_run *run, const char *output, size_t steps);

/* root/NAME; overwritten by the fourth call after this one. */
enum { RUN_PATH = 3 * TEST_PATH };
const char *run_below(const test_run *run, const char *name);

/* The content of OUTPUT/NAME, freed with gd_free(). */
char *run_file(const test_run *run, const char *output, const char *name, size_t *len);

/* A member, which must be a number. */
double run_number(const json_t *object, const char *key);

/* The mean margin, and the mean of all scores, of the pairs to evaluate on, scored with the adapter, or model,
 * root/RESULT. */
void run_score(const test_run *run, const char *result, double *margin, double *mean);

/* Compares a log with TRL's, whose last entry is the evaluation, the one before it a summary. */
void run_check_history(const json_t *want, const json_t *got);

/* What a dry run says, with more memory if that is too little; it writes nothing. */
json_t *run_rehearse(test_run *run);

/* A whole run in run->model.memory, or in a little more if that is too little by now. */
void run_in_little(test_run *run, const char *output);

/* Writes a file of the run's own, root/NAME. */
void run_write(const test_run *run, const char *name, const char *text);

/* Writes a copy of a file, root/NAME, in which another text replaces the first of the old one's. */
void run_change(const test_run *run, const char *from, const char *name, const char *old, const char *new);

/* Takes a model like golden/qwen2, root/model, of which one file is changed. */
void run_change_model(test_run *run, const char *name, const char *old, const char *new);

/* Fails unless the run fails with that status and sentence, and changes nothing below the root. */
void run_refuse(test_run *run, const char *name, gd_status status, const char *sentence);

/* Of all names and bytes below the root: equal as long as nothing changes. */
uint64_t run_digest(const test_run *run);

/* The lines of OUTPUT/log.jsonl, to be json_decref'd. */
json_t *run_log(const test_run *run);

/* Fails unless both outputs have the same result: the adapter, its settings and the log, byte for byte. */
void run_same(const test_run *run, const char *a, const char *b);

/* Fails unless this file is the same in both outputs. */
void run_same_file(const test_run *run, const char *a, const char *b, const char *name);

#endif
