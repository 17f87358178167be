/* fuzz_journal.c - the journal of an unfinished run. */
#include "tests/fuzz/fuzz.h"

#include "reward/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char identity[] = "{\"model\":\"m\",\"input\":\"i\",\"files\":{\"f\":\"0\"}}";
    char output[2 * TEST_PATH];
    gd_journal journal = { 0 };
    gd_error err = { 0 };

    (void)snprintf(output, sizeof output, "%s", fuzz_file("output.jsonl", data, 0));
    (void)fuzz_file("output.jsonl.resume", data, size);
    if (fuzz_accepted(gd_journal_open(&journal, output, identity, true, &err), &err)) {
        for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
            assert_true(journal.done.offset[i] <= INT64_MAX);
        assert_ok(gd_journal_save(&journal, &journal.done, test_err));
    }
    gd_journal_free(&journal);
    return fuzz_end();
}
