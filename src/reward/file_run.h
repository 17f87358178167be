/* file_run.h - what every run over a file of records shares: the file in, the lines out, progress and summary. */
#ifndef GD_REWARD_FILE_RUN_H
#define GD_REWARD_FILE_RUN_H

#include "data/record.h"
#include "data/sink.h"
#include "data/writer.h"
#include "reward/model.h"

typedef struct gd_file_run {
    gd_records *records;
    gd_writer *writer;
    const gd_progress *progress; /* NULL: nobody asks */
    gd_summary *summary;         /* never NULL */
    gd_summary own;              /* where it points when the caller wants none */
    uint64_t bytes_done;         /* of the input, up to the last finished item: the run says */
} gd_file_run;

/* Nothing is open yet, the summary is zero; gd_file_run_close() is fine from here on. */
void gd_file_run_init(gd_file_run *run, const gd_progress *progress, gd_summary *summary);

/* The encoder knows the names of the input's fields. */
gd_status gd_file_run_open(gd_file_run *run, const gd_encoder *encoder, const char *input, const char *output,
                           gd_format format, gd_error *err);

/* Another output of an open run. */
gd_status gd_file_run_sink(const gd_file_run *run, gd_sink **out, const char *path, gd_error *err);

/* Tells how far it is; GD_EINTERRUPTED when the caller wants to stop. */
gd_status gd_file_run_report(const gd_file_run *run, gd_error *err);

/* Closes both files. Returns rc, the run's status so far; when that is GD_OK, a failed write or GD_EITEM. */
gd_status gd_file_run_close(gd_file_run *run, gd_status rc, gd_error *err);

#endif
