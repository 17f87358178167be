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

/* Another output of the same run. */
void run_output(test_run *run, const char *name);

/* A run of few steps in bf16 on the same data, without TRL's ways. */
void run_open_short(test_run *run);

gd_status run_train(test_run *run, char **json, gd_error *err);

/* The content of OUTPUT/NAME, freed with gd_free(). */
char *run_file(const test_run *run, const char *output, const char *name, size_t *len);

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

#endif
