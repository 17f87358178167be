/* describe.h - a run in JSON: what it is, for its log, its checkpoints and whoever reads them; and how texts become
 * tokens, which scoring with the adapter must know. */
#ifndef GD_TRAIN_DESCRIBE_H
#define GD_TRAIN_DESCRIBE_H

#include "base/json.h"
#include "train/training.h"

/* The first line of the log: settings, counts, baselines. */
gd_status gd_describe_run(json_t **out, const gd_training *training, gd_error *err);

/* The same with the digests of all that is read: when any of it has changed, a run can't be continued. */
#define GD_RUN_FILES "files of the model"
#define GD_RUN_RECORDS "records"
gd_status gd_describe_identity(json_t **out, const gd_training *training, const json_t *run, gd_error *err);

/* The first line of the log again, without the digests; NULL for lack of memory. */
json_t *gd_describe_of(const json_t *identity);

/* The text of guerdon-adapter.json for the adapter of a step, freed with gd_free(). */
gd_status gd_describe_adapter(char **text, const gd_training *training, const json_t *run, uint64_t step,
                              gd_error *err);

/* Where the head reads an example, and what a length rule gets right: two lines for the user. */
gd_status gd_describe_notes(gd_training *training, gd_error *err);

#endif
