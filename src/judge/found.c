/* found.c - what filter has found out about the records so far. */
#include "judge/found.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* In front of a finding's scores. */
struct head {
    uint64_t index, digest;
    uint32_t verdict, count;
    float value;
    uint32_t zero;
};

/* FNV-1a (Fowler, Noll and Vo), of 64 bits. */
uint64_t gd_seen_digest(const gd_record *record)
{
    uint64_t digest = 0xcbf29ce484222325u ^ record->length;

    for (size_t i = 0; record->raw && i < record->length; i++)
        digest = (digest ^ (unsigned char)record->raw[i]) * 0x100000001b3u;
    return digest;
}

/* For the second pass, which knows the verdicts of all but those that failed. */
static gd_status add_to_list(gd_found *found, const gd_finding *finding, gd_error *err)
{
    gd_status rc = GD_OK;

    if (!gd_grow((void **)&found->seen, &found->seen_room, found->seen_count + 1, sizeof *found->seen))
        return gd_fail_memory(err, (found->seen_count + 1) * sizeof *found->seen);
    found->seen[found->seen_count++] = finding->seen;
    for (size_t i = 0; !rc && i < finding->seen.count; i++)
        rc = gd_values_add(&found->scores, finding->scores[i], err);
    return rc;
}

static gd_status write_finding(const gd_finding *finding, gd_sink *file, gd_error *err)
{
    const gd_seen *seen = &finding->seen;
    const struct head head = { .index = seen->index,
                               .digest = seen->digest,
                               .verdict = (uint32_t)finding->verdict,
                               .count = seen->count,
                               .value = finding->value };
    const gd_status rc = gd_sink_write(file, &head, sizeof head, err);

    return rc || !seen->count ? rc : gd_sink_write(file, finding->scores, seen->count * sizeof(float), err);
}

gd_status gd_found_add(gd_found *found, const gd_finding *finding, gd_sink *file, gd_error *err)
{
    gd_status rc = finding->seen.count ? gd_values_add(&found->values, finding->value, err) : GD_OK;

    if (!rc && found->list)
        rc = add_to_list(found, finding, err);
    if (!found->list || finding->verdict == GD_VERDICT_FAIL)
        found->counts[finding->verdict]++;
    found->all++;
    return rc || !file ? rc : write_finding(finding, file, err);
}

/* ---- reading ---- */

/* Reads one finding, of which at most `left` bytes are there; *scores grows as needed. */
static bool read_finding(FILE *f, uint64_t left, gd_finding *out, gd_values *scores)
{
    struct head head;

    if (left < sizeof head || fread(&head, sizeof head, 1, f) != 1)
        return false;
    if (head.verdict > GD_VERDICT_FAIL || (head.count == 0 && head.verdict != GD_VERDICT_FAIL) ||
        !isfinite(head.value) || head.count > (left - sizeof head) / sizeof(float) ||
        !gd_grow((void **)&scores->value, &scores->room, head.count + 1, sizeof *scores->value))
        return false;
    *out = (gd_finding){ { head.index, head.digest, head.count }, (gd_verdict)head.verdict, head.value, scores->value };
    return fread(scores->value, sizeof *scores->value, head.count, f) == head.count;
}

static gd_status refuse(const char *path, gd_error *err)
{
    return gd_fail(err, GD_EFORMAT,
                   "%s: it is not as it was left; to begin anew, remove the file of this name without "
                   "\".found\"",
                   path);
}

static gd_status read_all(gd_found *found, FILE *f, const char *path, uint64_t bytes, uint64_t items, gd_error *err)
{
    gd_values scores = { 0 };
    gd_finding finding = { 0 };
    uint64_t at = 0, next = 0;
    gd_status rc = GD_OK;

    while (!rc && at < bytes) {
        if (!read_finding(f, bytes - at, &finding, &scores) || finding.seen.index < next || finding.seen.index >= items)
            rc = refuse(path, err);
        else
            rc = gd_found_add(found, &finding, NULL, err);
        next = finding.seen.index + 1;
        at += sizeof(struct head) + finding.seen.count * sizeof(float);
    }
    gd_values_free(&scores);
    return rc;
}

gd_status gd_found_read(gd_found *found, const char *path, uint64_t bytes, uint64_t wanted, uint64_t items,
                        gd_error *err)
{
    FILE *f = fopen(path, "rbe");
    gd_status rc;

    if (!f)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    rc = read_all(found, f, path, bytes, items, err);
    (void)fclose(f);
    return rc || found->all == wanted ? rc : refuse(path, err);
}

void gd_found_free(gd_found *found)
{
    gd_values_free(&found->values);
    gd_values_free(&found->scores);
    gd_free(found->seen);
    *found = (gd_found){ 0 };
}
