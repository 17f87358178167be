/* reads.c - the files that a model is read from. */
#include "reward/reads.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/samefile.h"
#include "reward/trained.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the list ---- */

/* Of a directory: whatever ids, text and mathematics depend on. */
static const char *const names[] = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "additional_chat_templates/default.jinja",
    "chat_template.jinja",
    "chat_template.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    GD_TRAINED_FILE,
    "model.safetensors.index.json",
};
enum { NAMES = sizeof names / sizeof names[0] };

gd_status gd_reads_add(gd_reads *reads, const char *path, bool mapped, gd_error *err)
{
    char *copy = gd_strdup(path);

    if (!copy)
        return gd_fail_memory(err, strlen(path));
    if (!gd_grow((void **)&reads->list, &reads->room, reads->count + 1, sizeof *reads->list)) {
        gd_free(copy);
        return gd_fail_memory(err, (reads->count + 1) * sizeof *reads->list);
    }
    reads->list[reads->count].path = copy;
    reads->list[reads->count++].mapped = mapped;
    return GD_OK;
}

/* A value that may be the name of a file: one that can't be examined must not count as something else, or the run that
 * reads it would seem to have no such file. */
static gd_status add_given(gd_reads *reads, const char *path, gd_error *err)
{
    struct stat sb;

    if (!path)
        return GD_OK;
    if (stat(path, &sb) == 0)
        return S_ISREG(sb.st_mode) ? gd_reads_add(reads, path, false, err) : GD_OK;
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG)
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
}

gd_status gd_reads_add_found(gd_reads *reads, const char *dir, const char *const *files, size_t count, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < count; i++) {
        bool there = false;
        char *path;

        rc = gd_file_find(&path, &there, dir, files[i], err);
        if (!rc && there)
            rc = gd_reads_add(reads, path, false, err);
        gd_free(path);
    }
    return rc;
}

static gd_status add_dir(gd_reads *reads, char **ours, const char *dir, gd_error *err)
{
    if (!dir)
        return GD_OK;
    *ours = gd_strdup(dir);
    return *ours ? gd_reads_add_found(reads, dir, names, NAMES, err) : gd_fail_memory(err, strlen(dir) + 1);
}

gd_status gd_reads_find(gd_reads *reads, const gd_options *options, const char *dir, const char *adapter_dir,
                        gd_error *err)
{
    const char *const given[] = { options->graph, options->head, options->chat_format,
                                  options->normalize }; /* perhaps no files */
    gd_status rc;

    *reads = (gd_reads){ 0 };
    rc = add_dir(reads, &reads->dirs[0], dir, err);
    if (!rc)
        rc = add_dir(reads, &reads->dirs[1], adapter_dir, err);
    for (size_t i = 0; !rc && i < sizeof given / sizeof given[0]; i++)
        rc = add_given(reads, given[i], err);
    return rc;
}

void gd_reads_free(gd_reads *reads)
{
    for (size_t i = 0; i < reads->count; i++)
        gd_free(reads->list[i].path);
    gd_free(reads->list);
    gd_free(reads->dirs[0]);
    gd_free(reads->dirs[1]);
    *reads = (gd_reads){ 0 };
}

/* ---- what tells whether a file is the same ---- */

enum { BLOCK = 65536 };

/* Fills the block, unless the file ends first; -1 on failure. */
static ssize_t read_block(int fd, unsigned char *block, size_t room)
{
    size_t got = 0;
    ssize_t n = 1;

    while (got < room && n != 0) {
        n = read(fd, block + got, room - got);
        if (n < 0 && errno != EINTR)
            return -1;
        got += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)got;
}

/* Continues with the next `len` bytes of the file, or those that are left. */
static gd_status digest_part(uint64_t *digest, int fd, uint64_t len, unsigned char block[BLOCK])
{
    ssize_t n = 1;

    for (; len > 0 && n > 0; len -= (uint64_t)n) {
        n = read_block(fd, block, len < BLOCK ? (size_t)len : BLOCK);
        if (n < 0)
            return GD_EIO;
        *digest = gd_digest(*digest, block, (size_t)n);
    }
    return GD_OK;
}

