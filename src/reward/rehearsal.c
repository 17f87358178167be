/* rehearsal.c - what a dry run finds out. */
#include "reward/rehearsal.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

gd_rehearsal *gd_rehearsal_new(void) { return gd_alloc_zero(1, sizeof(gd_rehearsal)); }

void gd_rehearsal_clear(gd_rehearsal *rehearsal)
{
    gd_free(rehearsal->lengths);
    *rehearsal = (gd_rehearsal){ 0 };
}

void gd_rehearsal_free(gd_rehearsal *rehearsal)
{
    if (!rehearsal)
        return;
    gd_rehearsal_clear(rehearsal);
    gd_free(rehearsal);
}

gd_status gd_rehearsal_text(gd_rehearsal *rehearsal, size_t tokens, gd_error *err)
{
    const size_t need = rehearsal->texts + 1;

    if (!gd_grow((void **)&rehearsal->lengths, &rehearsal->room, need, sizeof *rehearsal->lengths))
        return gd_fail_memory(err, need * sizeof *rehearsal->lengths);
    rehearsal->lengths[rehearsal->texts++] = (uint32_t)tokens; /* a text has at most 16 MiB */
    rehearsal->tokens += tokens;
    return GD_OK;
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorts the lengths. Of an even number, the median is the lower of the two in the middle: a text has that length. */
static void put_lengths(gd_buf *b, gd_rehearsal *r)
{
    if (!r->texts) {
        gd_buf_str(b, "\"shortest\":null,\"median\":null,\"longest\":null,");
        return;
    }
    qsort(r->lengths, r->texts, sizeof *r->lengths, compare);
    gd_buf_printf(b, "\"shortest\":%" PRIu32 ",\"median\":%" PRIu32 ",\"longest\":%" PRIu32 ",", r->lengths[0],
                  r->lengths[(r->texts - 1) / 2], r->lengths[r->texts - 1]);
}

gd_status gd_dry_run_report(gd_model *model, char **json, gd_error *err)
{
    gd_rehearsal *r = model->rehearsal;
    const gd_budget *budget = gd_engine_budget(model->engine);
    double seconds = 0;
    gd_buf b = { 0 };
    gd_status rc;

    *json = NULL;
    if (!r)
        return gd_fail(err, GD_EUSAGE, "the model was opened with dry_run 0, but 1 is expected");
    rc = gd_rehearsal_seconds(model, &seconds, err);
    if (rc)
        return rc;
    gd_buf_printf(&b, "{\"texts\":%zu,\"tokens\":%" PRIu64 ",", r->texts, r->tokens);
    put_lengths(&b, r);
    gd_buf_printf(&b, "\"rows\":%" PRIu64 ",\"batches\":%" PRIu64 ",", r->rows, r->batches);
    gd_buf_printf(&b, "\"memory_bytes\":%zu,\"weights_bytes\":%zu,\"streamed\":%s,", budget->weights + budget->batch,
                  budget->weights, budget->streamed ? "true" : "false");
    if (!model->backend->apart)
        gd_buf_printf(&b, "\"threads\":%u,", model->threads);
    gd_buf_printf(&b, "\"seconds\":%.3g}", seconds);
    return gd_buf_take(&b, json, err);
}
