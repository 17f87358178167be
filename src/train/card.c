/* card.c - the model card of a trained adapter or model. */
#include "train/card.h"

#include "base/error.h"
#include "base/result.h"
#include "train/curve.h"
#include "train/markdown.h"
#include "train/outcome.h"

#include <math.h>
#include <string.h>

enum {
    SETS_MOST = 100,
    SETTINGS_MOST = 100,
    COLUMNS = 40, /* of a curve, each of some steps; fewer if these would be few, but not of less than a short run */
    COLUMNS_LEAST = 20,
    STEPS = 6,
    ID_MOST = 96 /* characters of a name on the Hub */
};

/* ---- pieces of tables ---- */

static void put_number(gd_buf *b, double value, unsigned decimals)
{
    if (isfinite(value))
        gd_buf_fixed(b, value, decimals);
    else
        gd_buf_str(b, "\xe2\x80\x93");
}

static void put_percent(gd_buf *b, double share)
{
    put_number(b, 100 * share, 1);
    gd_buf_str(b, isfinite(share) ? " %" : "");
}

/* | name | value | */
static void count_row(gd_buf *b, const char *name, double value)
{
    if (!isfinite(value))
        return;
    gd_buf_printf(b, "| %s | ", name);
    gd_markdown_count(b, value);
    gd_buf_str(b, " |\n");
}

/* A head that is none of Transformers' classes': as --head takes it; else NULL. */
static const char *own_head(const gd_outcome *o) { return gd_get_text(o->settings, "head"); }

/* Every weight was trained: the folder is a model. */
static bool is_full(const gd_outcome *o) { return json_is_true(gd_get_part(o->settings, "full")); }

/* ---- metadata ---- */

/* Whether a name can be that of a model on the Hub, which refuses a card that names a folder as its base. */
static bool is_hub_id(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *slash = strchr(name, '/'), *own = slash ? slash + 1 : name;
    const size_t len = strlen(name);

    if (!len || len > ID_MOST || name[0] == '.' || name[0] == '-' || slash == name)
        return false;
    return *own && *own != '.' && *own != '-' && !own[strspn(own, plain)] &&
           name + strspn(name, plain) == (slash ? slash : name + len);
}

static void metadata(gd_buf *b, const gd_outcome *o)
{
    const char *base = gd_get_text(o->run, "base");

    if (base && is_hub_id(base))
        gd_buf_printf(b, "---\nbase_model: \"%s\"\n", base);
    else
        gd_buf_str(b, "---\n# base_model: the name of the base on the Hub, in place of the folder it was read from\n");
    gd_buf_printf(b, "library_name: %s\npipeline_tag: text-classification\ntags:\n- reward-model\n%s- guerdon\n---\n\n",
                  is_full(o) ? "transformers" : "peft", is_full(o) ? "" : "- lora\n");
}

/* ---- what it is, how to use it ---- */

static void targets(gd_buf *b, const json_t *value)
{
    const char *text = json_string_value(value);

    if (text && !strcmp(text, "all-linear")) {
        gd_buf_str(b, "all linear layers");
        return;
    }
    gd_buf_str(b, "the modules ");
    gd_markdown_value(b, value);
}

/* What the folder has. */
static void contents(gd_buf *b, const gd_outcome *o)
{
    const double parameters = gd_get_real(o->run, "parameters");

    if (is_full(o)) {
        gd_buf_str(b, "a whole model: all ");
        gd_markdown_count(b, parameters);
        gd_buf_str(b, " weights, with the reward head, were trained, beginning with those of ");
        return;
    }
    gd_buf_str(b, "a LoRA adapter (rank ");
    gd_markdown_value(b, gd_get_part(o->settings, "lora_r"));
    gd_buf_str(b, ", alpha ");
    gd_markdown_value(b, gd_get_part(o->settings, "lora_alpha"));
    gd_buf_str(b, ", on ");
    targets(b, gd_get_part(o->settings, "lora_targets"));
    gd_buf_str(b, json_is_false(gd_get_part(o->settings, "head_learns")) ? ")" : ") and a reward head");
    if (isfinite(parameters)) {
        gd_buf_str(b, ", together ");
        gd_markdown_count(b, parameters);
        gd_buf_str(b, " parameters,");
    }
    gd_buf_str(b, " for ");
}