/* The length of a safetensors file's header, with the 8 bytes that say it. */
static uint64_t header_length(const unsigned char p[8])
{
    uint64_t n = 0;

    for (size_t i = 8; i-- > 0;)
        n = n << 8 | p[i];
    return 8 + (n < UINT32_MAX ? n : UINT32_MAX);
}

static gd_status digest_file(uint64_t *digest, gd_stamp *stamp, const gd_read_file *file, gd_error *err)
{
    unsigned char *block = gd_alloc(BLOCK, 1);
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    gd_status rc = GD_OK;

    *digest = 0;
    if (!block)
        rc = gd_fail_memory(err, BLOCK);
    if (!rc && (fd < 0 || (file->mapped && pread(fd, block, 8, 0) != 8)))
        rc = GD_EIO;
    if (!rc)
        rc = digest_part(digest, fd, file->mapped ? header_length(block) : UINT64_MAX, block);
    if (rc == GD_EIO)
        (void)gd_fail(err, rc, "%s: %s", file->path, strerror(errno));
    if (!rc)
        rc = gd_stamp_take(stamp, fd, file->path, err);
    if (fd >= 0)
        (void)close(fd);
    gd_free(block);
    return rc;
}

static gd_status put_file(gd_buf *json, const gd_read_file *file, const char *path, gd_error *err)
{
    uint64_t digest;
    gd_stamp stamp;
    const gd_status rc = digest_file(&digest, &stamp, file, err);

    if (rc)
        return rc;
    gd_buf_json_string(json, path, strlen(path));
    if (file->mapped)
        gd_buf_printf(json, ":\"%016" PRIx64 " %" PRIu64 " %" PRId64 ".%09" PRId64 "\"", digest, stamp.bytes,
                      stamp.seconds, stamp.nanoseconds);
    else
        gd_buf_printf(json, ":\"%016" PRIx64 "\"", digest);
    return GD_OK;
}

gd_status gd_reads_put(gd_buf *json, const gd_reads *reads, gd_error *err)
{
    gd_status rc = GD_OK;

    gd_buf_str(json, "{");
    for (size_t i = 0; !rc && i < reads->count; i++) {
        char path[PATH_MAX];

        (void)gd_path_real(path, reads->list[i].path);
        gd_buf_str(json, i ? "," : "");
        rc = put_file(json, &reads->list[i], path, err);
    }
    gd_buf_str(json, "}");
    return rc;
}

/* ---- outputs ---- */

/* Whether the first `len` bytes of the name end so. */
static bool ends_with(const char *name, size_t len, const char *ending)
{
    const size_t n = strlen(ending);

    return len >= n && memcmp(name + len - n, ending, n) == 0;
}

/* Results may lie beside a model: scores, rows, a page, the calibration. */
static bool is_no_result(const char *name)
{
    static const char *const endings[] = { ".jsonl", ".csv", ".tsv", ".html", ".resume", ".part", ".found" };
    const size_t all = strlen(name);
    const size_t len = all - (ends_with(name, all, ".gz") ? 3 : ends_with(name, all, ".zst") ? 4 : 0);

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_with(name, len, endings[i]))
            return false;
    return strncmp(name, "guerdon-", 8) != 0;
}

/* A result of this name would be read as settings the next time. */
static bool is_settings(const char *name) { return strcmp(name, GD_TRAINED_FILE) == 0; }

gd_status gd_reads_spare(const gd_reads *reads, const char *output, gd_error *err)
{
    for (size_t i = 0; i < reads->count; i++)
        if (gd_same_file(output, reads->list[i].path))
            return gd_fail(err, GD_EUSAGE, "%s: the run reads this file, as %s; choose another output", output,
                           reads->list[i].path);
    for (size_t i = 0; i < 2; i++) {
        const char *whose = i ? "adapter" : "model";

        if (reads->dirs[i] && gd_dir_holds(reads->dirs[i], output, is_no_result))
            return gd_fail(err, GD_EUSAGE,
                           "%s: this is in the %s's directory, where only files that end in .jsonl, .csv, .tsv or "
                           ".html, or begin with guerdon-, may be written",
                           output, whose);
        if (reads->dirs[i] && gd_dir_holds(reads->dirs[i], output, is_settings))
            return gd_fail(err, GD_EUSAGE,
                           "%s: in the %s's directory, a file of this name says how to score; choose another output",
                           output, whose);
    }
    return GD_OK;
}
