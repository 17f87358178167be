/* data.h - what a run learns from and is evaluated on, and what is worth knowing about it before the first step. */
#ifndef GD_TRAIN_DATA_H
#define GD_TRAIN_DATA_H

#include "base/notes.h"
#include "train/pairs.h"
#include "train/settings.h"

/* What a rule that looks only at the length of texts gets right: shares of the preferences, ties counting half. */
typedef struct gd_baselines {
    double shorter, longer;
} gd_baselines;

typedef struct gd_train_input {
    char *name;       /* "" unless the caller named it */
    const char *path; /* the caller's */
    gd_pairs pairs;
    gd_baselines baselines;
    size_t seen; /* of an evaluation's items: how many have a text that is trained on, too */
} gd_train_input;

typedef struct gd_train_data {
    gd_train_input train;
    gd_train_input *evals; /* [eval_count] */
    size_t eval_count;
} gd_train_data;

/* Reads all inputs.  Records that can't be used are left out, and a note counts them; without any left, it fails with
 * GD_EFORMAT. Free it even after failure. */
gd_status gd_train_data_read(gd_train_data *data, const gd_train_settings *settings, const gd_encoder *encoder,
                             gd_notes *notes, gd_error *err);
void gd_train_data_free(gd_train_data *data);

/* The rows that the texts of each item need together, [set->count] in *rows, freed with gd_free(). */
gd_status gd_train_item_rows(const gd_train_set *set, size_t **rows, gd_error *err);

#endif