static void introduction(gd_buf *b, const gd_outcome *o)
{
    const char *base = gd_outcome_base(o);

    gd_buf_str(b, "# A reward model on ");
    gd_markdown_text(b, base ? base : "an unknown base");
    gd_buf_str(b,
               "\n\nIt reads a prompt with an answer and gives a score, which is higher for the better of two answers. "
               "This folder has ");
    contents(b, o);
    gd_markdown_text(b, base ? base : "that base");
    gd_buf_str(b, ". It was trained with Guerdon ");
    gd_markdown_value(b, gd_get_part(o->run, "guerdon"));
    gd_buf_str(b, ".\n");
    if (o->state == GD_OUTCOME_STOPPED) {
        gd_buf_str(b, "\nTraining stopped early, after step ");
        gd_buf_fixed(b, o->step, 0);
        gd_buf_str(b, " of ");
        put_number(b, o->steps, 0);
        gd_buf_str(b, o->reason ? ": " : ".\n");
        gd_markdown_text(b, o->reason ? o->reason : "");
        gd_buf_str(b, o->reason ? "\n" : "");
    }
}

static void command(gd_buf *b, const gd_outcome *o)
{
    const char *base = gd_get_text(o->run, "base");

    gd_buf_str(b, "```sh\nguerdon score --model ");
    if (is_full(o)) {
        gd_buf_str(b, "MODEL");
    } else {
        gd_markdown_word(b, base ? base : "BASE");
        gd_buf_str(b, " --adapter ADAPTER");
    }
    if (own_head(o)) {
        gd_buf_str(b, " --head ");
        gd_markdown_word(b, own_head(o));
    }
    gd_buf_str(b, " --input pairs.jsonl\n```\n\n");
}

static void python(gd_buf *b, const gd_outcome *o)
{
    if (is_full(o))
        gd_buf_str(b, "```python\nimport torch\n"
                      "from transformers import AutoModelForSequenceClassification, AutoTokenizer\n\n"
                      "model = AutoModelForSequenceClassification.from_pretrained(\"MODEL\", dtype=torch.float32)\n"
                      "model.eval()\n"
                      "tokenizer = AutoTokenizer.from_pretrained(\"MODEL\")\n");
    else
        gd_buf_str(b, "```python\nimport torch\nfrom peft import AutoPeftModelForSequenceClassification\n"
                      "from transformers import AutoTokenizer\n\n"
                      "model = AutoPeftModelForSequenceClassification.from_pretrained(\n"
                      "    \"ADAPTER\", num_labels=1, dtype=torch.float32).eval()\n"
                      "tokenizer = AutoTokenizer.from_pretrained(\"ADAPTER\")\n");
}

/* How a text becomes tokens, for someone who has to do it by hand. */
static void usage(gd_buf *b, const gd_outcome *o)
{
    const char *eos = gd_get_text(o->settings, "add_eos");
    const bool ends = eos && strcmp(eos, "never") != 0;

    gd_buf_printf(b, "\n## Use\n\nWith `%s` standing for this folder:\n\n", is_full(o) ? "MODEL" : "ADAPTER");
    command(b, o);
    gd_buf_str(b, "`guerdon-adapter.json` says how texts become tokens, and Guerdon follows it. ");
    if (own_head(o)) {
        gd_buf_str(b, is_full(o) ? "In Python, the class that the base was made with loads it.\n"
                                 : "In Python, load the base in its own class, and then this folder with "
                                   "`PeftModel.from_pretrained(model, \"ADAPTER\")`.\n");
        return;
    }
    gd_buf_str(b, "In Python:\n\n");
    python(b, o);
    gd_buf_str(b, "text = \"PROMPT\" + \"ANSWER\"");
    gd_buf_str(b, ends ? " + tokenizer.eos_token" : "");
    gd_buf_str(b, "\nwith torch.no_grad():\n"
                  "    print(model(**tokenizer(text, return_tensors=\"pt\")).logits[0, 0].item())\n```\n\n");
    gd_buf_str(b, is_full(o) ? "" : "Without `num_labels=1`, the head is not loaded. ");
    gd_buf_str(b, "This code computes in float32, but `guerdon score` in bfloat16 unless told otherwise: compare with "
                  "`guerdon score --precision fp32`. Score one text at a time, as here, unless "
                  "`model.config.pad_token_id` is set. A conversation becomes a text by the chat template.\n");
}

