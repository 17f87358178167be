/* test_trained.c - guerdon-adapter.json: its settings give the scores, the ids and the identity that the same options
 * give by hand; options win, and a note says so. test_trained_bad.c has the files that are refused. */
#include "tests/reward/settings.h"

#include "reward/encode.h"

#include <math.h>

/* ---- the same scores as by hand ---- */

/* The notes that begin so. */
#define WITH "the adapter was trained with "
#define HERE " (guerdon-adapter.json), used here too"
#define BUT " was asked for: its scores may mean less"

static const struct settings_case {
    const char *id, *file; /* the members of "scoring" */
    struct choice given, means;
    const char *notes[3];
} settings[] = {
    { "nothing", "", { 0 }, { 0 }, { NULL } },
    { "the defaults",
      "\"max_length\":null,\"add_eos\":\"never\",\"chat_format\":null,\"turns\":\"auto\",\"normalize\":null",
      { 0 },
      { .chat_format = "auto", .turns = "auto" },
      { NULL } },
    { "null", "\"add_eos\":null,\"turns\":null", { 0 }, { 0 }, { NULL } },
    { "max_length", "\"max_length\":7", { 0 }, { .max_length = 7 }, { WITH "max_length 7" HERE } },
    { "add_eos auto", "\"add_eos\":\"auto\"", { 0 }, { .add_eos = GD_ADD_EOS_AUTO }, { WITH "add_eos auto" HERE } },
    { "add_eos always",
      "\"add_eos\":\"always\"",
      { 0 },
      { .add_eos = GD_ADD_EOS_ALWAYS },
      { WITH "add_eos always" HERE } },
    { "chat_format", "\"chat_format\":\"hh\"", { 0 }, { .chat_format = "hh" }, { WITH "chat_format hh" HERE } },
    { "turns on",
      "\"chat_format\":\"hh\",\"turns\":\"on\"",
      { 0 },
      { .chat_format = "hh", .turns = "on" },
      { WITH "chat_format hh, turns on" HERE } },
    { "turns off", "\"turns\":\"off\"", { 0 }, { .turns = "off" }, { NULL } },
    { "normalize", "\"normalize\":\"0.5,2\"", { 0 }, { .normalize = "0.5,2" }, { WITH "normalize 0.5,2" HERE } },
    { "normalize with exponents",
      "\"normalize\":\"-1e-1,+.25e1\"",
      { 0 },
      { .normalize = "-1e-1,+.25e1" },
      { WITH "normalize -1e-1,+.25e1" HERE } },
    { "all",
      "\"normalize\":\"1,3\",\"turns\":\"on\",\"chat_format\":\"qwen2.5\",\"add_eos\":\"auto\",\"max_length\":9",
      { 0 },
      { 9, GD_ADD_EOS_AUTO, "qwen2.5", "on", "1,3" },
      { WITH "max_length 9, add_eos auto, chat_format qwen2.5, turns on, normalize 1,3" HERE } },

    { "another max_length",
      "\"max_length\":7",
      { .max_length = 8 },
      { .max_length = 8 },
      { WITH "max_length 7, but 8" BUT } },
    { "the same max_length", "\"max_length\":7", { .max_length = 7 }, { .max_length = 7 }, { NULL } },
    { "no eos token",
      "\"add_eos\":\"auto\"",
      { .add_eos = GD_ADD_EOS_OFF },
      { 0 },
      { WITH "add_eos auto, but never" BUT } },
    { "always the eos token",
      "\"add_eos\":\"auto\"",
      { .add_eos = GD_ADD_EOS_ALWAYS },
      { .add_eos = GD_ADD_EOS_ALWAYS },
      { WITH "add_eos auto, but always" BUT } },
    { "an eos token that was not there",
      "\"add_eos\":\"never\"",
      { .add_eos = GD_ADD_EOS_AUTO },
      { .add_eos = GD_ADD_EOS_AUTO },
      { WITH "add_eos never, but auto" BUT } },
    { "never as before", "\"add_eos\":\"never\"", { .add_eos = GD_ADD_EOS_OFF }, { 0 }, { NULL } },
    { "never, of which nothing is known", "", { .add_eos = GD_ADD_EOS_OFF }, { 0 }, { NULL } },
    { "another chat_format",
      "\"chat_format\":\"hh\"",
      { .chat_format = "chatml" },
      { .chat_format = "chatml" },
      { WITH "chat_format hh, but chatml" BUT } },
    { "auto in place of a chat_format",
      "\"chat_format\":\"hh\"",
      { .chat_format = "auto" },
      { .chat_format = "auto" },
      { WITH "chat_format hh, but auto" BUT } },
    { "a chat_format in place of the template's",
      "\"chat_format\":null",
      { .chat_format = "hh" },
      { .chat_format = "hh" },
      { WITH "chat_format auto, but hh" BUT } },
    { "other turns",
      "\"chat_format\":\"hh\",\"turns\":\"on\"",
      { .turns = "auto" },
      { .chat_format = "hh", .turns = "auto" },
      { WITH "chat_format hh" HERE, WITH "turns on, but auto" BUT } },
    { "turns that were not made",
      "\"turns\":\"auto\",\"chat_format\":\"hh\"",
      { .turns = "on" },
      { .chat_format = "hh", .turns = "on" },
      { WITH "chat_format hh" HERE, WITH "turns auto, but on" BUT } },
    { "no turns, as before", "\"turns\":\"auto\"", { .turns = "off" }, { .turns = "off" }, { NULL } },
    { "another normalize",
      "\"normalize\":\"0.5,2\"",
      { .normalize = "0,1" },
      { .normalize = "0,1" },
      { WITH "normalize 0.5,2, but 0,1" BUT } },
    { "the same normalize",
      "\"normalize\":\"0.5,2\"",
      { .normalize = ".50,2e0" },
      { .normalize = ".50,2e0" },
      { NULL } },
    { "one applied, two not",
      "\"max_length\":9,\"add_eos\":\"always\",\"normalize\":\"1,2\"",
      { .max_length = 8, .add_eos = GD_ADD_EOS_OFF },
      { .max_length = 8, .normalize = "1,2" },
      { WITH "normalize 1,2" HERE, WITH "max_length 9, but 8" BUT, WITH "add_eos always, but never" BUT } },
};

