/* recorder.h - watches the runs of one side, and writes its trace. */
#ifndef GD_CROSS_RECORDER_H
#define GD_CROSS_RECORDER_H

#include "cross/trace.h"
#include "data/stream.h"
#include "engine/watch.h"
#include "quant-free/bf16.h"

/* What a run showed of one line: to compare values after the traces have shown where to look. */
typedef struct gd_capture {
    bool wanted;
    size_t step;
    uint32_t line;
    float *values; /* [cols] of the step's output */
    gd_truth truth;
} gd_capture;

/* Whether the line of this step is the one that is wanted. */
static inline bool gd_captures(const gd_capture *capture, size_t step, uint32_t line)
{
    return capture->wanted && capture->step == step && capture->line == line;
}

typedef struct gd_recorder {
    gd_model *model;
    const gd_cross_texts *texts;
    gd_trace *trace;
    gd_capture capture;
    /* of the batch: */
    uint32_t *text; /* [texts in it] their numbers */
    uint32_t *line; /* [rows in it] their numbers, UINT32_MAX for rows that are recorded with another text */
    struct gd_checker *checker;
    size_t widest;  /* columns of any step */
    char *room;     /* for lines of an output */
    uint64_t *done; /* NULL, or counts the tokens of the batches that are done */
    gd_status rc;   /* what went wrong while watching */
    gd_error err;
} gd_recorder;

/* Before the engine is open, so that it counts the memory.  The caller closes it, also after a failure. */
gd_status gd_recorder_open(gd_recorder *recorder, gd_model *model, const gd_cross_texts *texts, gd_trace *trace,
                           gd_error *err);
void gd_recorder_close(gd_recorder *recorder);

/* Runs all texts, batch by batch, on the model's engine, which it watches from now on. */
gd_status gd_recorder_run(gd_recorder *recorder, gd_pause pause, gd_error *err);

/* ---- float64: checker.c ---- */

typedef struct gd_checker gd_checker;

gd_status gd_checker_open(gd_checker **out, gd_recorder *recorder, gd_error *err);
void gd_checker_close(gd_checker *checker);

/* Keeps the inputs of the lines of a call that are to be checked. */
gd_status gd_checker_before(gd_checker *checker, const gd_watched *seen, gd_error *err);

/* Compares their outputs with what these inputs should give. */
gd_status gd_checker_after(gd_checker *checker, const gd_watched *seen, gd_error *err);

/* The number of a line of a call's tile: a row's, or in the last stage a text's; UINT32_MAX for rows that are recorded
 * with another text. */
uint32_t gd_recorder_line(const gd_recorder *recorder, const gd_watched *seen, size_t line);

/* Reads lines of a tensor. */
gd_status gd_recorder_read(const gd_recorder *recorder, const gd_tensor *from, size_t first, size_t count, void *to,
                           gd_error *err);

/* Value c of a line. */
static inline float gd_recorded(const void *line, gd_dtype dtype, size_t c)
{
    return dtype == GD_F32 ? ((const float *)line)[c] : gd_bf16_to_f32(((const gd_bf16 *)line)[c]);
}

#endif
