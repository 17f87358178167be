/* train_lines.c - what gd_train() says in JSON, as lines: the plan of a run, and its end. */
#include "cli/run.h"

#include <string.h>

static const json_t *part(const json_t *object, const char *key) { return json_object_get(object, key); }

static unsigned long long whole(const json_t *object, const char *key)
{
    return (unsigned long long)json_integer_value(part(object, key));
}

static double number_of(const json_t *object, const char *key) { return json_number_value(part(object, key)); }

static gd_status read_result(json_t **out, const char *json, gd_error *err)
{
    return gd_json_parse(out, json, strlen(json), "the result", err);
}

/* ---- a plan ---- */

static void show_count(const char *what, unsigned long long count)
{
    char room[CLI_NUMBER_ROOM];

    if (count)
        printf(", %s %s", cli_number(room, count), what);
}

/* What becomes of the records of a set. */
static void show_records(const char *title, const json_t *data)
{
    char room[CLI_NUMBER_ROOM];

    printf("%-15s %s", title, cli_number(room, whole(data, "records")));
    show_count("used", whole(data, "kept"));
    show_count("too long", whole(data, "too_long"));
    show_count("with equal texts", whole(data, "equal"));
    show_count("with equal ranks", whole(data, "indifferent"));
    show_count("that can't be used", whole(data, "failed"));
    (void)putchar('\n');
}

static void show_texts(const json_t *data)
{
    char room[2][CLI_NUMBER_ROOM];

    printf("pairs           %s\n", cli_number(room[0], whole(data, "pairs")));
    printf("tokens          %s, at most %s in a text\n", cli_number(room[0], whole(data, "tokens")),
           cli_number(room[1], whole(data, "longest")));
}

static void show_evals(const json_t *evals)
{
    size_t i;
    json_t *eval;

    json_array_foreach(evals, i, eval) {
        const char *name = json_string_value(part(eval, "name"));

        show_records(name && *name ? name : "held out", eval);
    }
}

static void show_steps(const json_t *plan, const json_t *run)
{
    const json_t *settings = part(run, "settings");
    const unsigned long long batch = whole(settings, "batch_size"), accumulate = whole(settings, "grad_accum");
    char room[2][CLI_NUMBER_ROOM];

    printf("steps           %s, each of up to %s records (%llu x %llu)\n", cli_number(room[0], whole(plan, "steps")),
           cli_number(room[1], batch * accumulate), batch, accumulate);
    printf("parameters      %s to train\n", cli_number(room[0], whole(run, "parameters")));
}

static double mebibytes(const json_t *plan, const char *key) { return (double)whole(plan, key) / 0x1p20; }

static void show_memory(const json_t *plan)
{
    const unsigned long long layers = whole(plan, "layers"), kept = whole(plan, "layers_kept");

    printf("memory          %.1f MiB, weights %s; the least is %.1f MiB\n", mebibytes(plan, "memory_bytes"),
           json_is_true(part(plan, "streamed")) ? "streamed" : "kept in memory", mebibytes(plan, "least_memory_bytes"));
    printf("layers kept     %llu of %llu%s\n", kept, layers,
           kept < layers ? "; the others are computed again in the backward pass" : "");
    printf("disk            %.1f MiB for a checkpoint; the run needs at most %.1f MiB (keep %llu)\n",
           mebibytes(plan, "checkpoint_bytes"), mebibytes(plan, "disk_bytes"), whole(plan, "keep"));
}

int cli_train_show_plan(const char *json)
{
    gd_error err = { GD_OK, "" };
    json_t *plan, *note;
    const json_t *run;
    size_t i;
    const gd_status rc = read_result(&plan, json, &err);

    if (rc)
        return cli_fail(rc, &err);
    run = part(plan, "run");
    show_records("records", part(run, "data"));
    show_texts(part(run, "data"));
    show_evals(part(run, "evals"));
    show_steps(plan, run);
    show_memory(plan);
    cli_show_seconds(plan);
    json_array_foreach(part(plan, "notes"), i, note) {
        (void)fputs(i ? "                " : "notes           ", stdout);
        cli_print(stdout, json_string_value(note));
        (void)putchar('\n');
    }
    json_decref(plan);
    return cli_finish_output();
}