static const char items[] =
    "{\"text\":\"Is tea hot? Yes, it is, and so is coffee.\"}\n"
    "{\"text\":\"tea<|im_end|>\"}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Tea?\"},{\"role\":\"assistant\",\"content\":\"Yes.\"}]}\n"
    "{\"prompt\":\"Tea?\",\"response\":\"Yes.\"}\n"
    "{\"prompt\":\"Tea?\",\"responses\":[\"Yes.\",\"No.\"]}\n";

static char *read_all(const char *path) /* freed by the caller */
{
    char *text = calloc(1, 65536);
    FILE *f = fopen(path, "rb");

    assert_non_null(text);
    assert_non_null(f);
    assert_in_range(fread(text, 1, 65535, f), 1, 65534);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* What a run gave: lines of scores and of ids, which have all their bits, and what --resume compares. */
struct outcome {
    char *scores, *ids, *identity;
    char notes[4][256];
    size_t note_count;
};

static void forget(struct outcome *o)
{
    free(o->scores);
    free(o->ids);
    free(o->identity);
}

static struct outcome run(const char *dir, const gd_options *options)
{
    struct outcome o = { 0 };
    gd_file_options files;
    gd_model *model;
    gd_status rc;

    write_text(dir, "items.jsonl", items);
    gd_file_options_init(&files);
    files.input = in_dir(dir, "items.jsonl");
    files.output = in_dir(dir, "out.jsonl");
    assert_ok(gd_model_open(&model, options, test_err));
    for (; o.note_count < 4 && gd_model_note(model, o.note_count); o.note_count++)
        (void)snprintf(o.notes[o.note_count], sizeof o.notes[0], "%s", gd_model_note(model, o.note_count));
    o.identity = strdup(model->encoder.identity);
    rc = gd_score_file(model, &files, NULL, NULL, NULL);
    assert_true(rc == GD_OK || rc == GD_EITEM); /* a conversation without a format */
    gd_model_close(model);
    o.scores = read_all(files.output);
    rc = gd_tokenize_file(options, &files, NULL, NULL, NULL);
    assert_true(rc == GD_OK || rc == GD_EITEM);
    o.ids = read_all(files.output);
    return o;
}

static bool same_notes(const struct settings_case *one, const struct outcome *o)
{
    for (size_t i = 0; i < 3; i++)
        if (!one->notes[i])
            return o->note_count == i;
        else if (i >= o->note_count || strcmp(one->notes[i], o->notes[i]) != 0)
            return false;
    return o->note_count == 3;
}

static void settings_are_as_by_hand(void **state)
{
    unsigned wrong = 0;

    make_both(*state, &(change){ "settings", NULL, NULL });
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const struct settings_case *one = &settings[i];
        const gd_options given = options_of(&one->given), means = options_of(&one->means);
        struct outcome with, by_hand = run(*state, &means);
        char text[512];

        (void)snprintf(text, sizeof text, SETTINGS("%s"), one->file);
        write_text(a, FILE_NAME, text);
        with = run(*state, &given);
        remove_file(a, FILE_NAME);
        if (strcmp(with.scores, by_hand.scores) != 0 || strcmp(with.ids, by_hand.ids) != 0 ||
            strcmp(with.identity, by_hand.identity) != 0 || !same_notes(one, &with) || by_hand.note_count) {
            print_error("%s:\n%s%s%s\nby hand:\n%s%s%s\n%zu notes: %s\n", one->id, with.scores, with.ids, with.identity,
                        by_hand.scores, by_hand.ids, by_hand.identity, with.note_count, with.notes[0]);
            wrong++;
        }
        forget(&with);
        forget(&by_hand);
    }
    assert_int_equal(wrong, 0);
}

