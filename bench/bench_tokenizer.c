/* bench_tokenizer.c - texts to ids, one thread, warm; and the time to open the tokenizer. One line of JSON.
 *
 *     bench_tokenizer [--model DIR] [--input FILE] [--rounds R] [--loads N]
 *
 * The defaults are Qwen 2.5's tokenizer and the HH texts of tests/data, relative to the root of the tree. A round is
 * all texts once; the result is the median of all rounds but the first. MB are 10^6 bytes of text. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "data/record.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corpus {
    gd_buf bytes;
    size_t *ends; /* [count] end of each text in bytes */
    size_t count, room;
};

static gd_status read_texts(struct corpus *c, const char *path, gd_error *err)
{
    gd_records *records;
    bool more = true;
    gd_status rc = gd_records_open(
        &records, &(gd_entries_options){ .inputs = &(const char *){ path }, .count = 1, .format = GD_FORMAT_JSONL },
        err);

    while (!rc && more) {
        gd_record record = { 0 };

        rc = gd_records_next(records, &record, &more, err);
        for (size_t i = 0; !rc && more && i < record.count; i++) {
            gd_buf_bytes(&c->bytes, record.texts[i].text.data, record.texts[i].text.len);
            if (c->bytes.failed || !gd_grow((void **)&c->ends, &c->room, c->count + 1, sizeof *c->ends))
                rc = GD_ENOMEM;
            else
                c->ends[c->count++] = c->bytes.len;
        }
        gd_record_free(&record);
    }
    gd_records_close(records);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *times, size_t n)
{
    qsort(times, n, sizeof *times, by_value);
    return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

/* All texts once; *total becomes the number of their ids. */
static gd_status tokenize_all(const gd_tokenizer *tokenizer, const struct corpus *c, gd_ids *ids, size_t *total,
                              gd_error *err)
{
    size_t start = 0;

    *total = 0;
    for (size_t i = 0; i < c->count; start = c->ends[i++]) {
        const gd_status rc = gd_tokenize(tokenizer, c->bytes.data + start, c->ends[i] - start, ids, err);

        if (rc)
            return rc;
        *total += ids->len;
    }
    return GD_OK;
}

static gd_status bench(const char *model, const char *input, size_t rounds, size_t loads, gd_error *err)
{
    double *times = gd_alloc(rounds + loads, sizeof *times), load, best_load, round;
    gd_tokenizer *tokenizer = NULL;
    struct corpus texts = { 0 };
    gd_ids ids = { 0 };
    size_t total = 0;
    gd_status rc = times ? read_texts(&texts, input, err) : GD_ENOMEM;

    for (size_t i = 0; i < loads && !rc; i++) {
        const double start = gd_clock();

        gd_tokenizer_close(tokenizer);
        rc = gd_tokenizer_open(&tokenizer, model, err);
        times[i] = gd_clock() - start;
    }
    if (rc)
        goto out;
    load = median(times, loads);
    best_load = times[0];
    for (size_t i = 0; i <= rounds && !rc; i++) {
        const double start = gd_clock();

        rc = tokenize_all(tokenizer, &texts, &ids, &total, err);
        if (i)
            times[i - 1] = gd_clock() - start;
    }
    if (rc)
        goto out;
    round = median(times, rounds);
    printf("{\"texts\":%zu,\"bytes\":%zu,\"ids\":%zu,\"rounds\":%zu,\"mb_per_s\":%.1f,\"best_mb_per_s\":%.1f,"
           "\"load_ms\":%.1f,\"best_load_ms\":%.1f}\n",
           texts.count, texts.bytes.len, total, rounds, (double)texts.bytes.len / round * 1e-6,
           (double)texts.bytes.len / times[0] * 1e-6, load * 1e3, best_load * 1e3);
out:
    gd_tokenizer_close(tokenizer);
    gd_ids_free(&ids);
    gd_buf_free(&texts.bytes);
    gd_free(texts.ends);
    gd_free(times);
    return rc;
}

int main(int argc, char **argv)
{
    const char *model = "tests/data/qwen2.5", *input = "tests/data/hh-rlhf/harmless-base-test.jsonl.gz";
    size_t rounds = 11, loads = 5;
    gd_error err = { 0 };

    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (value && !strcmp(argv[i], "--model"))
            model = value;
        else if (value && !strcmp(argv[i], "--input"))
            input = value;
        else if (value && !strcmp(argv[i], "--rounds"))
            rounds = strtoul(value, NULL, 10);
        else if (value && !strcmp(argv[i], "--loads"))
            loads = strtoul(value, NULL, 10);
        else
            rounds = 0;
    }
    if (rounds < 1 || rounds > 100000 || loads < 1 || loads > 100000) {
        fprintf(stderr, "usage: bench_tokenizer [--model DIR] [--input FILE] [--rounds R] [--loads N]\n");
        return 2;
    }
    if (bench(model, input, rounds, loads, &err)) {
        fprintf(stderr, "bench_tokenizer: %s\n", err.text[0] ? err.text : "out of memory");
        return 1;
    }
    return 0;
}
