/* filtering.h - what the tests of rank and filter share: a golden model, numbered texts, files. */
#ifndef GD_TESTS_FILTERING_H
#define GD_TESTS_FILTERING_H

#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

extern gd_model *model; /* qwen2's golden one, open between these two */
int filtering_open(void **state);
int filtering_close(void **state);

char *read_text(const char *path);
float score_alone(const char *prompt, const char *answer);

/* dir/in.jsonl: numbered texts, with blanks and fields that must come through as they are, and one line that is no
 * JSON; their scores. */
enum { ITEMS = 24 };
void write_texts(const char *dir, float *scores);

/* in.jsonl to kept and rejects; its paths live until eight more are made by in_dir(). */
gd_filter_options filter_options(const char *dir, gd_filter_by by, double limit);

#endif
