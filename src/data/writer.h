/* writer.h - writes output lines: one JSON object per item, "index" first. */
#ifndef GD_DATA_WRITER_H
#define GD_DATA_WRITER_H

#include "base/buf.h"
#include "data/record.h"
#include "data/sink.h"
#include "data/trie.h"
#include "guerdon.h"

#include <stdbool.h>

typedef struct gd_writer gd_writer;

/* Paths as in gd_sink_open_at(). */
gd_status gd_writer_open(gd_writer **out, const char *path, const char *const *inputs, size_t count, uint64_t offset,
                         gd_error *err);

/* From now on, lines other than those of gd_writer_error() are checked as usual, but not written. */
void gd_writer_only_errors(gd_writer *w);

/* Fields that the record keeps follow the index in every line.
 * {"index":7,"error":"..."} */
gd_status gd_writer_error(gd_writer *w, const gd_record *record, const char *sentence, gd_error *err);

/* The first sentence, and the item's index; NULL if there was none, or no writer. */
const char *gd_writer_first_error(const gd_writer *w, uint64_t *index);

/* What a model says of a text beside its score. */
typedef struct gd_beside {
    const float *steps;  /* [step_count] */
    size_t step_count;   /* 0: the model has none */
    const float *labels; /* [label_count of the model] */
} gd_beside;

/* The results of a record's texts. */
typedef struct gd_results {
    size_t count;
    const float *scores;            /* [count] */
    const size_t *tokens;           /* [count] */
    const gd_beside *beside;        /* [count], or NULL */
    const char *const *label_names; /* [label_count] */
    size_t label_count;
    bool truncated;
} gd_results;

/* A text: {"index":0,"score":1.23456789,"tokens":155}
 * a pair: {"index":0,"chosen":..,"rejected":..,"margin":..,"tokens":[155,160]}, the margin subtracted in float32
 * answers: {"index":0,"scores":[..],"tokens":[..]}
 * Before the tokens come the steps, if a text has them: "steps":[..] of a text, "steps":[[..],[..]] of several; and
 * labels in the same way: "labels":{"helpful":..,..}.
 * Truncated items get "truncated":true at the end.  JSON cannot express infinity or NaN: an item with such a score or
 * margin gets an error line, and *failed, if not NULL, becomes true. */
gd_status gd_writer_results(gd_writer *w, const gd_record *record, const gd_results *results, bool *failed,
                            gd_error *err);

/* The same of scores alone. */
gd_status gd_writer_score(gd_writer *w, const gd_record *record, const float *scores, const size_t *tokens,
                          size_t count, bool truncated, bool *failed, gd_error *err);

/* A text: {"index":0,"ids":[1,2]}; a pair: {"index":0,"chosen":[1,2],"rejected":[1,3]}; answers:
 * {"index":0,"ids":[[1,2],[1,3]]}.  Truncated as above. */
gd_status gd_writer_ids(gd_writer *w, const gd_record *record, const gd_span *ids, size_t count, bool truncated,
                        gd_error *err);

/* Writes a line made by the caller, including its line break. */
gd_status gd_writer_line(gd_writer *w, const gd_buf *line, gd_error *err);

/* The sink under it, for cuts and offsets: see sink.h. */
gd_sink *gd_writer_sink(gd_writer *w);

/* Flushes, closes and frees, even on failure; NULL is fine.  Success means that every line was written. */
gd_status gd_writer_close(gd_writer *w, gd_error *err);

#endif
