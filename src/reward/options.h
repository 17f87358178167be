/* options.h - turns a caller's structs, of whatever version, into this version's, and checks them. */
#ifndef GD_REWARD_OPTIONS_H
#define GD_REWARD_OPTIONS_H

#include "graph/op.h"
#include "guerdon.h"
#include "quant-free/view.h"

gd_status gd_options_read(gd_options *own, const gd_options *theirs, gd_error *err);

/* The same where there may be no model: nothing is checked but the size of the struct. */
gd_status gd_options_read_any(gd_options *own, const gd_options *theirs, gd_error *err);

/* What scoring computes with where the options leave it open: a GPU if there is one that suits, and the arithmetic of
 * the backend; outputs and their identity then name them. */
gd_status gd_options_choose(gd_options *own, gd_error *err);

/* From options read above: the directories of the model and the adapter, which the caller frees with gd_free(), and the
 * type of operands. */
gd_status gd_options_dirs(const gd_options *options, char **dir, char **adapter_dir, gd_error *err);

/* GD_EFORMAT for an adapter where a model is expected, or a model where an adapter is, or for the folder of a run that
 * isn't finished; adapter_dir may be NULL. */
gd_status gd_options_check_dirs(const char *dir, const char *adapter_dir, gd_error *err);

/* The same of an adapter alone. */
gd_status gd_options_check_adapter(const char *dir, gd_error *err);
gd_status gd_options_operand(const gd_options *options, gd_dtype *operand, gd_error *err);

/* How products are added up. */
gd_status gd_options_arithmetic(const gd_options *options, gd_arithmetic *arithmetic, gd_error *err);

gd_status gd_file_options_read(gd_file_options *own, const gd_file_options *theirs, gd_error *err);

/* `theirs` may be NULL: no progress is reported. */
gd_status gd_progress_read(gd_progress *own, const gd_progress *theirs, gd_error *err);

#endif
