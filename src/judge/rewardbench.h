/* rewardbench.h - section scores: weighted means of subset accuracies, with RewardBench's weights or a file's, and the
 * two measures of RewardBench 2.
 *
 * The formulas and weights are those of allenai/reward-bench (rewardbench/constants.py, rewardbench/utils.py,
 * analysis/get_benchmark_results.py), reimplemented. */
#ifndef GD_JUDGE_REWARDBENCH_H
#define GD_JUDGE_REWARDBENCH_H

#include "guerdon.h"

#include <stdbool.h>

/* ---- version 1, and any other set of weights ---- */

typedef struct gd_subset {
    char *name;
    double weight;
} gd_subset;

typedef struct gd_section {
    char *name;
    double weight; /* in the overall score */
    bool optional; /* the overall score can do without it */
    gd_subset *subsets;
    size_t count;
    double score; /* the result; NaN if none of its subsets is present */
} gd_section;

typedef struct gd_sections {
    gd_section *list;
    size_t count;
    double overall; /* the result; NaN if a section that is not optional has no score */
} gd_sections;

/*
 * Reads weights: RewardBench 1's for "rewardbench", else those in a file:
 *     {"sections": {"Chat": {"weight": 2, "optional": false, "subsets": {"alpacaeval-easy": 100}}}}
 * "weight" (1 if missing) counts in the overall score, the subsets' weights in the section's.  Weights are above 0.
 * Any other field in the file is refused by name.
 */
gd_status gd_sections_load(gd_sections *out, const char *name_or_path, gd_error *err);
void gd_sections_free(gd_sections *sections);

/* accuracy[i] is that of the subset names[i].  A section's score is the weighted mean of those of its subsets that are
 * present. */
void gd_sections_score(gd_sections *sections, const char *const *names, const double *accuracy, size_t count);

/* ---- version 2: a row has several answers, of which the first ones are correct ---- */

/* The number of answers with the highest score if the first answer has it, else 0. A row's credit is 1 / this, or 0. */
uint32_t gd_best_shares(const float *scores, size_t count);

/* The subset Ties: prompts with one correct answer ("ref:N") and with several ("tied:N"), which should score alike. */
typedef struct gd_tie {
    int64_t number;
    bool tied;
    double lowest, highest, wrong; /* lowest and highest score of a correct answer, highest of a wrong one */
} gd_tie;

typedef struct gd_ties {
    gd_tie *list;
    size_t count, room;
} gd_ties;

/* Reads "ref:12" or "tied:12"; false if it is neither. */
bool gd_tie_id(gd_tie *tie, const char *id);

/* Rows with the same id count as one row with the answers of all.  The first `correct` scores, at least one and not
 * all, are those of correct answers.  Fails only if out of memory. */
gd_status gd_ties_add(gd_ties *ties, const char *id, const float *scores, size_t correct, size_t count, gd_error *err);

/*
 * With a: the lowest correct score minus the highest wrong one; d: the highest correct score minus the lowest correct
 * one; s: the smaller a of the two prompts with the same number; over the numbers that have both prompts:
 *     0.3 mean(a > 0 of tied) + 0.3 mean(a > 0 of ref) + 0.2 mean(a of tied > d) + 0.2 mean(s > d)
 *         + 0.01 mean(tanh(s / d - 1))
 * where 0 / 0 counts as 0, and d is that of tied.  NaN if no number has both.  Sorts the list.
 */
double gd_ties_score(gd_ties *ties);
void gd_ties_free(gd_ties *ties);

#endif
