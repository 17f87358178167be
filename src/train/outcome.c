/* outcome.c - what a training run has come to so far. */
#include "train/outcome.h"

#include "base/mem.h"
#include "base/result.h"
#include "judge/metrics.h"
#include "train/curve.h"

#include <math.h>
#include <string.h>

enum {
    RECENT = 20,       /* steps whose time says how long the next ones take */
    DRAWN_MOST = 50000 /* pairs of an interval that is computed by drawing from them: more would take too long */
};

static const char prefix[] = "eval_";

/* ---- names of metrics ---- */

/* The name of the set in "eval_NAME_accuracy"; false if the key is not that of a metric. */
static bool set_name(gd_buf *name, const char *key)
{
    static const char *const metrics[] = { "loss", "accuracy", "margin", "min_reward", "mean_reward", "max_reward" };
    const size_t skip = sizeof prefix - 1, len = strlen(key);

    if (strncmp(key, prefix, skip) != 0)
        return false;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        const size_t tail = strlen(metrics[i]);
        size_t end;

        if (len < skip + tail || strcmp(key + len - tail, metrics[i]) != 0)
            continue;
        end = len - tail;
        if (end > skip && key[end - 1] != '_')
            continue;
        gd_buf_clear(name);
        gd_buf_bytes(name, key + skip, end > skip ? end - 1 - skip : 0);
        return true;
    }
    return false;
}

const char *gd_outcome_key(gd_buf *key, const char *name, const char *metric)
{
    gd_buf_clear(key);
    gd_buf_str(key, prefix);
    gd_buf_str(key, name);
    gd_buf_str(key, *name ? "_" : "");
    gd_buf_str(key, metric);
    return gd_buf_cstr(key);
}

bool gd_outcome_is_part(const char *name) { return strchr(name, '=') != NULL; }

/* ---- reading ---- */

static bool note_set(json_t *sets, const char *name, json_int_t line)
{
    return name && !json_object_set_new(sets, name, json_integer(line));
}

static bool sets_of_run(json_t *sets, const json_t *run)
{
    const json_t *one;
    size_t i;

    json_array_foreach(gd_get_part(run, "evals"), i, one) {
        const char *name = gd_get_text(one, "name");

        if (name && !note_set(sets, name, -1))
            return false;
    }
    return true;
}

static bool sets_of_line(json_t *sets, const json_t *line, size_t index)
{
    gd_buf name = { 0 };
    const char *key;
    json_t *value;
    bool fine = true;

    json_object_foreach((json_t *)line, key, value) {
        if (json_is_number(value) && set_name(&name, key))
            fine = fine && note_set(sets, gd_buf_cstr(&name), (json_int_t)index);
    }
    gd_buf_free(&name);
    return fine;
}

static const char *reason_of(const json_t *line, const char *before)
{
    const json_t *why = gd_get_part(line, "stopped");

    return json_is_true(why) ? "" : json_is_string(why) ? json_string_value(why) : before;
}

/* Whether the run's sets were evaluated after its last step. */
static bool is_evaluated(const gd_outcome *out)
{
    const json_t *one;
    size_t i;

    json_array_foreach(gd_get_part(out->run, "evals"), i, one) {
        const char *name = gd_get_text(one, "name");
        const json_int_t line = name ? json_integer_value(gd_get_part(out->sets, name)) : 0;

        if (name && (line < 0 || !(gd_get_real(json_array_get(out->log, (size_t)line), "step") >= out->step)))
            return false;
    }
    return true;
}

static void find_state(gd_outcome *out)
{
    if (!isfinite(out->steps) || out->step < out->steps)
        out->state = out->reason ? GD_OUTCOME_STOPPED : out->step > 0 ? GD_OUTCOME_RUNNING : GD_OUTCOME_BEGUN;
    else
        out->state = is_evaluated(out) ? GD_OUTCOME_DONE : GD_OUTCOME_EVALUATING;
    if (out->reason && !*out->reason)
        out->reason = NULL;
}

static bool read_log(gd_outcome *out)
{
    const json_t *line;
    size_t i;

    out->reason = reason_of(out->run, NULL);
    json_array_foreach(out->log, i, line) {
        if (!sets_of_line(out->sets, line, i))
            return false;
        out->reason = reason_of(line, out->reason);
        if (isfinite(gd_get_real(line, "loss")))
            out->step = fmax(out->step, gd_get_real(line, "step"));
    }
    find_state(out);
    return true;
}

static bool read_times(gd_outcome *out)
{
    gd_curve taken;

    if (!gd_curve_read(&taken, out->times, "seconds"))
        return false;
    for (size_t i = 0; i < taken.count; i++)
        out->seconds += taken.y[i];
    if (out->state == GD_OUTCOME_RUNNING)
        out->seconds_left = gd_curve_last(&taken, RECENT) * (out->steps - out->step);
    gd_curve_free(&taken);
    return true;
}