/* Else the comparison above would show nothing. */
static void settings_matter(void **state)
{
    static const char *const files[] = {
        SETTINGS("\"max_length\":7"),
        SETTINGS("\"add_eos\":\"auto\""),
        SETTINGS("\"add_eos\":\"always\""),
        SETTINGS("\"chat_format\":\"hh\""),
        SETTINGS("\"chat_format\":\"hh\",\"turns\":\"on\""),
    };
    const gd_options options = options_of(&(struct choice){ 0 });
    struct outcome seen[6];

    make_both(*state, &(change){ "matter", NULL, NULL });
    seen[5] = run(*state, &options);
    for (size_t i = 0; i < 5; i++) {
        write_text(a, FILE_NAME, files[i]);
        seen[i] = run(*state, &options);
    }
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(seen[i].scores, seen[k].scores);
            assert_string_not_equal(seen[i].ids, seen[k].ids);
        }
    for (size_t i = 0; i < 6; i++)
        forget(&seen[i]);
}

/* "auto" and the format that the template has are one. */
static void formats_are_compared_by_what_they_mean(void **state)
{
    static const struct {
        const char *file, *given, *note;
    } cases[] = {
        { SETTINGS("\"chat_format\":\"chatml\""), "auto", NULL },
        { SETTINGS("\"chat_format\":null"), "chatml", NULL },
        { SETTINGS("\"chat_format\":\"auto\""), "chatml", NULL },
        { SETTINGS("\"chat_format\":\"hh\""), "auto", WITH "chat_format hh, but auto" BUT },
        { SETTINGS("\"chat_format\":null"), "hh", WITH "chat_format auto, but hh" BUT },
    };

    make_both(*state, &(change){ "template", NULL, NULL });
    copy_data(a, "chat_template.jinja", "chat/templates/chatml.jinja");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const gd_options options = options_of(&(struct choice){ .chat_format = cases[i].given });
        gd_model *model;
        const char *note;

        write_text(a, FILE_NAME, cases[i].file);
        assert_ok(gd_model_open(&model, &options, test_err));
        note = gd_model_note(model, 0);
        if (!note != !cases[i].note || (note && strcmp(note, cases[i].note) != 0))
            fail_msg("%s, %s: %s", cases[i].file, cases[i].given, note ? note : "no note");
        gd_model_close(model);
    }
}