/* ---- data and settings ---- */

static void data_section(gd_buf *b, const gd_outcome *o)
{
    static const struct {
        const char *key, *name;
    } rows[] = {
        { "records", "records" },
        { "kept", "records that it learnt from" },
        { "too_long", "left out: a text is too long" },
        { "equal", "left out: the texts are equal" },
        { "indifferent", "left out: no text is better" },
        { "failed", "left out: not readable" },
        { "pairs", "pairs" },
        { "tokens", "tokens" },
        { "longest", "longest text, in tokens" },
    };

    gd_buf_str(b, "\n## Training data\n\n| | |\n|---|---|\n| files | ");
    gd_markdown_value(b, gd_get_part(o->run, "train"));
    gd_buf_str(b, " |\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        count_row(b, rows[i].name, gd_get_real(o->data, rows[i].key));
    count_row(b, "steps", o->step);
}

/* null is the format of the chat template, whose name the run found if it had conversations. */
static void setting(gd_buf *b, const gd_outcome *o, const char *name, const json_t *value)
{
    const char *found = gd_get_text(o->run, "chat_format");

    if (json_is_null(value) && !strcmp(name, "chat_format")) {
        gd_buf_str(b, found ? "auto (" : "auto");
        gd_markdown_text(b, found ? found : "");
        gd_buf_str(b, found ? ")" : "");
        return;
    }
    gd_markdown_value(b, value);
}

static void settings_section(gd_buf *b, const gd_outcome *o)
{
    size_t rows = 0;
    const char *name;
    json_t *value;

    gd_buf_str(b, "\n## Settings\n\n| setting | value |\n|---|---|\n");
    json_object_foreach((json_t *)o->settings, name, value) {
        if (rows++ == SETTINGS_MOST)
            break;
        gd_buf_str(b, "| ");
        gd_markdown_text(b, name);
        gd_buf_str(b, " | ");
        setting(b, o, name, value);
        gd_buf_str(b, " |\n");
    }
}

/* ---- results ---- */

static void result_row(gd_buf *b, const char *name, const gd_outcome_set *set)
{
    gd_buf_str(b, "| ");
    gd_markdown_text(b, *name ? name : "evaluation");
    gd_buf_str(b, " | ");
    put_number(b, set->pairs, 0);
    gd_buf_str(b, " | ");
    put_percent(b, set->accuracy);
    gd_buf_str(b, " | ");
    if (isfinite(set->low)) {
        put_number(b, 100 * set->low, 1);
        gd_buf_str(b, " to ");
        put_percent(b, set->high);
    }
    gd_buf_str(b, " | ");
    put_number(b, set->margin, 4);
    gd_buf_str(b, " | ");
    put_number(b, set->loss, 4);
    gd_buf_str(b, " | 50 % | ");
    put_percent(b, set->shorter);
    gd_buf_str(b, " | ");
    put_percent(b, set->longer);
    gd_buf_str(b, " |\n");
}

/* Sets whose accuracy says little. */
static void seen_sentences(gd_buf *b, const gd_outcome *o)
{
    const json_t *one;
    size_t i;

    json_array_foreach(gd_get_part(o->run, "evals"), i, one) {
        const char *name = gd_get_text(one, "name");

        if (!(gd_get_real(one, "seen") > 0))
            continue;
        gd_buf_str(b, "\nOf the records of the set ");
        gd_markdown_text(b, name && *name ? name : "evaluation");
        gd_buf_str(b, ", ");
        gd_markdown_count(b, gd_get_real(one, "seen"));
        gd_buf_str(b, " share a text with the training data: its accuracy says less than it seems to.\n");
    }
}

static void best_sentence(gd_buf *b, const gd_outcome *o)
{
    const gd_outcome_best best = gd_outcome_find_best(o);

    if (!isfinite(best.step))
        return;
    gd_buf_str(b, "\nThat is what came of the last step. The best ");
    gd_markdown_text(b, best.metric);
    gd_buf_str(b, ", ");
    put_number(b, best.value, 4);
    gd_buf_str(b, ", was that of step ");
    gd_markdown_count(b, best.step);
    gd_buf_str(b, ", which is in the folder `best`.\n");
}

static void results_section(gd_buf *b, const gd_outcome *o)
{
    size_t rows = 0;
    const char *name;
    json_t *line;

    gd_buf_str(b, "\n## Results\n\n");
    if (!json_object_size(o->sets)) {
        gd_buf_str(b, "It was not evaluated on held-out data.\n");
        return;
    }
    gd_buf_str(b,
               "Accuracy is the fraction of pairs whose chosen text has the higher score; the last three columns are "
               "that of rules that read nothing: a coin toss, the shorter text, the longer text.\n\n"
               "| set | pairs | accuracy | 95 % interval | margin | loss | chance | shorter | longer |\n"
               "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    json_object_foreach(o->sets, name, line) {
        gd_outcome_set set;

        if (rows++ == SETS_MOST)
            break;
        b->failed = !gd_outcome_set_of(&set, o, name, line) || b->failed;
        result_row(b, name, &set);
    }
    best_sentence(b, o);
    seen_sentences(b, o);
}

/* "loss 0.6931 [blocks] 0.5450": the means at both ends. */
static void spark_line(gd_buf *b, const char *name, const gd_curve *curve)
{
    if (!curve->count)
        return;
    gd_buf_str(b, name);
    gd_buf_fixed(b, curve->y[0], 3);
    gd_buf_str(b, " ");
    gd_markdown_spark(b, curve->y, curve->count);
    gd_buf_str(b, " ");
    gd_buf_fixed(b, curve->y[curve->count - 1], 3);
    gd_buf_str(b, "\n");
}

static void curves_section(gd_buf *b, const gd_outcome *o)
{
    static const struct {
        const char *key, *name;
    } lines[] = { { "loss", "loss      " }, { "accuracy", "accuracy  " }, { "margin", "margin    " } };

    gd_buf_str(b, "\n## Training\n\nFrom the first step to the last, in means over adjacent steps (`report.html` has "
                  "the curves, `log.jsonl` each step):\n\n```text\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        gd_curve curve, means = { 0 };
        size_t columns;

        b->failed = !gd_curve_read(&curve, o->log, lines[i].key) || b->failed;
        columns = curve.count / STEPS < COLUMNS_LEAST ? COLUMNS_LEAST : curve.count / STEPS;
        columns = columns < COLUMNS ? columns : COLUMNS;
        b->failed = !gd_curve_means(&means, &curve, columns) || b->failed;
        spark_line(b, lines[i].name, &means);
        gd_curve_free(&curve);
        gd_curve_free(&means);
    }
    gd_buf_str(b, "```\n");
    if (o->seconds > 0) {
        gd_buf_str(b, "\nThe steps took ");
        gd_outcome_duration(b, o->seconds);
        gd_buf_str(b, ".\n");
    }
}

static void limits_section(gd_buf *b)
{
    gd_buf_str(
        b, "\n## Limits\n\n"
           "- Only the difference between the scores of answers to the same prompt means anything. A score has no "
           "unit and no zero; those of answers to different prompts can't be compared.\n"
           "- It learnt which answers the people, or the model, behind its training data preferred, with their "
           "errors and habits. On other prompts, languages and kinds of text it may be no better than chance.\n"
           "- An accuracy near that of the shorter or the longer text says little: the model may have learnt "
           "length. So does one whose interval includes it.\n"
           "- A policy that is optimised against it will find texts that score high and are not good. Read some.\n");
}

gd_status gd_train_card(char **markdown, const json_t *run, const json_t *log, const json_t *times, gd_error *err)
{
    gd_outcome outcome;
    gd_buf b = { 0 };

    *markdown = NULL;
    if (!gd_outcome_read(&outcome, run, log, times))
        return gd_fail_memory(err, json_array_size(log));
    metadata(&b, &outcome);
    introduction(&b, &outcome);
    usage(&b, &outcome);
    results_section(&b, &outcome);
    curves_section(&b, &outcome);
    data_section(&b, &outcome);
    settings_section(&b, &outcome);
    limits_section(&b);
    gd_outcome_free(&outcome);
    return gd_buf_take(&b, markdown, err);
}
