/* test_chat_made.c - tools/chat_format.py makes of each template here a format that writes the template's texts, and
 * says what no format can do. Skipped without Python and jinja2. */
#include "tests/text/chat_case.h"

#include <sys/wait.h>

static char dir[TEST_PATH], script[1024];

/* Runs the script on a file; its output goes to DIR/own.yaml, what it says to `said`. */
static int run(const char *path, const char *flags, char *said, size_t room)
{
    char command[4096];
    size_t len;
    FILE *f;

    (void)snprintf(command, sizeof command, "python3 '%s' '%s' %s 2>&1 >'%s/own.yaml'", script, path, flags, dir);
    f = popen(command, "r");
    assert_non_null(f);
    len = fread(said, 1, room - 1, f);
    said[len] = '\0';
    return WEXITSTATUS(pclose(f));
}

static const char *token(const json_t *one, const char *key)
{
    const char *value = json_string_value(json_object_get(one, key));

    return value ? value : "";
}

static void check_template(const char *name, const json_t *one)
{
    char path[1024], sub[200], flags[400], said[1000], file[150], own[1100];
    gd_chat *chat;

    (void)snprintf(sub, sizeof sub, "chat/templates/%s.jinja", name);
    (void)test_data(path, sizeof path, sub);
    (void)snprintf(flags, sizeof flags, "--bos-token '%s' --eos-token '%s' --date '05 Dec 2025'",
                   token(one, "bos_token"), token(one, "eos_token"));
    if (run(path, flags, said, sizeof said))
        fail_msg("%s: %s", name, said);
    assert_string_equal(said, "");
    (void)snprintf(own, sizeof own, "%s/own.yaml", dir);
    (void)snprintf(file, sizeof file, "%s.jsonl", json_string_value(json_object_get(one, "format")));
    assert_ok(gd_chat_open(&chat, own, NULL, NULL, test_err));
    assert_string_equal(gd_chat_name(chat), "own");
    check_texts(chat, file);
    gd_chat_close(chat);
}

static void templates_become_formats(void **state)
{
    char path[1024];
    json_t *all = json_load_file(test_data(path, sizeof path, "chat/templates.json"), 0, NULL), *one;
    size_t count = 0;
    const char *name;

    (void)state;
    json_object_foreach(all, name, one) {
        if (json_object_get(one, "sha256"))
            continue;
        check_template(name, one);
        count++;
    }
    assert_in_range(count, 20, 100);
    json_decref(all);
}

#define EACH "{% for m in messages %}"
#define TURN "<{{ m.role }}>{{ m.content }}</>"
#define END "{% endfor %}"

static void what_no_format_can_do_is_said(void **state)
{
    static const struct {
        const char *text, *said; /* said: in the sentence, in this order */
    } cases[] = {
        { EACH "<{{ loop.index }}>{{ m.content }}" END, "writes turns that depend on the turns around them" },
        { EACH TURN "{{ m.content }}" END, "does not write each message of user and assistant as it is, once" },
        { EACH "<{{ m.role }}>{{ m.content | upper }}</>" END, "does not write each message" },
        { EACH "<{{ m.role }}>{{ m.content.rstrip() }}</>" END,
          "writes '<system> lead</><user>u1</><assistant>a2</>' for system:' lead' user:'u1' assistant:'a2', and " },
        { "{{ eos_token }}" EACH TURN END, "writes the eos_token: say which with --eos-token" },
        { "{{ strftime_now('%Y') }}" EACH TURN END, "writes the date: say which with --date" },
        { EACH TURN "{% if %}" END, "not a template: " },
        { "", "does not write each message of user and assistant as it is, once" },
    };
    char path[1100], said[2000];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/bad.jinja", dir);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(dir, "bad.jinja", cases[i].text, strlen(cases[i].text));
        assert_int_equal(run(path, "", said, sizeof said), 1);
        if (!strstr(said, cases[i].said))
            fail_msg("\"%s\" does not say \"%s\"", said, cases[i].said);
    }
}

/* A checkpoint's folder has the template in one file and the tokens in another. */
static void a_folder_is_read_as_transformers_reads_it(void **state)
{
    static const char text[] = "{{ bos_token }}" EACH "{% if m.role != 'system' or m.content %}" TURN "{% endif %}" END
                               "!";
    static const char config[] = "{\"bos_token\":{\"content\":\"<b>\"},\"chat_template\":\"x\"}";
    const gd_chat_message messages[] = { { literal("system"), literal(""), NULL },
                                         { literal("user"), literal("q"), NULL } };
    char said[1000], own[1100];
    gd_buf out = { 0 };
    gd_chat *chat;

    (void)state;
    write_file(dir, "chat_template.jinja", text, sizeof text - 1);
    write_file(dir, "tokenizer_config.json", config, sizeof config - 1);
    assert_int_equal(run(dir, "--name mine", said, sizeof said), 0);
    (void)snprintf(own, sizeof own, "%s/own.yaml", dir);
    assert_ok(gd_chat_open(&chat, own, NULL, NULL, test_err));
    assert_string_equal(gd_chat_name(chat), "mine");
    assert_ok(gd_chat_render(chat, messages, 2, NULL, &out, test_err));
    assert_string_equal(gd_buf_cstr(&out), "<b><user>q</>!");
    gd_buf_free(&out);
    gd_chat_close(chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_become_formats),
        cmocka_unit_test(what_no_format_can_do_is_said),
        cmocka_unit_test(a_folder_is_read_as_transformers_reads_it),
    };
    const char *srcdir = getenv("srcdir");
    int rc;

    if (system("python3 -c 'import jinja2' 2>/dev/null") != 0) {
        printf("SKIPPED: python3 has no jinja2\n");
        return 77;
    }
    (void)snprintf(script, sizeof script, "%s/tools/chat_format.py", srcdir ? srcdir : ".");
    (void)test_dir(dir);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void)test_remove(dir);
    return rc;
}
