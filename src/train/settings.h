/* settings.h - a caller's options, checked, with the defaults in their places. */
#ifndef GD_TRAIN_SETTINGS_H
#define GD_TRAIN_SETTINGS_H

#include "train/trainer.h"

/* Whether the forward pass keeps what the backward pass needs of a layer. */
typedef enum gd_keeping { GD_KEEP_AUTO, GD_KEEP_NONE, GD_KEEP_ALL } gd_keeping;

typedef struct gd_train_settings {
    gd_options model;         /* truncate is GD_TRUNCATE_DROP */
    gd_train_options options; /* the caller's texts and lists; a number that wasn't given is 0 */
    size_t rank;
    double alpha;
    gd_trainer_options trainer; /* its total and warmup are set by gd_train_settings_plan() */
    double epochs;
    size_t epoch_steps; /* by gd_train_settings_plan() */
    uint32_t seed;
    gd_keeping keeping;
    bool full; /* every weight learns */
    bool trl;  /* compat */
} gd_train_settings;

/* Everything that the options say stays the caller's. Fails with GD_EUSAGE. */
gd_status gd_train_settings_read(gd_train_settings *out, const gd_options *model, const gd_train_options *options,
                                 gd_error *err);

/* The number of steps for so many items. Fails with GD_EUSAGE if there would be too many. */
gd_status gd_train_settings_plan(gd_train_settings *settings, size_t items, gd_error *err);

#endif
