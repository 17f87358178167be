/* options.h - what a caller asks for, of whatever version, made options of our own and checked. */
#ifndef GD_REWARD_OPTIONS_H
#define GD_REWARD_OPTIONS_H

#include "guerdon.h"
#include "quant-free/view.h"

gd_status gd_options_read(gd_options *own, const gd_options *theirs, gd_error *err);

/* Of options that were read: the model's and the adapter's directories, freed by the caller with gd_free; and the type
 * of operands. */
gd_status gd_options_dirs(const gd_options *options, char **dir, char **adapter_dir, gd_error *err);
gd_status gd_options_operand(const gd_options *options, gd_dtype *operand, gd_error *err);

gd_status gd_file_options_read(gd_file_options *own, const gd_file_options *theirs, gd_error *err);

/* NULL is nobody who asks. */
gd_status gd_progress_read(gd_progress *own, const gd_progress *theirs, gd_error *err);

#endif
