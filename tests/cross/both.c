/* both.c - two sides of a golden model, run and compared. */
#include "tests/cross/both.h"
#include "tests/check.h"
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <string.h>

/* Few enough for one tile, more than a batch that borrows weights has, and longer than the golden models' windows. */
const char *both_input(const char *dir)
{
    write_text(
        dir, "input.jsonl",
        "{\"prompt\":\"Human: My brother and I have to be at the old harbour before dark. Which of the two roads that "
        "lead there is the shorter one, and which one would you take in winter, when the days are short, the "
        "ground is wet, and the last ferry leaves at four? Assistant: \",\"responses\":[\"The one along the river "
        "is shorter, but it is often under water.\",\"In winter I would take the other one, across the hill, where "
        "the wind keeps the ground dry; it takes ten minutes more.\"]}\n"
        "{\"text\":\"Human: Which of the planets has rings? Assistant: Saturn has the brightest ones; Jupiter, Uranus "
        "and Neptune have some, too, which were found much later.\"}\n"
        "{\"text\":\"Is tea hot?\"}\n");
    return in_dir(dir, "input.jsonl");
}

static void read_side(gd_side *side, const char *model, bool lora, const char *numerics)
{
    gd_options options = golden_options(model, lora);

    options.numerics = numerics;
    options.threads = 2;
    assert_ok(gd_side_read(side, &options, NULL, "side", test_err));
}

static void run_side(struct both *b, const gd_side *side, gd_trace *trace, const gd_crosscheck_options *how)
{
    const gd_side_run run = { .side = side, .how = how, .texts = &b->texts, .trace = trace };

    assert_ok(gd_side_trace(&run, test_err));
    gd_model_close(b->model);
    assert_ok(gd_side_open(&b->model, &run, test_err));
}

void both_compare(struct both *b, const char *input, const char *model, bool lora, const char *numerics,
                  const gd_backend *backend)
{
    const gd_crosscheck_options how = { .struct_size = sizeof how, .input = input, .texts = 16 };

    memset(b, 0, sizeof *b);
    read_side(&b->left, model, lora, NULL);
    read_side(&b->right, model, lora, numerics);
    b->right.backend = backend;
    run_side(b, &b->left, &b->traces[0], &how);
    run_side(b, &b->right, &b->traces[1], &how);
    assert_ok(gd_sides_compare(&b->sides, b->model->plan, &b->texts, &b->traces[0], &b->traces[1], test_err));
}

void both_close(struct both *b)
{
    gd_sides_free(&b->sides);
    gd_model_close(b->model);
    gd_trace_free(&b->traces[0]);
    gd_trace_free(&b->traces[1]);
    gd_cross_texts_free(&b->texts);
    gd_side_free(&b->left);
    gd_side_free(&b->right);
}
