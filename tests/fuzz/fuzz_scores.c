/* fuzz_scores.c - a file of scores, as compare reads it. */
#include "tests/fuzz/fuzz.h"

#include "judge/scores.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("scores.jsonl", data, size);
    gd_score_reader *reader;
    gd_score_line line = { 0 };
    gd_error err = { 0 };
    bool more = true;

    if (fuzz_accepted(gd_score_reader_open(&reader, path, (gd_pause){ 0 }, &err), &err)) {
        while (more && fuzz_accepted(gd_score_reader_next(reader, &line, &more, &err), &err)) {
            assert_true(!more || (line.failed ? !line.count : line.count > 0));
            for (size_t i = 0; more && i < line.count; i++)
                assert_true(isfinite(line.scores[i]));
        }
        gd_score_line_free(&line);
        gd_score_reader_close(reader);
    }
    return fuzz_end();
}
