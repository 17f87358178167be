/* eval.c - gd_eval(): evaluates a model on a file of preferences. */
#include "judge/eval.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "data/name.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void gd_eval_options_init_sized(gd_eval_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

/* What is compared in a record: the first `correct` texts against the others. */
struct sides {
    size_t correct;
    size_t low, high; /* the lowest of the first, the highest of the others */
    float margin;
};

/* ---- which of a row's answers are correct ---- */

/* A whole number from 0 to `most`, else SIZE_MAX; Python may write 3.0. */
static size_t whole_number(const json_t *value, size_t most)
{
    const double number = json_is_number(value) ? json_number_value(value) : -1;

    return number >= 0 && number <= (double)most && number == floor(number) ? (size_t)number : SIZE_MAX;
}

/* Rows of RewardBench 2 also give the numbers; one that contradicts the lists is refused. */
static bool check_number(const json_t *object, const char *key, size_t is, size_t count, char why[GD_MISFIT_ROOM])
{
    if (!gd_json_has(object, key) || whole_number(json_object_get(object, key), count) == is)
        return true;
    (void)snprintf(why, GD_MISFIT_ROOM, "\"%s\" contradicts the lists, which have %zu", key, is);
    return false;
}

/* The number of correct answers among `count`, or 0 with a message in `why`. */
static size_t correct_of(const json_t *object, size_t count, char why[GD_MISFIT_ROOM])
{
    const json_t *given = json_object_get(object, "num_correct");
    size_t correct = json_array_size(json_object_get(object, "chosen"));

    if (!correct && !gd_json_has(object, "num_correct")) {
        (void)snprintf(why, GD_MISFIT_ROOM,
                       "\"responses\" without \"num_correct\", the number of answers that are correct");
        return 0;
    }
    if (!correct) {
        correct = whole_number(given, count);
        if (correct >= 1 && correct < count)
            return correct;
        (void)snprintf(why, GD_MISFIT_ROOM, "\"num_correct\" of %zu answers must be a whole number from 1 to %zu",
                       count, count - 1);
        return 0;
    }
    return check_number(object, "num_correct", correct, count, why) &&
                   check_number(object, "total_completions", count, count, why)
               ? correct
               : 0;
}

/* ---- a record ---- */

static bool is_ties(const char *name) { return !strcasecmp(name, "ties"); }

/* Whether a record can be judged, whatever its scores. */
static bool understand(const gd_eval_run *run, const gd_record *record, size_t count, struct sides *s,
                       char why[GD_MISFIT_ROOM])
{
    const json_t *subset = run->sections.count ? json_object_get(record->object, run->by) : NULL;
    const char *id = json_string_value(json_object_get(record->object, "id"));
    gd_tie tie;

    if (record->kind == GD_RECORD_TEXT) {
        s->correct = 0;
        (void)snprintf(why, GD_MISFIT_ROOM, "one text; expected a \"chosen\" and a \"rejected\" one");
        return run->how->calibrate;
    }
    s->correct = record->kind == GD_RECORD_PAIR ? 1 : correct_of(record->object, count, why);
    if (!s->correct)
        return false;
    if (record->kind != GD_RECORD_ANSWERS || !json_is_string(subset) || !is_ties(json_string_value(subset)))
        return true;
    if (id && gd_tie_id(&tie, id))
        return true;
    (void)snprintf(why, GD_MISFIT_ROOM, "\"id\" is %.100s, but \"ref:N\" or \"tied:N\" is expected in the subset Ties",
                   id ? id : "not a string");
    return false;
}

static const char *misfit(void *context, const gd_record *record, char room[GD_MISFIT_ROOM])
{
    struct sides s;

    return understand(context, record, record->count, &s, room) ? NULL : room;
}

static void compare_sides(struct sides *s, const float *scores, size_t count)
{
    s->low = 0;
    s->high = s->correct;
    for (size_t i = 1; i < count; i++) {
        if (i < s->correct && scores[i] < scores[s->low])
            s->low = i;
        if (i > s->correct && scores[i] > scores[s->high])
            s->high = i;
    }
    s->margin = scores[s->low] - scores[s->high];
}

/* Checks for numbers that JSON cannot express and that would spoil a mean. */
static bool check_finite(const gd_record *record, const gd_scored *item, struct sides *s, char why[GD_MISFIT_ROOM])
{
    char name[GD_TEXT_NAME_ROOM];

    for (size_t i = 0; i < item->count; i++) {
        if (isfinite(item->scores[i]))
            continue;
        (void)snprintf(why, GD_MISFIT_ROOM, "%sthe score is not a finite number",
                       gd_record_text_name(record->kind, i, name));
        return false;
    }
    if (!s->correct)
        return true;
    compare_sides(s, item->scores, item->count);
    if (!isfinite(s->margin))
        (void)snprintf(why, GD_MISFIT_ROOM, "the margin is not a finite number");
    return isfinite(s->margin);
}

