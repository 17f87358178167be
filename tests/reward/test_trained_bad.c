/* test_trained_bad.c - a guerdon-adapter.json that is not as it should be, or asks for what the model lacks, is refused
 * in a sentence that names the file and the field. */
#include "tests/reward/settings.h"

#define F "the field "
#define WORDS_OF_EOS "but auto, always or never is expected"
#define PLAIN "but null, the name of a built-in chat format, or a path that ends in .yaml is expected"
#define GIVE "but a file is not looked for: give it with --chat-format, or choose another format there"
#define TWO "but null or \"MEAN,STD\", two finite numbers of which STD is above 0, is expected"
#define UNKNOWN                                                                                               \
    " of \"scoring\" is unknown, and may matter to scores; only max_length, add_eos, chat_format, turns and " \
    "normalize are expected"

static const struct bad_case {
    const char *text, *want;
} bad[] = {
    { "", "not valid JSON: the text ends where a value is expected" },
    { "[]", F "\"format\" is missing, but a string is expected" },
    { "NaN", F "\"format\" is missing, but a string is expected" },
    { "{}", F "\"format\" is missing, but a string is expected" },
    { "{\"format\":1}", F "\"format\" is an integer, but a string is expected" },
    { "{\"format\":\"guerdon-adapter/2\"}",
      "its format is \"guerdon-adapter/2\", but \"guerdon-adapter/1\" is expected" },
    { "{\"format\":\"guerdon-calibration/1\",\"mean\":0,\"std\":1}",
      "its format is \"guerdon-calibration/1\", but \"guerdon-adapter/1\" is expected" },
    { "{\"format\":\"guerdon-adapter/1\"}", F "\"scoring\" is missing, but an object is expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":null}", F "\"scoring\" is null, but an object is expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":[]}", F "\"scoring\" is a list, but an object is expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":NaN}", F "\"scoring\" is NaN, but an object is expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{},\"max_length\":512}",
      F "\"max_length\" is unknown; \"format\", \"scoring\" and \"training\" are expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{},\"training\":[]}",
      F "\"training\" is a list, but an object is expected" },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{},\"training\":{\"a\":[{\"loss\":NaN}]}}",
      "a value of \"training\" is NaN, Infinity or the like, which is not JSON" },
    { SETTINGS("\"max_len\":512"), F "\"max_len\"" UNKNOWN },
    { SETTINGS("\"truncate\":null"), F "\"truncate\"" UNKNOWN },
    { SETTINGS("\"a\\u001b[2J\":1"), F "\"a?[2J\"" UNKNOWN },
    { SETTINGS("\"max_length\":0"), F "\"max_length\" is 0, but 1 to 2147483647 is expected" },
    { SETTINGS("\"max_length\":-1"), F "\"max_length\" is -1, but 1 to 2147483647 is expected" },
    { SETTINGS("\"max_length\":9223372036854775807"),
      F "\"max_length\" is 9223372036854775807, but 1 to 2147483647 is expected" },
    { SETTINGS("\"max_length\":512.0"), F "\"max_length\" is a real number, but an integer is expected" },
    { SETTINGS("\"max_length\":\"512\""), F "\"max_length\" is a string, but an integer is expected" },
    { SETTINGS("\"max_length\":true"), F "\"max_length\" is true or false, but an integer is expected" },
    { SETTINGS("\"max_length\":Infinity"), F "\"max_length\" is Infinity, but an integer is expected" },
    { SETTINGS("\"max_length\":2000"),
      F "\"max_length\" is 2000, but max_position_embeddings in @/config.json is 1024: "
        "at most that many tokens are expected" },
    { SETTINGS("\"add_eos\":true"), F "\"add_eos\" is true or false, but a string is expected" },
    { SETTINGS("\"add_eos\":\"Auto\""), F "\"add_eos\" is \"Auto\", " WORDS_OF_EOS },
    { SETTINGS("\"add_eos\":\"\""), F "\"add_eos\" is \"\", " WORDS_OF_EOS },
    { SETTINGS("\"add_eos\":\"off\""), F "\"add_eos\" is \"off\", " WORDS_OF_EOS },
    { SETTINGS("\"chat_format\":5"), F "\"chat_format\" is an integer, but a string is expected" },
    { SETTINGS("\"chat_format\":\"qwen\""), F "\"chat_format\" is \"qwen\", " PLAIN },
    { SETTINGS("\"chat_format\":\"/etc/passwd\""), F "\"chat_format\" is \"/etc/passwd\", " PLAIN },
    { SETTINGS("\"chat_format\":\"mine.yaml\""), F "\"chat_format\" is mine.yaml, " GIVE },
    { SETTINGS("\"chat_format\":\"/etc/mine.yml\""), F "\"chat_format\" is /etc/mine.yml, " GIVE },
    { SETTINGS("\"chat_format\":\"hh\\u0000\""), F "\"chat_format\" contains a NUL character" },
    { SETTINGS("\"turns\":false"), F "\"turns\" is true or false, but a string is expected" },
    { SETTINGS("\"turns\":\"yes\""), F "\"turns\" is \"yes\", but auto, on or off is expected" },
    { SETTINGS("\"turns\":\"on\",\"chat_format\":null"), NULL },
    { SETTINGS("\"normalize\":1.5"), F "\"normalize\" is a real number, but a string is expected" },
    { SETTINGS("\"normalize\":[0,1]"), F "\"normalize\" is a list, but a string is expected" },
    { SETTINGS("\"normalize\":\"\""), F "\"normalize\" is \"\", " TWO },
    { SETTINGS("\"normalize\":\"1\""), F "\"normalize\" is \"1\", " TWO },
    { SETTINGS("\"normalize\":\"1,2,3\""), F "\"normalize\" is \"1,2,3\", " TWO },
    { SETTINGS("\"normalize\":\"0,0\""), F "\"normalize\" is \"0,0\", " TWO },
    { SETTINGS("\"normalize\":\"0,-1\""), F "\"normalize\" is \"0,-1\", " TWO },
    { SETTINGS("\"normalize\":\"nan,1\""), F "\"normalize\" is \"nan,1\", " TWO },
    { SETTINGS("\"normalize\":\"0,inf\""), F "\"normalize\" is \"0,inf\", " TWO },
    { SETTINGS("\"normalize\":\"guerdon-calibration.json\""), F "\"normalize\" is \"guerdon-calibration.json\", " TWO },
    { SETTINGS("\"turns\":\"on\",\"turns\":\"off\""), NULL },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{}}}", NULL },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{}", NULL },
    { "{\"format\":\"guerdon-adapter/1\",\"scoring\":{\"turns\":\"\xFF\"}}", NULL },
};

