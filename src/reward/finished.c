/* finished.c - whether an output that is complete can be that of an input.  Its run has left no record of the model and
 * the options; but its lines say which items they are of. */
#include "base/error.h"
#include "data/reader.h"
#include "reward/job.h"

#include <string.h>

/* Finds the number of items up to the last line's. */
static gd_status count_lines(const char *output, unsigned long long *items, gd_error *err)
{
    static const char begin[] = "{\"index\":";
    gd_reader *reader = NULL;
    gd_line line = { 0 };
    bool more = true, ours = true;
    gd_status rc = gd_reader_open(&reader, output, (gd_pause){ 0 }, err);

    *items = 0;
    while (!rc && ours && more) {
        rc = gd_reader_next(reader, &line, &more, err);
        if (rc || !more)
            break;
        ours = !line.too_long && line.len > sizeof begin && memcmp(line.data, begin, sizeof begin - 1) == 0;
        *items = 0;
        for (size_t at = sizeof begin - 1; ours && at < line.len && line.data[at] >= '0' && line.data[at] <= '9'; at++)
            *items = 10 * *items + (unsigned long long)(line.data[at] - '0');
        *items += 1;
    }
    gd_reader_close(reader);
    if (rc || ours)
        return rc;
    return gd_fail(err, GD_EUSAGE,
                   "%.300s: line %llu is not one that this command writes; choose another output, or remove it to "
                   "start afresh",
                   output, (unsigned long long)line.number);
}

static gd_status count_items(gd_records *records, unsigned long long *items, gd_error *err)
{
    bool more = true;
    gd_status rc = GD_OK;

    for (*items = 0; !rc && more;) {
        gd_record record = { 0 };

        rc = gd_records_next(records, &record, &more, err);
        *items += !rc && more;
        gd_record_free(&record);
    }
    return rc;
}

gd_status gd_job_finished(const gd_job *run, const char *output, const char *input, bool drops, gd_error *err)
{
    unsigned long long written, items;
    gd_status rc = count_lines(output, &written, err);

    if (!rc)
        rc = count_items(run->records, &items, err);
    if (rc || written == items || (drops && written < items))
        return rc;
    return gd_fail(err, GD_EUSAGE,
                   "%.200s is complete with %llu items, but %.200s has %llu: the run had another input; choose another "
                   "output, or remove this one to start afresh",
                   output, written, strcmp(input, "-") ? input : "standard input", items);
}
