/* fuzz_rows.c - the items of an input, in the format ROWS. */
#include "tests/fuzz/fuzz.h"

#include "base/utf8.h"
#include "data/record.h"

static void check_text(gd_text text) { assert_int_equal(gd_utf8_check(text.data, text.len), text.len); }

static void check(const gd_record *record, uint64_t index)
{
    assert_int_equal(record->index, index);
    assert_true(record->line > 0);
    assert_true(record->problem ? *record->problem && !record->count : record->count > 0);
    for (size_t i = 0; i < record->count; i++) {
        const gd_record_text *one = &record->texts[i];

        if (!one->messages)
            check_text(one->text);
        for (size_t k = 0; k < one->message_count; k++) {
            check_text(one->messages[k].role);
            check_text(one->messages[k].content);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("rows", data, size);
    const gd_entries_options options = { .inputs = &path, .count = 1, .format = ROWS };
    gd_records *records;
    gd_error err = { 0 };
    bool more = true;

    if (fuzz_accepted(gd_records_open(&records, &options, &err), &err)) {
        gd_records_keep_raw(records);
        if (size % 2)
            gd_records_make_turns(records);
        for (uint64_t index = 0; more; index++) {
            gd_record record = { 0 };

            if (!fuzz_accepted(gd_records_next(records, &record, &more, &err), &err))
                more = false;
            else if (more)
                check(&record, index);
            gd_record_free(&record);
        }
        gd_records_close(records);
    }
    return fuzz_end();
}
