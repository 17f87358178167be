/* job.h - what every run over a file of records shares: the file in, the lines out, progress and summary. */
#ifndef GD_REWARD_JOB_H
#define GD_REWARD_JOB_H

#include "data/record.h"
#include "data/sink.h"
#include "data/writer.h"
#include "reward/journal.h"
#include "reward/model.h"

typedef struct gd_job {
    gd_records *records; /* NULL: the items are in memory */
    gd_writer *writer;
    gd_progress progress;               /* all zero: nobody asks */
    gd_summary summary;                 /* of what was done so far */
    gd_summary *wanted;                 /* the caller's, filled at the end; or NULL */
    uint64_t bytes_done;                /* of the input, up to the last finished item: the run says */
    uint64_t bytes_total;               /* of items in memory; a file knows its own */
    gd_sink *sinks[GD_JOURNAL_OUTPUTS]; /* every output, the writer's first, journal.aside last; NULL: there is none */
    const char *paths[GD_JOURNAL_OUTPUTS]; /* theirs, as the caller or the journal has them */
    bool packed;                           /* one of them is */
    gd_journal journal;
} gd_job;

/* Nothing is open yet, the summaries are zero; gd_job_close() is fine from here on, also when this fails because
 * one of the caller's structs was never initialised. */
gd_status gd_job_init(gd_job *run, const gd_progress *progress, gd_summary *summary, gd_error *err);

/* Opens the input, the output, and a second one, or NULL; all are files of their own, and nothing is cut before that is
 * known.  `how` is our own.  With an identity (what the lines depend on besides the model and the input, the beginning
 * of a JSON object; NULL: the run can't be resumed) an unfinished output may be resumed: records before
 * run->journal.items are done then, and all are when it is complete. */
gd_status gd_job_open(gd_job *run, const gd_encoder *encoder, const gd_file_options *how, const char *second,
                      gd_buf *identity, gd_error *err);

/* One more output of an open run, in journal.aside, where there is one; the run closes it. */
gd_status gd_job_aside(gd_job *run, gd_error *err);

/* The item is done.  After every GD_CUT_ITEMS of them, counted from the first, packed outputs end a member: only there
 * can a run go on with them. */
enum { GD_CUT_ITEMS = 1024 };
gd_status gd_job_item(gd_job *run, uint64_t index, gd_error *err);

/* Shows what was written, and notes that the items before `next` are done. */
gd_status gd_job_flush(gd_job *run, uint64_t next, gd_error *err);

/* Tells how far it is; GD_EINTERRUPTED when the caller wants to stop. */
gd_status gd_job_report(const gd_job *run, gd_error *err);

/* Closes all files. Returns rc, the run's status so far; when that is GD_OK, a failed write or GD_EITEM. */
gd_status gd_job_close(gd_job *run, gd_status rc, gd_error *err);

#endif
