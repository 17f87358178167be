/* judged.h - what the tests of gd_eval() share: a golden model, made preferences, files, and memory that fails. */
#ifndef GD_TESTS_JUDGED_H
#define GD_TESTS_JUDGED_H

#include "tests/fields.h"

extern gd_model *judged_model; /* open between these two: texts of at most 100 tokens, cut at the left */
int judged_open(void **state);
int judged_close(void **state);

gd_eval_options judged_options(const char *input);

/* tests/data/judge/NAME.jsonl; a static buffer. */
const char *judged_input(const char *name);

/* Runs gd_eval(), expects this status, and gives the result. */
json_t *judged_run(const gd_eval_options *how, gd_status want, gd_summary *summary);

/* A new file, with this text. */
const char *judged_file(char path[TEST_PATH], const char *text);

/* jansson's memory, counted, and failing from allocation n on (0: never). Its scanner (2.14) does not survive that, so
 * it must not fail while something is parsed. */
void judged_json_begin(void);
void judged_json_fail_from(uint64_t n);
long judged_json_live(void);
void judged_json_end(void);

#endif
