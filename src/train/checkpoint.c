/* checkpoint.c - the folders of a training run that hold what it has learnt so far. */
#include "train/checkpoint.h"

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "train/checkpoint_folders.h"
#include "train/checkpoint_manifest.h"
#include "train/tensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define OPTIMIZER "optimizer.safetensors"

gd_status gd_checkpoint_lock(int *lock, const char *output, gd_error *err)
{
    *lock = gd_lock_open(output, O_RDONLY | O_DIRECTORY);
    if (*lock >= 0)
        return GD_OK;
    if (errno != EWOULDBLOCK)
        return gd_fail(err, GD_EIO, "%s: %s", output, strerror(errno));
    return gd_fail(err, GD_EIO,
                   "%s: another run is writing to this directory; wait for its end, or choose another output", output);
}

/* ---- writing ---- */

/* What every folder has; the configuration of the adapter or model comes last. */
static gd_status put_result(gd_newdir *dir, const gd_checkpoint *checkpoint, gd_error *err)
{
    gd_status rc = GD_OK;

    if (checkpoint->base)
        rc = gd_merge_tokenizer(dir, checkpoint->base, err);
    if (!rc)
        rc = gd_newdir_put(dir, "guerdon-adapter.json", checkpoint->settings, strlen(checkpoint->settings), err);
    if (rc)
        return rc;
    return checkpoint->parts->tuning->full ? gd_model_save(dir, checkpoint->parts, checkpoint->base, err)
                                           : gd_adapter_save(dir, checkpoint->parts, err);
}

static gd_status fill(const char *path, const gd_checkpoint *checkpoint, bool resumable, gd_error *err)
{
    gd_newdir *dir;
    gd_status rc = gd_newdir_open(&dir, path, err);

    if (rc)
        return rc;
    if (resumable)
        rc = gd_tensors_write(dir, OPTIMIZER, checkpoint->parts->tuning, GD_TENSORS_MOMENTS, err);
    if (!rc)
        rc = put_result(dir, checkpoint, err);
    if (!rc && resumable)
        rc = gd_manifest_write(dir, path, checkpoint->mark, checkpoint->run, err);
    if (!rc)
        rc = gd_newdir_keep(dir, err);
    gd_newdir_close(dir);
    return rc;
}

static gd_status write_folder(const char *output, const char *name, const gd_checkpoint *checkpoint, bool resumable,
                              gd_error *err)
{
    gd_folders folders;
    gd_buf path = { 0 };
    gd_status rc = gd_folders_open(&folders, output, err);

    if (!rc && folders.dir < 0)
        rc = gd_fail(err, GD_EIO, "%s: there is no such directory", output);
    if (!rc)
        rc = gd_folder_check(&folders, name, err);
    gd_buf_printf(&path, "%s/%s.new", output, name);
    if (!rc)
        rc = gd_buf_cstr(&path) ? fill(path.data, checkpoint, resumable, err) : gd_fail_memory(err, path.len);
    if (!rc)
        rc = gd_folder_place(&folders, name, err);
    gd_buf_free(&path);
    gd_folders_close(&folders);
    return rc;
}

gd_status gd_checkpoint_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err)
{
    char name[GD_FOLDER_NAME];

    gd_folder_name(name, checkpoint->mark->step);
    return write_folder(output, name, checkpoint, true, err);
}

gd_status gd_best_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err)
{
    return write_folder(output, GD_FOLDER_BEST, checkpoint, false, err);
}

gd_status gd_result_write(const char *output, const gd_checkpoint *checkpoint, gd_error *err)
{
    gd_newdir *dir;
    gd_status rc = gd_newdir_join(&dir, output, err);

    if (rc)
        return rc;
    rc = put_result(dir, checkpoint, err);
    if (!rc)
        rc = gd_newdir_keep(dir, err);
    gd_newdir_close(dir);
    return rc;
}

/* ---- reading ---- */