bool gd_outcome_read(gd_outcome *out, const json_t *run, const json_t *log, const json_t *times)
{
    *out = (gd_outcome){ .run = run,
                         .log = log,
                         .times = times,
                         .settings = gd_get_part(run, "settings"),
                         .data = gd_get_part(run, "data"),
                         .steps = gd_get_real(run, "steps"),
                         .seconds_left = NAN,
                         .sets = json_object() };
    if (out->sets && sets_of_run(out->sets, run) && read_log(out) && read_times(out))
        return true;
    gd_outcome_free(out);
    return false;
}

void gd_outcome_free(gd_outcome *outcome)
{
    json_decref(outcome->sets);
    outcome->sets = NULL;
}

/* ---- one set ---- */

/* The interval that gd_eval() gives; for very many pairs that of fewer, narrowed by the root of the ratio. */
static void interval(gd_outcome_set *set)
{
    const double drawn = fmin(set->pairs, DRAWN_MOST), shrink = sqrt(drawn / set->pairs);

    if (!(set->pairs >= 1 && set->accuracy > 0 && set->accuracy < 1))
        return;
    gd_bootstrap_share((size_t)(set->accuracy * drawn + 0.5), (size_t)drawn, &set->low, &set->high);
    set->low = set->accuracy + (set->low - set->accuracy) * shrink;
    set->high = set->accuracy + (set->high - set->accuracy) * shrink;
}

static const json_t *named(const json_t *list, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        const char *is = gd_get_text(one, "name");

        if (is && !strcmp(is, name))
            return one;
    }
    return NULL;
}

double gd_outcome_baseline(const gd_outcome *outcome, const char *name, const char *rule)
{
    return gd_get_real(gd_get_part(gd_get_part(outcome->run, "baselines"), name), rule);
}

bool gd_outcome_set_of(gd_outcome_set *out, const gd_outcome *outcome, const char *name, const json_t *line)
{
    const json_int_t index = json_integer_value(line);
    const json_t *last = index < 0 ? NULL : json_array_get(outcome->log, (size_t)index);
    gd_buf key = { 0 };
    const struct {
        const char *metric;
        double *into;
    } fields[] = { { "accuracy", &out->accuracy }, { "margin", &out->margin }, { "loss", &out->loss } };
    bool fine = true;

    *out = (gd_outcome_set){ .step = gd_get_real(last, "step"),
                             .pairs = gd_get_real(named(gd_get_part(outcome->run, "evals"), name), "pairs"),
                             .low = NAN,
                             .high = NAN,
                             .shorter = gd_outcome_baseline(outcome, name, "shorter"),
                             .longer = gd_outcome_baseline(outcome, name, "longer") };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *made = gd_outcome_key(&key, name, fields[i].metric);

        fine = fine && made;
        *fields[i].into = made ? gd_get_real(last, made) : NAN;
    }
    gd_buf_free(&key);
    interval(out);
    return fine;
}

gd_outcome_best gd_outcome_find_best(const gd_outcome *outcome)
{
    gd_outcome_best best = { .metric = gd_get_text(outcome->settings, "best"), .step = NAN, .value = NAN };
    const size_t len = best.metric ? strlen(best.metric) : 0;
    const bool less = len >= 4 && !strcmp(best.metric + len - 4, "loss");
    const json_t *line;
    size_t i;

    json_array_foreach(outcome->log, i, line) {
        const double value = best.metric ? gd_get_real(line, best.metric) : NAN;

        if (isfinite(value) && (isnan(best.step) || (less ? value < best.value : value > best.value))) {
            best.step = gd_get_real(line, "step");
            best.value = value;
        }
    }
    return best;
}

/* ---- words ---- */

const char *gd_outcome_base(const gd_outcome *outcome)
{
    const char *base = gd_get_text(outcome->run, "base"), *slash = base ? strrchr(base, '/') : NULL;
    const bool is_path = base && (base[0] == '/' || base[0] == '.' || strchr(base, '/') != slash);

    return is_path && slash && slash[1] ? slash + 1 : base;
}

void gd_outcome_scalar(gd_buf *b, const json_t *value)
{
    if (json_is_real(value) && fabs(json_real_value(value)) < 1e6 &&
        json_real_value(value) == floor(json_real_value(value)))
        gd_buf_fixed(b, json_real_value(value), 0);
    else
        gd_json_put(b, value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

void gd_outcome_duration(gd_buf *b, double seconds)
{
    static const struct {
        double size;
        const char *name;
    } units[] = { { 86400, " d" }, { 3600, " h" }, { 60, " min" }, { 1, " s" } };
    size_t u = 0;

    if (!(seconds >= 0 && seconds < 1e12)) {
        gd_buf_str(b, "unknown");
        return;
    }
    seconds = floor(seconds + 0.5);
    while (u < 3 && seconds < units[u].size)
        u++;
    gd_buf_fixed(b, floor(seconds / units[u].size), 0);
    gd_buf_str(b, units[u].name);
    seconds = u < 3 ? floor(fmod(seconds, units[u].size) / units[u + 1].size) : 0;
    if (seconds > 0) {
        gd_buf_str(b, " ");
        gd_buf_fixed(b, seconds, 0);
        gd_buf_str(b, units[u + 1].name);
    }
}
