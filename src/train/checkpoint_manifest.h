/* checkpoint_manifest.h - manifest.json, which says what a checkpoint is, and with which files it is whole:
 *
 *     {"format":"guerdon-checkpoint/1",
 *      "mark":{"step":8,..,"best":"3fe5555555555555",..},     best: the bits of a double
 *      "run":{..},
 *      "files":{"optimizer.safetensors":{"bytes":200,"digest":"16 hex digits"},..},
 *      "digest":"16 hex digits"}                              of the bytes before this member
 *
 * The digests are those of base/digest.h over pieces of a mebibyte. */
#ifndef GD_TRAIN_CHECKPOINT_MANIFEST_H
#define GD_TRAIN_CHECKPOINT_MANIFEST_H

#include "base/json.h"
#include "base/newdir.h"
#include "train/checkpoint.h"

/* Adds the manifest of the files that the directory `path` has so far, all of them complete. */
gd_status gd_manifest_write(gd_newdir *dir, const char *path, const gd_train_mark *mark, const json_t *run,
                            gd_error *err);

/* Reads the manifest of a checkpoint, and compares every file of it.  *run is json_decref'd by the caller.  Fails with
 * GD_EFORMAT or GD_EIO if the checkpoint is not sound. */
gd_status gd_manifest_read(const char *path, gd_train_mark *mark, json_t **run, gd_error *err);

/* Gives `here` the names that the model and the data have `there`, where these are the same by their digests, or the
 * same files: a path may be spelled in another way, or lead there from another directory.  False for lack of memory. */
bool gd_manifest_adopt(json_t *here, const json_t *there);

/* Fails with GD_EUSAGE, naming the first member that differs, unless the runs have equal members, theirs included. */
gd_status gd_manifest_compare(const char *path, const json_t *there, const json_t *here, gd_error *err);

#endif