/* The path that the training had is not opened; the user's counts, and where the file is now doesn't matter. */
static void a_format_of_a_file_must_be_given(void **state)
{
    static const char format[] = "format: guerdon-chat/1\nname: mine\nspecial_tokens: by_tokenizer\n"
                                 "turns: {user: {before: U, after: X}, assistant: {before: A, after: X}}\n";
    gd_options options = options_of(&(struct choice){ .chat_format = in_dir(*state, "mine.yaml") });
    gd_error err = { 0 };
    gd_model *model;

    make_both(*state, &(change){ "file", NULL, NULL });
    write_text(*state, "mine.yaml", format);
    write_text(a, FILE_NAME, SETTINGS("\"chat_format\":\"there/mine.yaml\""));
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_null(gd_model_note(model, 0));
    gd_model_close(model);
    options.chat_format = "hh";
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_string_equal(gd_model_note(model, 0), WITH "chat_format there/mine.yaml, but hh" BUT);
    gd_model_close(model);
    options.chat_format = NULL;
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EFORMAT);
    assert_contains(err.text, "is there/mine.yaml, but a file is not looked for: give it with --chat-format");
}

/* The file says what TRL's card only suggests. */
static void a_card_is_not_quoted_beside_settings(void **state)
{
    gd_model *model;

    make_both(*state, &(change){ "card", NULL, NULL });
    write_text(a, "README.md", "---\ntags:\n- reward-trainer\n---\n");
    write_text(a, FILE_NAME, SETTINGS("\"add_eos\":\"never\""));
    assert_ok(open_both(&model, true, test_err));
    assert_null(gd_model_note(model, 0));
    gd_model_close(model);
}

/* ---- what else reads or writes it ---- */

static void no_output_takes_its_place(void **state)
{
    const gd_options options = options_of(&(struct choice){ 0 });
    const char *output = NULL;
    char path[600];
    gd_error err = { 0 };

    make_both(*state, &(change){ "outputs", NULL, NULL });
    (void)snprintf(path, sizeof path, "%s/" FILE_NAME, a);
    output = path;
    assert_int_equal(gd_check_outputs(&options, NULL, 0, &output, 1, &err), GD_EUSAGE);
    assert_contains(err.text, "in the adapter's directory, a file of this name says how to score");
    write_text(a, FILE_NAME, SETTINGS(""));
    err = (gd_error){ 0 };
    assert_int_equal(gd_check_outputs(&options, NULL, 0, &output, 1, &err), GD_EUSAGE);
    assert_contains(err.text, "the run reads this file");
    (void)snprintf(path, sizeof path, "%s/guerdon-calibration.json", a);
    assert_ok(gd_check_outputs(&options, NULL, 0, &output, 1, test_err));
}

/* It may hold other settings when the run is resumed. */
static void the_file_is_one_that_must_not_change(void **state)
{
    gd_model *model;
    bool found = false;

    make_both(*state, &(change){ "reads", NULL, NULL });
    write_text(a, FILE_NAME, SETTINGS(""));
    assert_ok(open_both(&model, true, test_err));
    for (size_t i = 0; i < model->encoder.reads.count; i++)
        found |= strstr(model->encoder.reads.list[i].path, "/a/" FILE_NAME) != NULL;
    assert_true(found);
    gd_model_close(model);
}

static void a_merged_model_has_the_settings(void **state)
{
    static const char file[] =
        "{ \"format\":\"guerdon-adapter/1\",\"scoring\":{\"add_eos\":\"always\",\"max_length\":9}, "
        "\"training\":{\"x\":1}}\n";
    gd_options options = options_of(&(struct choice){ 0 });
    gd_error err = { 0 };
    gd_model *model;
    char *text;

    make_both(*state, &(change){ "merge", NULL, NULL });
    write_text(a, FILE_NAME, SETTINGS("\"turns\":1"));
    assert_int_equal(gd_merge(&options, merged, NULL, &err), GD_EFORMAT);
    assert_contains(err.text, "/a/" FILE_NAME ": the field \"turns\" is an integer");
    write_text(a, FILE_NAME, file);
    merge_both();
    text = read_all(in_dir(merged, FILE_NAME));
    assert_string_equal(text, file);
    free(text);
    options.model = merged;
    options.adapter = NULL;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_int_equal(model->encoder.add_eos, GD_ADD_EOS_ALWAYS);
    assert_int_equal(model->encoder.max_length, 9);
    assert_string_equal(gd_model_note(model, 0), "the model was trained with max_length 9, add_eos always" HERE);
    gd_model_close(model);
}

