/* filtering.h - shared by the tests of rank and filter: a golden model, numbered texts, files. */
#ifndef GD_TESTS_FILTERING_H
#define GD_TESTS_FILTERING_H

#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

extern gd_model *model; /* the golden qwen2, open between these two calls */
int filtering_open(void **state);
int filtering_close(void **state);

char *read_text(const char *path);

/* The file must have exactly this text. */
void expect_text(const char *path, const char *want);
float score_alone(const char *prompt, const char *answer);

/* Writes dir/in.jsonl: numbered texts, with blanks and fields that must stay unchanged, and one line that is not JSON;
 * gives their scores. */
enum { ITEMS = 24 };
void write_texts(const char *dir, float *scores);

/* From in.jsonl to kept and rejects; its paths are valid until in_dir() was called eight more times. */
gd_filter_options filter_options(const char *dir, gd_filter_by by, double limit);

#endif
