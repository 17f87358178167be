/* job.h - what every run over a file of records shares: the file in, the lines out, progress and summary. */
#ifndef GD_REWARD_JOB_H
#define GD_REWARD_JOB_H

#include "data/record.h"
#include "data/sink.h"
#include "data/writer.h"
#include "reward/journal.h"
#include "reward/marker.h"
#include "reward/model.h"
#include "reward/shard.h"

/* Like gd_records_next(); also gives the number of bytes of the input up to the record's end. */
typedef gd_status gd_next_record(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err);

typedef struct gd_job {
    gd_records *records; /* NULL: the items are in memory */
    gd_writer *writer;
    gd_progress progress;               /* all zero: none wanted */
    gd_summary summary;                 /* of the items done so far */
    gd_summary *wanted;                 /* the caller's, filled at the end; or NULL */
    uint64_t bytes_done;                /* of the input, up to the last finished item; set by the run */
    uint64_t bytes_total;               /* of items in memory; a file knows its own */
    gd_sink *sinks[GD_JOURNAL_OUTPUTS]; /* the writer's, the second output, journal.aside; NULL: not open */
    bool dry;                           /* only error lines are written, to standard output; set before opening */
    bool json_only;                     /* the lines are changed, so a table or plain text is refused */
    bool copies;                        /* the outputs get lines of the input, in its format */
    bool packed;                        /* at least one output is compressed */
    uint64_t digest;                    /* gd_record's, of the last finished item */
    uint64_t seen;                      /* items read so far */
    bool tells;                         /* the command itself tells which items fail, and why */
    bool hopeless;                      /* the input itself is wrong, so that resuming the run would not help */
    const char *scores;                 /* NULL, or another file that the run reads: no output may be the same */
    const char *const *taken;           /* names that can't be kept, because a second output has them; or NULL */
    const char *group_by;               /* NULL, or the field that groups rows: the first that they keep */
    gd_keep keep;                       /* the fields to keep */
    gd_shard shard;                     /* the part of the input that the run is over */
    bool restarts;                      /* it begins afresh each time, without a journal */
    gd_journal journal;
    gd_marker marker;           /* of a shard */
    gd_next_record *count_next; /* how a shard's items are counted; NULL: each record of the file is one */
    void *counter;
} gd_job;

/* Opens nothing and zeroes the summaries; gd_job_close() may be called from here on, even if this fails because
 * one of the caller's structs was never initialised. */
gd_status gd_job_init(gd_job *run, const gd_progress *progress, gd_summary *summary, gd_error *err);

/* Writes a path in a way that doesn't depend on the current directory: for an identity.  NULL becomes "". */
void gd_job_put_path(gd_buf *identity, const char *path);

/* Opens only the input; `keep` as in gd_file_options. */
gd_status gd_job_read(gd_job *run, const gd_entries_options *input, const char *keep, gd_error *err);

/* Opens the input, the output, and a second output unless it is NULL.  All must be different files, which is checked
 * before any of them is truncated.  `how` has been through gd_file_options_read().  `identity` is the beginning of a
 * JSON object: what the lines depend on besides the model and the input.  When a run is resumed, the records before
 * run->journal.done.items are done already, or all of them if .complete.  Of a shard, the items are counted first. */
gd_status gd_job_open(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, const char *second,
                      gd_buf *identity, gd_error *err);

/* Fails with GD_EUSAGE if an output is a file that is read, a file of the model, or another output, whatever names and
 * links lead to it.  The inputs are files, not patterns, or "-"; of the outputs, NULL is passed over, and "-" is not
 * compared with "-".  reads: NULL for none. */
gd_status gd_job_outputs(const gd_reads *reads, const char *const *inputs, size_t input_count,
                         const char *const *outputs, size_t output_count, gd_error *err);

/* Of a run that is resumed, but complete: reads the whole input, and fails with GD_EUSAGE if it hasn't as many items as
 * the output has lines of.  drops: items may have been left out. */
gd_status gd_job_finished(const gd_job *run, const char *output, const char *input, bool drops, gd_error *err);

/* The next record, by `next`, or of the file if that is NULL, up to the end of a shard. Fails, too, if the input is not
 * the one that was counted, or with which the run was started. */
gd_status gd_job_next(gd_job *run, gd_next_record *next, void *context, gd_record *record, uint64_t *bytes, bool *more,
                      gd_error *err);

/* Whether the run is over this item, and not done with it. */
bool gd_job_wants(const gd_job *run, uint64_t index);

/* The part of it that a dry run needs, after the input was opened. */
gd_status gd_job_open_dry(gd_job *run, gd_error *err);

/* Opens one more output, journal.aside, if the run has a journal; the run closes it. */
gd_status gd_job_aside(gd_job *run, gd_error *err);

/* The item is done.  After every GD_CUT_ITEMS items, counted from the first, compressed outputs end a member: a run can
 * resume them only there. */
enum { GD_CUT_ITEMS = 1024 };
gd_status gd_job_item(gd_job *run, uint64_t index, gd_error *err);

/* Flushes the outputs, and records in the journal that the items before `next` are done. */
gd_status gd_job_flush(gd_job *run, uint64_t next, gd_error *err);

/* Takes back all that this run has written, as if it had never begun.  False if some of it is out of reach: on standard
 * output, or in a pipe.  Only gd_job_close() may follow. */
bool gd_job_take_back(gd_job *run);

/* Reports progress; fails with GD_EINTERRUPTED when the caller wants to stop. */
gd_status gd_job_report(const gd_job *run, gd_error *err);

/* Reports progress at each pause. */
gd_pause gd_job_pause(gd_job *run);

/* Closes all files. Returns rc, the run's status so far; if that is GD_OK, a failed write or GD_EITEM. */
gd_status gd_job_close(gd_job *run, gd_status rc, gd_error *err);

#endif