/* An adapter that was trained on such a model has its own settings, or none. */
static void an_adapter_does_not_inherit_settings(void **state)
{
    gd_model *model;

    make_both(*state, &(change){ "inherit", NULL, NULL });
    write_text(m, FILE_NAME, SETTINGS("\"add_eos\":\"always\",\"normalize\":\"5,6\""));
    assert_ok(open_both(&model, true, test_err));
    assert_int_equal(model->encoder.add_eos, GD_ADD_EOS_NEVER);
    assert_false(model->scale.normalize);
    assert_null(gd_model_note(model, 0));
    gd_model_close(model);
    assert_ok(open_both(&model, false, test_err));
    assert_int_equal(model->encoder.add_eos, GD_ADD_EOS_ALWAYS);
    assert_true(model->scale.normalize);
    gd_model_close(model);
}

static void inspect_says_how_it_was_trained(void **state)
{
    static const char training[] = "\"trained\":{\"data\":[\"a.jsonl\"],\"learning_rate\":1e-5,\"by\":null,\"n\":{}},";
    const gd_options options = options_of(&(struct choice){ 0 });
    char *json;

    make_both(*state, &(change){ "inspect", NULL, NULL });
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "\"trained\":null,");
    gd_string_free(json);
    write_text(a, FILE_NAME, SETTINGS(""));
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "\"trained\":null,");
    gd_string_free(json);
    write_text(a, FILE_NAME,
               "{\"format\":\"guerdon-adapter/1\",\"scoring\":{\"max_length\":99,\"add_eos\":\"auto\"},\n"
               " \"training\" : {\"data\": [\"a.jsonl\"], \"learning_rate\": 0.00001, \"by\": null, \"n\": {}}}\n");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, training);
    assert_contains(json, "\"max_length\":99,");
    assert_contains(json, "\"add_eos\":\"auto: id 1502");
    assert_contains(json, "[\"" WITH "max_length 99, add_eos auto" HERE "\"]");
    gd_string_free(json);
}

/* ---- eval --calibrate ---- */

static void calibrate(const char *dir, const gd_options *options, double *mean, double *std)
{
    gd_eval_options how;
    gd_model *model;
    json_t *root;
    char *json;

    gd_eval_options_init(&how);
    write_text(dir, "texts.txt", "Is tea hot?\nYes.\nNo, it is not.\n");
    how.input = in_dir(dir, "texts.txt");
    how.format = GD_FORMAT_TEXT;
    how.calibrate = 1;
    assert_ok(gd_model_open(&model, options, test_err));
    assert_ok(gd_eval(model, &how, NULL, NULL, &json, test_err));
    root = json_loads(json, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:{s:{s:F,s:F}}}", "details", "calibration", "mean", mean, "std", std), 0);
    json_decref(root);
    gd_string_free(json);
    gd_model_close(model);
}

/* Its result is given to --normalize, which then counts in place of the file's. */
static void calibration_is_of_the_models_own_scores(void **state)
{
    const gd_options options = options_of(&(struct choice){ 0 });
    double mean[2], std[2];

    make_both(*state, &(change){ "calibrate", NULL, NULL });
    calibrate(*state, &options, &mean[0], &std[0]);
    write_text(a, FILE_NAME, SETTINGS("\"normalize\":\"3,0.25\""));
    calibrate(*state, &options, &mean[1], &std[1]);
    assert_true(fabs(mean[0] - mean[1]) < 1e-5);
    assert_true(fabs(std[0] - std[1]) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(settings_are_as_by_hand),
        IN_DIR(settings_matter),
        IN_DIR(formats_are_compared_by_what_they_mean),
        IN_DIR(a_format_of_a_file_must_be_given),
        IN_DIR(a_card_is_not_quoted_beside_settings),
        IN_DIR(no_output_takes_its_place),
        IN_DIR(the_file_is_one_that_must_not_change),
        IN_DIR(a_merged_model_has_the_settings),
        IN_DIR(an_adapter_does_not_inherit_settings),
        IN_DIR(inspect_says_how_it_was_trained),
        IN_DIR(calibration_is_of_the_models_own_scores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
