/* targets.h - which modules get LoRA matrices: as PEFT's target_modules. */
#ifndef GD_TRAIN_TARGETS_H
#define GD_TRAIN_TARGETS_H

#include "graph/plan.h"
#include "quant-free/pattern.h"

typedef struct gd_targets {
    char *text; /* the names, with NULs between them */
    const char *
        *names; /* [count] ends of modules' names, whole parts: "q_proj", "self_attn.q_proj"; or all of a plan's */
    size_t count;
    gd_pattern *pattern; /* NULL, or a regular expression for the whole name, in place of names */
    const char *given;   /* the pattern's text */
} gd_targets;

/* "all-linear", names separated by commas, or a regular expression, which has another character than letters, digits,
 * "_", "-", "." and ",".  Fails with GD_EUSAGE unless each of them matches a linear module of the plan.  `given` must
 * outlive the targets. */
gd_status gd_targets_open(gd_targets *targets, const char *given, const gd_plan *plan, gd_error *err);

/* Those of the plan's modules that a list names, and no others: by the ends of their names, or, where
 * others end so, too, by whole names. For an adapter that was read. */
gd_status gd_targets_of(gd_targets *targets, const gd_plan *plan, const char *const *modules, size_t count,
                        gd_error *err);

gd_status gd_targets_match(const gd_targets *targets, const char *module, bool *matches, gd_error *err);
void gd_targets_close(gd_targets *targets); /* all zero is fine */

#endif