static int32_t difference(size_t a, size_t b)
{
    const int64_t d = (int64_t)a - (int64_t)b;

    return d > INT32_MAX ? INT32_MAX : d < -INT32_MAX ? -INT32_MAX : (int32_t)d;
}

/* The JSON value of a text of the record. */
static const json_t *value_of(const gd_record *record, size_t which)
{
    if (record->kind == GD_RECORD_PAIR)
        return json_object_get(record->object, which ? "rejected" : "chosen");
    return gd_answer_inside(gd_record_answer(record->object, which));
}

static gd_status keep_worst(gd_eval_run *run, const gd_scored *item, const struct sides *s, uint32_t group,
                            gd_error *err)
{
    const gd_record *record = &item->record;
    const gd_worst_pair pair = {
        .index = record->index,
        .line = record->line,
        .group = group,
        .margin = s->margin,
        .scores = { item->scores[s->low], item->scores[s->high] },
        .tokens = { item->tokens[s->low], item->tokens[s->high] },
    };

    if (!gd_worst_wants(&run->worst, s->margin))
        return GD_OK;
    return gd_worst_add(&run->worst, pair, json_object_get(record->object, "prompt"), value_of(record, s->low),
                        value_of(record, s->high), err);
}

static gd_status keep_tie(gd_eval_run *run, const gd_scored *item, const struct sides *s, uint32_t group, gd_error *err)
{
    const char *id = json_string_value(json_object_get(item->record.object, "id"));

    if (!run->sections.count || !is_ties(run->groups.names[group]) || item->record.kind != GD_RECORD_ANSWERS)
        return GD_OK;
    return gd_ties_add(&run->ties, id, item->scores, s->correct, item->count, err);
}

static gd_status keep_item(gd_eval_run *run, const gd_scored *item, const struct sides *s, gd_error *err)
{
    const bool row = item->record.kind == GD_RECORD_ANSWERS;
    gd_judged judged = { .margin = s->margin, .longer = difference(item->tokens[s->low], item->tokens[s->high]) };
    gd_status rc = GD_OK;

    if (run->by)
        rc = gd_groups_find(&run->groups, item->record.object, run->by, &judged.group, err);
    if (!rc && run->by)
        rc = keep_tie(run, item, s, judged.group, err);
    if (!rc)
        rc = keep_worst(run, item, s, judged.group, err);
    if (!rc && !gd_grow((void **)&run->items, &run->room, run->count + 1, sizeof *run->items))
        rc = gd_fail_memory(err, (run->count + 1) * sizeof *run->items);
    if (rc)
        return rc;
    judged.shares = row ? gd_best_shares(item->scores, item->count) : 0;
    run->rows += row;
    run->items[run->count++] = judged;
    return GD_OK;
}

/* Keeps the first few messages, and writes each as an error line in place of the scores. */
static gd_status refuse(gd_eval_run *run, const gd_record *record, const char *why, bool written, gd_error *err)
{
    gd_failure *failure = &run->failures[run->failure_count];

    if (run->failure_count < GD_FAILURES) {
        *failure = (gd_failure){ record->index, gd_strdup(why) };
        if (!failure->why)
            return gd_fail_memory(err, strlen(why));
        run->failure_count++;
    }
    return run->job.writer && !written ? gd_writer_error(run->job.writer, record, why, err) : GD_OK;
}

static gd_status take(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    gd_eval_run *run = context;
    const gd_record *record = &item->record;
    char why[GD_MISFIT_ROOM], sentence[GD_SENTENCE_ROOM];
    struct sides s = { 0 };
    gd_status rc = GD_OK;

    if (record->problem)
        return refuse(run, record, record->problem, false, err);
    (void)understand(run, record, item->count, &s, why); /* it is no misfit */
    if (run->job.writer)                                 /* which itself reports a score that is not finite */
        rc = gd_writer_score(run->job.writer, record, item->scores, item->tokens, item->count, item->truncated, NULL,
                             err);
    *failed = !rc && !check_finite(record, item, &s, why);
    if (rc || *failed)
        return rc ? rc : refuse(run, record, gd_record_sentence(record, why, sentence), true, err);
    for (size_t i = 0; i < item->count; i++)
        gd_spread_add(&run->scores, item->scores[i]);
    return s.correct ? keep_item(run, item, &s, err) : GD_OK;
}

