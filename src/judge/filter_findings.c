/* filter_findings.c - what filter has found about the records so far. */
#include "judge/filter_findings.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The fixed part of a finding, before its scores. */
struct head {
    uint64_t index, digest;
    uint32_t verdict, count;
    float value;
    uint32_t zero;
};

/* Keeps what the second pass needs to decide on the record. */
static gd_status keep_for_second_pass(gd_filter_findings *findings, const gd_filter_finding *finding, gd_error *err)
{
    gd_status rc = GD_OK;

    if (!gd_grow((void **)&findings->seen, &findings->seen_room, findings->seen_count + 1, sizeof *findings->seen))
        return gd_fail_memory(err, (findings->seen_count + 1) * sizeof *findings->seen);
    findings->seen[findings->seen_count++] = finding->seen;
    for (size_t i = 0; !rc && i < finding->seen.count; i++)
        rc = gd_filter_values_add(&findings->scores, finding->scores[i], err);
    return rc;
}

static gd_status write_finding(const gd_filter_finding *finding, gd_sink *file, gd_error *err)
{
    const gd_filter_seen *seen = &finding->seen;
    const struct head head = { .index = seen->index,
                               .digest = seen->digest,
                               .verdict = (uint32_t)finding->verdict,
                               .count = seen->count,
                               .value = finding->value };
    const gd_status rc = gd_sink_write(file, &head, sizeof head, err);

    return rc || !seen->count ? rc : gd_sink_write(file, finding->scores, seen->count * sizeof(float), err);
}

gd_status gd_filter_findings_add(gd_filter_findings *findings, const gd_filter_finding *finding, gd_sink *file,
                                 gd_error *err)
{
    gd_status rc = finding->seen.count ? gd_filter_values_add(&findings->values, finding->value, err) : GD_OK;

    findings->alone += finding->seen.count == 1;

    if (!rc && findings->for_second_pass)
        rc = keep_for_second_pass(findings, finding, err);
    if (!findings->for_second_pass || finding->verdict == GD_VERDICT_FAIL)
        findings->counts[finding->verdict]++;
    findings->all++;
    return rc || !file ? rc : write_finding(finding, file, err);
}

/* ---- reading ---- */

static gd_status refuse(const char *path, gd_error *err)
{
    return gd_fail(err, GD_EFORMAT,
                   "%s: the file was changed; to start over, remove the file of this name without "
                   "\".found\"",
                   path);
}

static gd_status read_bytes(FILE *f, void *bytes, size_t len, const char *path, gd_error *err)
{
    if (fread(bytes, 1, len, f) == len)
        return GD_OK;
    return ferror(f) ? gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno)) : refuse(path, err);
}

/* Reads one finding of at most `left` bytes; *scores grows as needed. */
static gd_status read_finding(FILE *f, uint64_t left, gd_filter_finding *out, gd_filter_values *scores,
                              const char *path, gd_error *err)
{
    struct head head;
    gd_status rc = left < sizeof head ? refuse(path, err) : read_bytes(f, &head, sizeof head, path, err);

    if (rc)
        return rc;
    if (head.verdict > GD_VERDICT_FAIL || (head.count == 0 && head.verdict != GD_VERDICT_FAIL) ||
        !isfinite(head.value) || head.count > (left - sizeof head) / sizeof(float))
        return refuse(path, err);
    if (!gd_grow((void **)&scores->value, &scores->room, head.count + 1, sizeof *scores->value))
        return gd_fail_memory(err, head.count * sizeof *scores->value);
    *out = (gd_filter_finding){ { head.index, head.digest, head.count },
                                (gd_filter_verdict)head.verdict,
                                head.value,
                                scores->value };
    return read_bytes(f, scores->value, head.count * sizeof *scores->value, path, err);
}

static gd_status read_all(gd_filter_findings *findings, FILE *f, const char *path, uint64_t bytes, uint64_t items,
                          gd_error *err)
{
    gd_filter_values scores = { 0 };
    gd_filter_finding finding = { 0 };
    uint64_t at = 0, next = 0;
    gd_status rc = GD_OK;

    while (!rc && at < bytes) {
        rc = read_finding(f, bytes - at, &finding, &scores, path, err);
        if (!rc && (finding.seen.index < next || finding.seen.index >= items))
            rc = refuse(path, err);
        if (!rc)
            rc = gd_filter_findings_add(findings, &finding, NULL, err);
        next = finding.seen.index + 1;
        at += sizeof(struct head) + finding.seen.count * sizeof(float);
    }
    gd_filter_values_free(&scores);
    return rc;
}

gd_status gd_filter_findings_read(gd_filter_findings *findings, const char *path, uint64_t bytes, uint64_t wanted,
                                  uint64_t items, gd_error *err)
{
    FILE *f = fopen(path, "rbe");
    gd_status rc;

    if (!f)
        return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: %s", path, strerror(errno));
    rc = read_all(findings, f, path, bytes, items, err);
    (void)fclose(f);
    return rc || findings->all == wanted ? rc : refuse(path, err);
}

void gd_filter_findings_free(gd_filter_findings *findings)
{
    gd_filter_values_free(&findings->values);
    gd_filter_values_free(&findings->scores);
    gd_free(findings->seen);
    *findings = (gd_filter_findings){ 0 };
}
