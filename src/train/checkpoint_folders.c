/* checkpoint_folders.c - the folders that a run makes in its output. */
#include "train/checkpoint_folders.h"

#include "base/dir.h"
#include "base/error.h"
#include "base/mem.h"
#include "reward/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT "checkpoint-"
#define NEW ".new"
#define OLD ".old"
#define PART ".part"

static gd_status failed(const gd_folders *folders, const char *name, gd_error *err)
{
    return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s/%s: %s", folders->output, name, strerror(errno));
}

/* ---- names ---- */

void gd_folder_name(char name[GD_FOLDER_NAME], uint64_t step)
{
    (void)snprintf(name, GD_FOLDER_NAME, CHECKPOINT "%" PRIu64, step);
}

static void with_ending(char out[GD_FOLDER_NAME], const char *name, const char *ending)
{
    (void)snprintf(out, GD_FOLDER_NAME, "%.36s%s", name, ending);
}

/* The ending of the name of a folder that a run makes, "" if it has none; NULL if no run makes one of that name. */
static const char *ending_of(const char *name, bool *checkpoint, uint64_t *step)
{
    char again[GD_FOLDER_NAME];
    const char *end = strrchr(name, '.');

    if (!end || (strcmp(end, NEW) != 0 && strcmp(end, OLD) != 0))
        end = name + strlen(name);
    *checkpoint = !strncmp(name, CHECKPOINT, strlen(CHECKPOINT));
    *step = *checkpoint ? strtoull(name + strlen(CHECKPOINT), NULL, 10) : 0;
    gd_folder_name(again, *step); /* there is one way to write a number */
    if (!*checkpoint)
        (void)snprintf(again, sizeof again, GD_FOLDER_BEST);
    return strlen(again) == (size_t)(end - name) && !strncmp(name, again, strlen(again)) ? end : NULL;
}

bool gd_folder_has_file(const char *file)
{
    static const char *const own[] = { "adapter_config.json",  "adapter_model.safetensors",
                                       "guerdon-adapter.json", "optimizer.safetensors",
                                       "config.json",          "model.safetensors" };
    const char *name;

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (!strcmp(file, own[i]))
            return true;
    for (size_t i = 0; (name = gd_merge_tokenizer_file(i)) != NULL; i++)
        if (!strcmp(file, name))
            return true;
    return false;
}

/* Whether a run writes a file of that name into its folders, or a part of one. */
static bool is_ours(const char *file)
{
    const size_t len = strlen(file), part = strlen(PART);
    char whole[64];

    if (len >= sizeof whole)
        return false;
    memcpy(whole, file, len + 1);
    if (len > part && !strcmp(whole + len - part, PART))
        whole[len - part] = '\0';
    return gd_folder_has_file(whole) || !strcmp(whole, GD_FOLDER_MANIFEST);
}

/* ---- what is in a folder ---- */