/* ---- the run ---- */

bool gd_eval_second(const gd_eval_run *run) { return run->rows > 0 && run->rows == run->count; }

static gd_status read_options(gd_eval_options *own, const gd_eval_options *how, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_eval_options, scores);
    const gd_status rc = gd_sized_read(own, &kind, how, err);

    if (!rc && !own->input)
        return gd_fail(err, GD_EUSAGE, "no input given");
    return rc;
}

/* RewardBench makes turns of its prompts and answers, which are texts, wherever the model has a chat template. */
static void choose_turns(gd_eval_run *run)
{
    const gd_encoder *encoder = gd_from_scores_encoder(&run->from, run->model);
    const bool rewardbench = run->how->weights && !strcmp(run->how->weights, "rewardbench");

    if (encoder->chat && (encoder->turns == GD_TURNS_ON || (encoder->turns == GD_TURNS_AUTO && rewardbench)))
        run->turns = gd_chat_name(encoder->chat);
    if (run->turns)
        gd_records_make_turns(run->job.records);
}

static gd_status open_files(gd_eval_run *run, gd_error *err)
{
    const gd_eval_options *how = run->how;
    const gd_entries_options input = { .inputs = &how->input,
                                       .count = 1,
                                       .format = how->format,
                                       .fields = how->fields,
                                       .frugal = gd_model_is_frugal(run->model),
                                       .also = run->also,
                                       .also_count = run->by ? 4 : 3 };
    const char *const *inputs;
    size_t count;
    gd_status rc = GD_OK;

    memcpy(run->also, (const char *[]){ "id", "num_correct", "total_completions", run->by }, sizeof run->also);
    if (how->weights)
        rc = gd_sections_load(&run->sections, how->weights, err);
    if (!rc)
        rc = gd_from_scores_open(&run->from, run->model, how->from_scores, how->input, how->skip_unscored, &run->job,
                                 err);
    if (!rc)
        rc = gd_job_read(&run->job, &input, how->keep, err);
    if (!rc)
        choose_turns(run);
    if (!rc && gd_model_is_dry(run->model))
        return gd_job_open_dry(&run->job, err);
    if (!rc && how->scores)
        rc = gd_output_name(how->scores, GD_FORMAT_JSONL, err);
    if (rc || !how->scores)
        return rc;
    inputs = gd_records_inputs(run->job.records, &count);
    rc = gd_job_outputs(&gd_from_scores_encoder(&run->from, run->model)->reads, inputs, count, &how->scores, 1, err);
    if (!rc && run->job.scores)
        rc = gd_job_outputs(NULL, &run->job.scores, 1, &how->scores, 1, err);
    if (!rc && how->weights)
        rc = gd_job_outputs(NULL, &how->weights, 1, &how->scores, 1, err);
    if (!rc)
        rc = gd_writer_open(&run->job.writer, how->scores, inputs, count, 0, err);
    run->job.sinks[0] = rc ? NULL : gd_writer_sink(run->job.writer);
    return rc;
}

static void free_run(gd_eval_run *run)
{
    for (size_t i = 0; i < run->failure_count; i++)
        gd_free(run->failures[i].why);
    gd_from_scores_close(&run->from);
    gd_sections_free(&run->sections);
    gd_groups_free(&run->groups);
    gd_ties_free(&run->ties);
    gd_worst_free(&run->worst);
    gd_free(run->items);
}

gd_status gd_eval(gd_model *model, const gd_eval_options *how, const gd_progress *progress, gd_summary *summary,
                  char **json, gd_error *err)
{
    gd_eval_options own;
    gd_eval_run run = { .model = model, .how = &own };
    gd_pipeline scoring = { .model = model,
                            .job = &run.job,
                            .take = take,
                            .misfit = misfit,
                            .context = &run,
                            .keep_fields = true };
    gd_status rc = gd_job_init(&run.job, progress, summary, err);

    *json = NULL;
    run.job.tells = true;
    if (!rc)
        rc = read_options(&own, how, err);
    if (!rc) {
        run.by = own.weights && !own.by ? "subset" : own.by;
        rc = open_files(&run, err);
    }
    if (!rc)
        rc = gd_from_scores_run(&run.from, &scoring, err);
    if (!rc)
        rc = gd_eval_result(&run, json, err);
    rc = gd_job_close(&run.job, rc, err);
    if (rc && rc != GD_EITEM) {
        gd_string_free(*json);
        *json = NULL;
    }
    free_run(&run);
    return rc;
}
