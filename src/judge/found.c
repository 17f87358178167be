/* found.c - what filter has found out about the records so far. */
#include "judge/found.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In front of a finding's scores. */
struct head {
    uint64_t index;
    uint32_t verdict, count, has_value;
    float value;
};

static gd_status add_index(struct gd_indices *list, uint64_t index, gd_error *err)
{
    if (!gd_grow((void **)&list->index, &list->room, list->count + 1, sizeof *list->index))
        return gd_fail_memory(err, (list->count + 1) * sizeof *list->index);
    list->index[list->count++] = index;
    return GD_OK;
}

/* For the second pass, which knows the verdicts of all but those that failed. */
static gd_status add_to_list(gd_found *found, const gd_finding *finding, gd_error *err)
{
    gd_status rc = add_index(finding->has_value ? &found->scored : &found->failed, finding->index, err);

    for (size_t i = 0; !rc && finding->has_value && i < finding->count; i++)
        rc = gd_values_add(&found->scores, finding->scores[i], err);
    return rc;
}

static gd_status write_finding(const gd_finding *finding, gd_sink *file, gd_error *err)
{
    const struct head head = { .index = finding->index, .verdict = (uint32_t)finding->verdict,
                               .count = (uint32_t)finding->count, .has_value = finding->has_value,
                               .value = finding->value };
    const gd_status rc = gd_sink_write(file, &head, sizeof head, err);

    return rc || !finding->count ? rc : gd_sink_write(file, finding->scores, finding->count * sizeof(float), err);
}

gd_status gd_found_add(gd_found *found, const gd_finding *finding, gd_sink *file, gd_error *err)
{
    gd_status rc = finding->has_value ? gd_values_add(&found->values, finding->value, err) : GD_OK;

    if (!rc && found->list)
        rc = add_to_list(found, finding, err);
    if (!found->list || finding->verdict == GD_VERDICT_FAIL)
        found->counts[finding->verdict]++;
    return rc || !file ? rc : write_finding(finding, file, err);
}

/* ---- reading ---- */

/* Reads one finding, of which at most `left` bytes are there; *scores grows as needed. */
static bool read_finding(FILE *f, uint64_t left, gd_finding *out, gd_values *scores)
{
    struct head head;

    if (left < sizeof head || fread(&head, sizeof head, 1, f) != 1)
        return false;
    if (head.verdict > GD_VERDICT_FAIL || head.has_value > 1 || head.count > (left - sizeof head) / sizeof(float) ||
        !gd_grow((void **)&scores->value, &scores->room, head.count + 1, sizeof *scores->value))
        return false;
    *out = (gd_finding){ head.index, (gd_verdict)head.verdict, head.has_value, head.value, scores->value, head.count };
    return fread(scores->value, sizeof *scores->value, head.count, f) == head.count;
}

gd_status gd_found_read(gd_found *found, const char *path, uint64_t bytes, gd_error *err)
{
    FILE *f = fopen(path, "rbe");
    gd_values scores = { 0 };
    gd_finding finding = { 0 };
    uint64_t at = 0;
    gd_status rc = GD_OK;

    if (!f)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    while (!rc && at < bytes) {
        if (read_finding(f, bytes - at, &finding, &scores))
            rc = gd_found_add(found, &finding, NULL, err);
        else
            rc = gd_fail(err, GD_EFORMAT, "%s: it is not as it was left; to begin anew, remove the file of this name "
                         "without \".found\"", path);
        at += sizeof(struct head) + finding.count * sizeof(float);
    }
    gd_values_free(&scores);
    (void)fclose(f);
    return rc;
}

void gd_found_free(gd_found *found)
{
    gd_values_free(&found->values);
    gd_values_free(&found->scores);
    gd_free(found->scored.index);
    gd_free(found->failed.index);
    *found = (gd_found){ 0 };
}