static DIR *open_list(int dir, const char *name)
{
    return gd_dir_list(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static bool is_file(int dir, const char *name)
{
    struct stat sb;

    return fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(sb.st_mode);
}

/* Fails with GD_EUSAGE unless every entry is a file of ours. */
static gd_status check_entries(const gd_folders *folders, const char *name, DIR *list, gd_error *err)
{
    const char *entry;

    while ((entry = gd_dir_next(list)) != NULL)
        if (!is_ours(entry) || !is_file(dirfd(list), entry))
            return gd_fail(err, GD_EUSAGE,
                           "%s/%s: training would replace this folder, but it contains \"%s\", which no run has "
                           "written; move that elsewhere",
                           folders->output, name, entry);
    return errno ? failed(folders, name, err) : GD_OK;
}

static gd_status check_folder(const gd_folders *folders, const char *name, gd_error *err)
{
    DIR *list = open_list(folders->dir, name);
    gd_status rc;

    if (!list && (errno == ENOTDIR || errno == ELOOP))
        return gd_fail(err, GD_EUSAGE, "%s/%s: training would write a folder of this name; move what has it elsewhere",
                       folders->output, name);
    if (!list)
        return errno == ENOENT ? GD_OK : failed(folders, name, err);
    rc = check_entries(folders, name, list, err);
    (void)closedir(list);
    return rc;
}

gd_status gd_folder_check(const gd_folders *folders, const char *name, gd_error *err)
{
    char fresh[GD_FOLDER_NAME];
    const gd_status rc = check_folder(folders, name, err);

    with_ending(fresh, name, NEW);
    return rc ? rc : check_folder(folders, fresh, err);
}

/* ---- removing ---- */

/* The manifest goes first: what is left is no checkpoint. */
static gd_status remove_files(const gd_folders *folders, const char *name, DIR *list, gd_error *err)
{
    const char *entry;
    int broken = unlinkat(dirfd(list), GD_FOLDER_MANIFEST, 0) < 0 && errno != ENOENT ? errno : 0;

    rewinddir(list);
    while (!broken && (entry = gd_dir_next(list)) != NULL)
        broken = unlinkat(dirfd(list), entry, 0) < 0 && errno != ENOENT ? errno : 0;
    if (!broken && !errno && (unlinkat(folders->dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT))
        return GD_OK;
    errno = broken ? broken : errno;
    return failed(folders, name, err);
}

/* Removes a folder that has no value, if it is there and ours. */
static gd_status clear(const gd_folders *folders, const char *name, gd_error *err)
{
    DIR *list = open_list(folders->dir, name);
    gd_error foreign = { 0 };
    gd_status rc;

    if (!list)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? GD_OK : failed(folders, name, err);
    rc = check_entries(folders, name, list, &foreign);
    if (!rc)
        rc = remove_files(folders, name, list, err);
    else
        rc = rc == GD_EUSAGE ? GD_OK : gd_fail(err, rc, "%s", foreign.text);
    (void)closedir(list);
    return rc;
}

gd_status gd_folder_remove(const gd_folders *folders, const char *name, gd_error *err)
{
    char fresh[GD_FOLDER_NAME];
    gd_error foreign = { 0 };
    gd_status rc = gd_folder_check(folders, name, &foreign);

    if (rc)
        return rc == GD_EUSAGE ? GD_OK : gd_fail(err, rc, "%s", foreign.text);
    with_ending(fresh, name, NEW);
    rc = clear(folders, fresh, err);
    if (rc)
        return rc;
    if (renameat(folders->dir, name, folders->dir, fresh) < 0)
        return errno == ENOENT ? GD_OK : failed(folders, name, err);
    return clear(folders, fresh, err);
}

/* ---- taking a place ---- */

static bool is_there(int dir, const char *name)
{
    struct stat sb;

    return fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Returns -1 and sets errno on failure; then `name` is what it was. */
static int take_place(int dir, const char *fresh, const char *name, const char *old)
{
    int why;

    if (!is_there(dir, name))
        return renameat(dir, fresh, dir, name);
#ifdef RENAME_EXCHANGE
    if (renameat2(dir, fresh, dir, name, RENAME_EXCHANGE) == 0)
        return 0;
#endif
    if (renameat(dir, name, dir, old) < 0)
        return -1;
    if (renameat(dir, fresh, dir, name) == 0)
        return 0;
    why = errno;
    (void)renameat(dir, old, dir, name);
    errno = why;
    return -1;
}

/* A name must be on the disk before what had it is removed. Not every file system can sync a directory. */
static gd_status sync_names(const gd_folders *folders, gd_error *err)
{
    if (fsync(folders->dir) == 0 || errno == EINVAL || errno == ENOTSUP)
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: %s", folders->output, strerror(errno));
}

gd_status gd_folder_place(const gd_folders *folders, const char *name, gd_error *err)
{
    char fresh[GD_FOLDER_NAME], old[GD_FOLDER_NAME];
    gd_status rc;

    with_ending(fresh, name, NEW);
    with_ending(old, name, OLD);
    if (take_place(folders->dir, fresh, name, old) < 0) {
        rc = failed(folders, name, err);
        (void)clear(folders, fresh, NULL);
        return rc;
    }
    rc = sync_names(folders, err);
    if (!rc)
        rc = clear(folders, fresh, err);
    return rc ? rc : clear(folders, old, err);
}

/* ---- what is there ---- */

/* A folder that a killed run has left: NAME.old without a NAME was the last whole one. */
static gd_status settle(const gd_folders *folders, const char *name, const char *ending, gd_error *err)
{
    char whole[GD_FOLDER_NAME];

    (void)snprintf(whole, sizeof whole, "%.*s", (int)(ending - name), name);
    if (!strcmp(ending, OLD) && !is_there(folders->dir, whole))
        return renameat(folders->dir, name, folders->dir, whole) < 0 ? failed(folders, name, err) : GD_OK;
    return clear(folders, name, err);
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Calls settle() on leftovers, or takes the steps of the checkpoints. */
static gd_status look(gd_folders *folders, bool settling, gd_error *err)
{
    DIR *list = open_list(folders->dir, ".");
    gd_status rc = list ? GD_OK : failed(folders, ".", err);
    const char *name;

    while (!rc && (name = gd_dir_next(list)) != NULL) {
        bool checkpoint;
        uint64_t step;
        const char *ending = ending_of(name, &checkpoint, &step);

        if (ending && *ending && settling) {
            rc = settle(folders, name, ending, err);
        } else if (ending && !*ending && checkpoint && !settling) {
            if (!gd_grow((void **)&folders->steps, &folders->room, folders->count + 1, sizeof step))
                rc = gd_fail_memory(err, (folders->count + 1) * sizeof step);
            else
                folders->steps[folders->count++] = step;
        }
    }
    if (!rc && errno)
        rc = failed(folders, ".", err);
    if (list)
        (void)closedir(list);
    return rc;
}

static gd_status open_folders(gd_folders *folders, const char *output, bool settling, gd_error *err)
{
    gd_status rc = GD_OK;

    *folders = (gd_folders){ .output = output };
    folders->dir = open(output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folders->dir < 0)
        return errno == ENOENT ? GD_OK : gd_fail(err, GD_EIO, "%s: %s", output, strerror(errno));
    if (settling)
        rc = look(folders, true, err);
    if (!rc)
        rc = look(folders, false, err);
    if (!rc && folders->count)
        qsort(folders->steps, folders->count, sizeof *folders->steps, newest_first);
    return rc;
}

gd_status gd_folders_open(gd_folders *folders, const char *output, gd_error *err)
{
    return open_folders(folders, output, true, err);
}

gd_status gd_folders_look(gd_folders *folders, const char *output, gd_error *err)
{
    return open_folders(folders, output, false, err);
}

void gd_folders_close(gd_folders *folders)
{
    if (folders->dir >= 0)
        (void)close(folders->dir);
    gd_free(folders->steps);
    *folders = (gd_folders){ .dir = -1 };
}