/* The sentence with the directory of the model for @; NULL, where it is another reader's, accepts any. */
static bool refused(const struct bad_case *one, gd_status rc, const gd_error *err)
{
    const char *at = one->want ? strchr(one->want, '@') : NULL;
    char want[1024], path[600];

    (void)snprintf(path, sizeof path, "%s/" FILE_NAME, a);
    if (!one->want)
        return rc == GD_EFORMAT && strncmp(err->text, path, strlen(path)) == 0;
    if (at)
        (void)snprintf(want, sizeof want, "%.*s%s%s", (int)(at - one->want), one->want, m, at + 1);
    else
        (void)snprintf(want, sizeof want, "%s", one->want);
    return rc == GD_EFORMAT && said(one->text, path, rc, err, want);
}

static void bad_files_are_refused(void **state)
{
    unsigned wrong = 0;

    make_both(*state, &(change){ "bad", NULL, NULL });
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { 0 };
        gd_model *model;
        gd_status rc;

        write_text(a, FILE_NAME, bad[i].text);
        rc = open_both(&model, true, &err);
        if (!refused(&bad[i], rc, &err)) {
            print_error("%s: %d, %s\n", bad[i].text, (int)rc, err.text);
            wrong++;
        }
        gd_model_close(model);
    }
    assert_int_equal(wrong, 0);
}

static void a_large_file_is_refused(void **state)
{
    const size_t len = (1 << 20) + 1;
    char *text = malloc(len);
    gd_error err = { 0 };
    gd_model *model;

    make_both(*state, &(change){ "large", NULL, NULL });
    assert_non_null(text);
    memset(text, ' ', len);
    memcpy(text, SETTINGS(""), strlen(SETTINGS("")));
    write_bytes(a, FILE_NAME, text, len - 1);
    assert_ok(open_both(&model, true, test_err));
    gd_model_close(model);
    write_bytes(a, FILE_NAME, text, len);
    assert_int_equal(open_both(&model, true, &err), GD_EFORMAT);
    assert_contains(err.text, "/" FILE_NAME ": 1048577 bytes, but at most 1048576 are accepted");
    free(text);
}

static void what_is_no_file_is_refused(void **state)
{
    gd_error err = { 0 };
    gd_model *model;

    make_both(*state, &(change){ "directory", NULL, NULL });
    (void)make_dir(a, FILE_NAME);
    assert_int_equal(open_both(&model, true, &err), GD_EIO);
    assert_contains(err.text, "/" FILE_NAME ": not a regular file");
}

/* The file asks for what the model lacks: the sentence is about the file, not about a flag that nobody gave. */
static void what_the_model_lacks_is_named(void **state)
{
    gd_options options = options_of(&(struct choice){ 0 });
    gd_error err = { 0 };
    gd_model *model;

    make_both(*state, &(change){ "lacks", NULL, NULL });
    write_text(a, FILE_NAME, SETTINGS("\"turns\":\"on\""));
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EFORMAT);
    assert_contains(err.text, "/" FILE_NAME ": the field \"turns\" is on, but ");
    options.turns = "on";
    err = (gd_error){ 0 };
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EUNSUPPORTED);
    assert_contains(err.text, "turns need a chat format");

    edit_config(m, "{\"eos_token_id\":null}");
    write_text(m, "tokenizer_config.json", "{}");
    write_text(a, FILE_NAME, SETTINGS("\"add_eos\":\"auto\""));
    options.turns = NULL;
    err = (gd_error){ 0 };
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EFORMAT);
    assert_contains(err.text, "/" FILE_NAME ": the field \"add_eos\" is auto, but no eos token with an id is known");
    options.add_eos = GD_ADD_EOS_OFF;
    assert_ok(gd_model_open(&model, &options, test_err));
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(bad_files_are_refused),
        IN_DIR(a_large_file_is_refused),
        IN_DIR(what_is_no_file_is_refused),
        IN_DIR(what_the_model_lacks_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