/* Whether a checkpoint is sound, and if not, why.  Fails only without memory. */
static gd_status examine(char **path, bool *sound, gd_error *why, const gd_folders *folders, uint64_t step,
                         gd_error *err)
{
    char name[GD_FOLDER_NAME];
    gd_train_mark mark;
    json_t *run = NULL;
    gd_status rc;

    gd_folder_name(name, step);
    *sound = false;
    *why = (gd_error){ 0 };
    *path = gd_path_join(folders->output, name);
    if (!*path)
        return gd_fail_memory(err, strlen(folders->output) + sizeof name);
    rc = gd_manifest_read(*path, &mark, &run, why);
    if (!rc && mark.step != step)
        rc = gd_fail(why, GD_EFORMAT, "%s/" GD_FOLDER_MANIFEST ": its step is %" PRIu64 ", but %" PRIu64 " is expected",
                     *path, mark.step, step);
    json_decref(run);
    *sound = rc == GD_OK;
    return rc == GD_ENOMEM ? gd_fail(err, rc, "%s", why->text) : GD_OK;
}

/* What is wrong, without the path that the sentence begins with. */
static gd_status note(gd_notes *notes, const char *path, const gd_error *why, gd_error *err)
{
    const size_t len = strlen(path);
    const bool named = !strncmp(why->text, path, len) && why->text[len] == '/';

    return gd_notes_add(notes, err, "%s is passed over: %s", path, why->text + (named ? len + 1 : 0));
}

gd_status gd_checkpoint_find(char **path, const char *output, uint64_t below, gd_notes *notes, gd_error *err)
{
    gd_folders folders;
    bool sound = false;
    gd_status rc = gd_folders_open(&folders, output, err);

    *path = NULL;
    for (size_t i = 0; !rc && !sound && i < folders.count; i++) {
        gd_error why;

        if (folders.steps[i] >= below)
            continue;
        rc = examine(path, &sound, &why, &folders, folders.steps[i], err);
        if (!rc && why.status == GD_EIO)
            rc = gd_fail(err, GD_EIO, "%.400s; to continue without this checkpoint, move it elsewhere", why.text);
        if (!rc && !sound)
            rc = note(notes, *path, &why, err);
        if (!sound) {
            gd_free(*path);
            *path = NULL;
        }
    }
    gd_folders_close(&folders);
    return rc;
}

static gd_status read_tensors(const char *path, const char *name, gd_tuning *tuning, gd_tensors which, gd_error *err)
{
    char *file = gd_path_join(path, name);
    const gd_status rc = file ? gd_tensors_read(file, tuning, which, err)
                              : gd_fail_memory(err, strlen(path) + strlen(name) + 2);

    gd_free(file);
    return rc;
}

gd_status gd_checkpoint_peek(const char *path, json_t *run, gd_train_mark *mark, gd_error *err)
{
    json_t *there;
    gd_status rc = gd_manifest_read(path, mark, &there, err);

    if (!rc && !gd_manifest_adopt(run, there))
        rc = gd_fail_memory(err, 0);
    if (!rc)
        rc = gd_manifest_compare(path, there, run, err);
    json_decref(there);
    return rc;
}

gd_status gd_checkpoint_load(const char *path, gd_tuning *tuning, gd_error *err)
{
    const gd_status rc = read_tensors(path, gd_save_values(tuning), tuning, GD_TENSORS_VALUES, err);

    return rc ? rc : read_tensors(path, OPTIMIZER, tuning, GD_TENSORS_MOMENTS, err);
}

/* ---- removing ---- */

/* From there on, the place of the newest sound checkpoint in the list; the list's end if there is none. */
static gd_status find_sound(size_t *place, const gd_folders *folders, gd_error *err)
{
    bool sound = false;
    gd_status rc = GD_OK;

    for (; !rc && *place < folders->count; ++*place) {
        gd_error why;
        char *path;

        rc = examine(&path, &sound, &why, folders, folders->steps[*place], err);
        gd_free(path);
        if (sound)
            break;
    }
    return rc;
}

gd_status gd_checkpoint_prune(const char *output, uint64_t step, size_t keep, gd_error *err)
{
    gd_folders folders;
    size_t first = 0, sound;
    gd_status rc = gd_folders_open(&folders, output, err);

    while (first < folders.count && folders.steps[first] > step)
        first++;
    sound = first;
    if (!rc && folders.count - first > keep)
        rc = find_sound(&sound, &folders, err);
    for (size_t i = first; !rc && i < folders.count; i++) {
        char name[GD_FOLDER_NAME];

        gd_folder_name(name, folders.steps[i]);
        if (i - first >= keep && i != sound)
            rc = gd_folder_remove(&folders, name, err);
    }
    gd_folders_close(&folders);
    return rc;
}