/* ---- an end ---- */

/* The figures of a set, if this line of the log is about it. */
static void show_eval(const json_t *line, const char *name)
{
    const char *between = *name ? "_" : "";
    char accuracy[128], loss[128];

    (void)snprintf(accuracy, sizeof accuracy, "eval_%s%saccuracy", name, between);
    (void)snprintf(loss, sizeof loss, "eval_%s%sloss", name, between);
    if (part(line, accuracy))
        fprintf(stderr, "%s: accuracy %.4f, loss %.4f\n", *name ? name : "held out", number_of(line, accuracy),
                number_of(line, loss));
}

static void show_best(const json_t *best, bool full, const char *output)
{
    if (!json_is_object(best))
        return;
    (void)fputs("the best ", stderr);
    cli_print(stderr, json_string_value(part(best, "metric")));
    fprintf(stderr, ", %.4f, was at step %llu; that %s is %sin ", number_of(best, "value"), whole(best, "step"),
            full ? "model" : "adapter", json_is_true(part(best, "kept")) ? "" : "no longer ");
    cli_print(stderr, output);
    (void)fputs("/best\n", stderr);
}

/* "trained 128 steps in 1:23; .."; of a run that was continued, also how many of them just now. */
static void show_done(const json_t *result)
{
    const unsigned long long steps = whole(result, "steps"), before = whole(result, "resumed_from");
    const json_t *recent = part(result, "recent");
    const unsigned long long window = whole(recent, "steps");
    char number[CLI_NUMBER_ROOM], time[CLI_NUMBER_ROOM];

    fprintf(stderr,
            before < steps ? "trained %s step%s"
            : steps == 1   ? "the %s step%s was done before"
                           : "all %s step%s were done before",
            cli_number(number, steps), steps == 1 ? "" : "s");
    if (before && before < steps)
        fprintf(stderr, ", %s of them now,", cli_number(number, steps - before));
    if (before < steps)
        fprintf(stderr, " in %s", cli_time(time, number_of(result, "seconds")));
    if (window > 1)
        fprintf(stderr, "; mean of the last %llu: loss %.4f, accuracy %.3f", window, number_of(recent, "loss"),
                number_of(recent, "accuracy"));
    else
        fprintf(stderr, "; in the last one, loss %.4f, accuracy %.3f", number_of(recent, "loss"),
                number_of(recent, "accuracy"));
    (void)putc('\n', stderr);
}

static void show_stopped(const json_t *stopped)
{
    if (!json_is_string(stopped))
        return;
    (void)fputs("stopped early: ", stderr);
    cli_print(stderr, json_string_value(stopped));
    (void)putc('\n', stderr);
}

int cli_train_show_result(const char *json, const char *output)
{
    gd_error err = { GD_OK, "" };
    json_t *result, *line, *eval;
    size_t i, k;
    const gd_status rc = read_result(&result, json, &err);

    if (rc)
        return cli_fail(rc, &err);
    show_done(result);
    show_stopped(part(result, "stopped"));
    json_array_foreach(part(result, "evals"), i, line)
        json_array_foreach(part(part(result, "run"), "evals"), k, eval)
            show_eval(line, json_string_value(part(eval, "name")));
    show_best(part(result, "best"), json_is_true(part(part(part(result, "run"), "settings"), "full")), output);
    json_decref(result);
    return CLI_OK;
}

cli_train_end cli_train_end_of(const char *json)
{
    cli_train_end end = { 0 };
    gd_error err = { GD_OK, "" };
    json_t *result;
    const json_t *run, *eval;

    if (read_result(&result, json, &err))
        return end;
    run = part(result, "run");
    eval = json_array_get(part(run, "evals"), 0);
    end.length = whole(part(run, "settings"), "max_length");
    end.too_long = whole(eval ? eval : part(run, "data"), "too_long");
    end.best = json_is_object(part(result, "best"));
    json_decref(result);
    return end;
}
