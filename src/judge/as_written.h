/* as_written.h - the prompt and the answers of a record as the input has them, byte for byte: a number inside a message
 * keeps all its digits. */
#ifndef GD_JUDGE_AS_WRITTEN_H
#define GD_JUDGE_AS_WRITTEN_H

#include "base/buf.h"
#include "data/record.h"

/* Texts without data are unknown: the record is from a table, or its bytes were not kept. */
typedef struct gd_as_written {
    gd_text prompt;
    gd_text *answers; /* [count] */
    size_t count, room;
} gd_as_written;

/* Finds them in the bytes of a good record, gd_records_keep_raw(); they are valid as long as it is. */
gd_status gd_as_written_find(gd_as_written *written, const gd_records *records, const gd_record *record, size_t count,
                             gd_error *err);

/* An answer; unknown if `written` is NULL. */
gd_text gd_as_written_answer(const gd_as_written *written, size_t which);

/* What gd_answer_inside() finds in an answer, which is written like this. */
gd_text gd_as_written_inside(const json_t *answer, gd_text raw);

void gd_as_written_free(gd_as_written *written);

#endif
