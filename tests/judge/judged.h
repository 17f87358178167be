/* judged.h - shared by the tests of gd_eval(): a golden model, generated preferences, files and failing memory. */
#ifndef GD_TESTS_JUDGED_H
#define GD_TESTS_JUDGED_H

#include "tests/fields.h"

extern gd_model *judged_model; /* open between these two calls: texts of at most 100 tokens, cut at the left */
int judged_open(void **state);
int judged_close(void **state);

gd_eval_options judged_options(const char *input);

/* tests/data/judge/NAME.jsonl; a static buffer. */
const char *judged_input(const char *name);

/* Runs gd_eval(), expects this status, and returns the result. */
json_t *judged_run(const gd_eval_options *how, gd_status want, gd_summary *summary);

/* Writes a new file with this text; returns its path. */
const char *judged_file(char path[64], const char *text);

/* Counts jansson's memory and lets it fail from allocation n on (0: never). jansson's scanner (2.14) does not survive
 * that, so it must not fail during parsing. */
void judged_json_begin(void);
void judged_json_fail_from(uint64_t n);
long judged_json_live(void);
void judged_json_end(void);

#endif
