/* name.c - whether the name of an output says what is written to it. */
#include "data/name.h"

#include "base/error.h"
#include "data/codec.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a name that ends in this promises. */
static const struct promise {
    const char *ending, *what;
    gd_format format; /* GD_FORMAT_AUTO: none that is ever written */
} promises[] = {
    { "jsonl", "JSON lines", GD_FORMAT_JSONL },
    { "ndjson", "JSON lines", GD_FORMAT_JSONL },
    { "json", "JSON", GD_FORMAT_JSON },
    { "csv", "CSV", GD_FORMAT_CSV },
    { "tsv", "TSV", GD_FORMAT_TSV },
    { "parquet", "Parquet", GD_FORMAT_AUTO },
    { "arrow", "Arrow", GD_FORMAT_AUTO },
    { "feather", "Arrow", GD_FORMAT_AUTO },
    { "avro", "Avro", GD_FORMAT_AUTO },
    { "orc", "ORC", GD_FORMAT_AUTO },
    { "xlsx", "Excel", GD_FORMAT_AUTO },
    { "xls", "Excel", GD_FORMAT_AUTO },
    { "pkl", "a pickle", GD_FORMAT_AUTO },
    { "pickle", "a pickle", GD_FORMAT_AUTO },
    { "npy", "NumPy", GD_FORMAT_AUTO },
    { "npz", "NumPy", GD_FORMAT_AUTO },
    { "safetensors", "tensors", GD_FORMAT_AUTO },
    { "tar", "a tar archive", GD_FORMAT_AUTO },
    { "html", "HTML", GD_FORMAT_AUTO },
    { "htm", "HTML", GD_FORMAT_AUTO },
    { "xml", "XML", GD_FORMAT_AUTO },
    { "yaml", "YAML", GD_FORMAT_AUTO },
    { "yml", "YAML", GD_FORMAT_AUTO },
    { "db", "a database", GD_FORMAT_AUTO },
    { "sqlite", "a database", GD_FORMAT_AUTO },
    { "sqlite3", "a database", GD_FORMAT_AUTO },
};

/* Compressions that aren't written, and other spellings of those that are. */
static const char *const packers[] = {
    "gz", "gzip", "tgz", "zst", "zstd", "bz2", "xz", "lzma", "lz4", "br", "zip", "7z"
};

/* Whether the first `len` bytes of `path` end in .ENDING, in small letters or capitals, after the name of a file: .csv
 * alone is the name of a hidden one. */
static bool ends_in(const char *path, size_t len, const char *ending)
{
    const size_t n = strlen(ending);

    return len > n + 1 && path[len - n - 1] == '.' && path[len - n - 2] != '/' &&
           strncasecmp(path + len - n, ending, n) == 0;
}

static const char *name_of(gd_format format)
{
    return format == GD_FORMAT_CSV    ? "CSV"
           : format == GD_FORMAT_TSV  ? "TSV"
           : format == GD_FORMAT_TEXT ? "text"
                                      : "JSON";
}

/* JSON lines may be called JSON: many programs do so. */
static bool is_kept(const struct promise *promise, gd_format lines)
{
    const bool json = lines == GD_FORMAT_JSONL || lines == GD_FORMAT_JSON;

    return promise->format == lines ||
           (json && (promise->format == GD_FORMAT_JSON || promise->format == GD_FORMAT_JSONL));
}

static gd_status check_name(const char *path, gd_format lines, gd_error *err)
{
    const gd_codec *codec = gd_codec_by_suffix(path);
    const size_t len = strlen(path) - (codec ? strlen(codec->suffix) : 0);

    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++)
        if (ends_in(path, len, packers[i]))
            return gd_fail(err, GD_EUSAGE,
                           "%s: by its name the file is compressed, but only names that end in .gz or .zst make it so; "
                           "choose another one",
                           path);
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++)
        if (ends_in(path, len, promises[i].ending) && !is_kept(&promises[i], lines))
            return gd_fail(
                err, GD_EUSAGE,
                "%s: by its name the file is %s, but what is written to it is %s; choose another name, such as "
                "one in .%s",
                path, promises[i].what, name_of(lines),
                lines == GD_FORMAT_CSV    ? "csv"
                : lines == GD_FORMAT_TSV  ? "tsv"
                : lines == GD_FORMAT_TEXT ? "txt"
                                          : "jsonl");
    return GD_OK;
}

/* What is written goes through a link, and has the compression of the link's name.  (Whether the target is a file that
 * is read, such as a model's, is asked elsewhere.) */
static gd_status check_link(const char *path, gd_error *err)
{
    char target[PATH_MAX];
    const ssize_t len = readlink(path, target, sizeof target - 1);

    if (len < 0)
        return GD_OK;
    target[len] = '\0';
    if (gd_codec_by_suffix(path) != gd_codec_by_suffix(target))
        return gd_fail(
            err, GD_EUSAGE,
            "%.300s is a link to %.300s, whose name says something else of the compression; choose another one", path,
            target);
    return GD_OK;
}

gd_status gd_output_name(const char *path, gd_format lines, gd_error *err)
{
    struct stat sb;
    gd_status rc;

    if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode))
        return GD_OK;
    rc = check_name(path, lines, err);
    return rc ? rc : check_link(path, err);
}
