/* advice.h - notices that matter to a run: what the adapter's files say that the options do not, and plain C. */
#ifndef GD_REWARD_ADVICE_H
#define GD_REWARD_ADVICE_H

#include "reward/model.h"

/* Notes that the adapter was trained on another model, by its base_model_name_or_path. `model` is its name as given. */
gd_status gd_advise_base(gd_notes *notes, const gd_adapter *adapter, const char *adapter_dir, const char *model,
                         const gd_config *config, gd_error *err);

/* Adds to model->notes, for an adapter, the notice that it was trained on another model, by its
 * base_model_name_or_path; and for an adapter or a model that TRL trained, what its plain texts end with. The files of
 * the model must be open. `options` are those it was opened with. */
gd_status gd_advise(gd_model *model, const gd_options *options, gd_error *err);

/* The same about the engine, which is open. */
gd_status gd_advise_speed(gd_model *model, gd_error *err);

#endif
