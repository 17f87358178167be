/* tensors.h - what has been learnt, in safetensors files: a tensor for each parameter's values, named as PEFT names it
 * ("base_model.model.MODULE.lora_A.weight"), or as in the model if all of it learns; or two for its moments, ".exp_avg"
 * and ".exp_avg_sq" added to that name.  All are fp32. */
#ifndef GD_TRAIN_TENSORS_H
#define GD_TRAIN_TENSORS_H

#include "base/newdir.h"
#include "train/tuning.h"

typedef enum gd_tensors { GD_TENSORS_VALUES, GD_TENSORS_MOMENTS } gd_tensors;

/* Adds the file to the directory. */
gd_status gd_tensors_write(gd_newdir *dir, const char *name, const gd_tuning *tuning, gd_tensors which, gd_error *err);

/* Fills the parameters with the bits of such a file, which must have the tensors of this tuning, no others, and finite
 * numbers; else fails with GD_EFORMAT.  The parameters are unspecified after a failure. */
gd_status gd_tensors_read(const char *path, gd_tuning *tuning, gd_tensors which, gd_error *err);

#endif
