/* test_weights.c - directories of weights: single, sharded, invalid. SM05 to SM12 are the project's named
 * cases. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/weights.h"

#include <sys/stat.h>
#include <unistd.h>

#define TENSOR(name, begin, end) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" begin "," end "]}"
#define INDEX(map) "{\"metadata\":{\"total_size\":99},\"weight_map\":{" map "}}"
#define S1 "model-00001-of-00002.safetensors"
#define S2 "model-00002-of-00002.safetensors"
#define BOTH "\"a\":\"" S1 "\",\"b\":\"" S2 "\""

static int wrong;

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

static void write_shards(const char *dir)
{
    write_st(dir, S1, "{" TENSOR("a", "0", "4") "}", 4);
    write_st(dir, S2, "{" TENSOR("b", "0", "4") "}", 4);
    write_text(dir, "model.safetensors.index.json", INDEX(BOTH));
}

/* Opens dir, and needs the tensors "a" and "b"; the message must be "DIR/FILE: WANT" (FILE may be "", for the directory
 * itself). */
static void expect(const char *dir, const char *id, const char *file, const char *want)
{
    const uint64_t live = gd_mem_live();
    gd_error err = { GD_OK, "" };
    const gd_view *view;
    gd_weights *w;
    gd_status rc = gd_weights_open(&w, dir, &err);

    if (!rc)
        rc = gd_weights_need(&view, w, "a", &err);
    if (!rc)
        rc = gd_weights_need(&view, w, "b", &err);
    gd_weights_close(w);
    wrong += !said(id, *file ? in_dir(dir, file) : dir, rc, &err, want);
    assert_int_equal(gd_mem_live(), live);
}

static void golden_models_open(void **state)
{
    char dir[512];
    const gd_view *embed, *head;
    gd_weights *single, *shards;

    (void)state;
    assert_ok(gd_weights_open(&single, test_data(dir, sizeof dir, "golden/qwen2"), test_err));
    assert_ok(gd_weights_open(&shards, test_data(dir, sizeof dir, "golden/qwen2-causal"), test_err));
    assert_int_equal(gd_weights_count(single), 39);
    assert_int_equal(gd_weights_note_count(single), 0);
    head = gd_weights_find(single, "score.weight");
    assert_non_null(head);
    assert_int_equal(head->shape[0], 1);
    assert_int_equal(head->shape[1], 96);
    assert_null(gd_weights_find(shards, "score.weight"));
    for (size_t i = 0; i < gd_weights_count(single); i++) { /* the same tensors, in one file and in four */
        const gd_view *here = gd_weights_at(single, i), *there = gd_weights_find(shards, here->name);

        assert_true(i == 0 || strcmp(gd_weights_at(single, i - 1)->name, here->name) < 0);
        if (here == head)
            continue;
        assert_non_null(there);
        assert_int_equal(here->bytes, there->bytes);
        assert_memory_equal(here->data, there->data, here->bytes);
    }
    assert_ok(gd_weights_need(&embed, shards, "model.embed_tokens.weight", test_err));
    assert_int_equal(embed->bytes, 1536 * 96 * 2);
    assert_int_equal(gd_weights_bytes(single), 804288);
    gd_weights_close(single);
    gd_weights_close(shards);
}

static void indexes_are_checked(void **state)
{
    static const struct {
        const char *id, *index, *file, *want;
    } cases[] = {
        { "fine", INDEX(BOTH), "", "" }, /* SM08: total_size is wrong, but unused */
        { "SM05 up", INDEX("\"a\":\"../" S1 "\""), "model.safetensors.index.json",
          "the file of \"a\" is \"../" S1 "\", but a plain *.safetensors file name is expected" },
        { "SM05 absolute", INDEX("\"a\":\"/tmp/" S1 "\""), "model.safetensors.index.json",
          "the file of \"a\" is \"/tmp/" S1 "\", but a plain *.safetensors file name is expected" },
        { "SM05 hidden", INDEX("\"a\":\"..safetensors\""), "model.safetensors.index.json",
          "the file of \"a\" is \"..safetensors\", but a plain *.safetensors file name is expected" },
        { "SM05 itself", INDEX("\"a\":\"model.safetensors.index.json\""), "model.safetensors.index.json",
          "the file of \"a\" is \"model.safetensors.index.json\", but a plain *.safetensors file name is "
          "expected" },
        { "SM05 pickle", INDEX("\"a\":\"pytorch_model-00001-of-00002.bin\""), "model.safetensors.index.json",
          "the file of \"a\" is \"pytorch_model-00001-of-00002.bin\", but a plain *.safetensors file name "
          "is expected" },
        { "SM05 empty", INDEX("\"a\":\"\""), "model.safetensors.index.json",
          "the file of \"a\" is \"\", but a plain *.safetensors file name is expected" },
        { "SM05 NUL", INDEX("\"a\":\"" S1 "\\u0000\""), "model.safetensors.index.json",
          "the field \"a\" contains a NUL character" },
        { "SM05 number", INDEX("\"a\":1"), "model.safetensors.index.json",
          "the field \"a\" is an integer, but a string is expected" },
        { "SM05 missing", INDEX(BOTH ",\"c\":\"model-3.safetensors\""), "model-3.safetensors",
          "No such file or directory" },
        { "SM06 listed once, held twice", INDEX("\"a\":\"" S1 "\",\"b\":\"" S1 "\""), S1,
          "tensor \"b\" is missing, but DIR/model.safetensors.index.json lists it in this file" },
        { "SM06 other shard", INDEX("\"a\":\"" S2 "\",\"b\":\"" S1 "\""), S1,
          "tensor \"a\" is in this file, but DIR/model.safetensors.index.json lists it in " S2 },
        { "SM07", INDEX(BOTH ",\"c\":\"" S2 "\""), "", "" }, /* nobody needs it */
        { "SM07 needed", INDEX("\"a\":\"" S2 "\",\"c\":\"" S1 "\""), S1,
          "tensor \"a\" is in this file, but DIR/model.safetensors.index.json lists it in " S2 },
        { "not listed", INDEX("\"b\":\"" S2 "\",\"c\":\"" S1 "\""), S1,
          "tensor \"a\" is not listed in DIR/model.safetensors.index.json" },
        { "no map", "{}", "model.safetensors.index.json",
          "the field \"weight_map\" is missing, but an object is expected" },
        { "empty map", INDEX(""), "model.safetensors.index.json", "\"weight_map\" is empty" },
        { "a list", "[]", "model.safetensors.index.json", "not a JSON object" },
        { "twice", INDEX(BOTH ",\"a\":\"" S2 "\""), "model.safetensors.index.json", "the field \"a\" appears twice" },
    };

    write_shards(*state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *dir = strstr(cases[i].want, "DIR");
        char want[1024];

        write_text(*state, "model.safetensors.index.json", cases[i].index);
        (void)snprintf(want, sizeof want, "%.*s%s%s", dir ? (int)(dir - cases[i].want) : 1023, cases[i].want,
                       dir ? (const char *)*state : "", dir ? dir + 3 : "");
        expect(*state, cases[i].id, cases[i].file, want);
    }
}

/* SM06: the same tensor in both shards, listed for one. */
static void a_tensor_in_two_shards_is_refused(void **state)
{
    char want[1024];

    write_shards(*state);
    write_st(*state, S2, "{" TENSOR("a", "0", "4") "," TENSOR("b", "4", "8") "}", 8);
    (void)snprintf(want, sizeof want,
                   "tensor \"a\" is in this file, but %s/model.safetensors.index.json lists it in " S1,
                   (const char *)*state);
    expect(*state, "SM06", S2, want);
}

/* What nobody needs is noted, in the words of the first tensor. */
static void a_disagreement_is_noted(void **state)
{
    static const struct {
        const char *id, *index, *note;
    } cases[] = {
        { "none", INDEX(BOTH), NULL },
        { "listed, not held", INDEX(BOTH ",\"c.inv_freq\":\"" S2 "\""), "about 1 tensor, such as c.inv_freq" },
        { "two listed", INDEX(BOTH ",\"lm_head.weight\":\"" S2 "\",\"d\":\"" S1 "\""),
          "about 2 tensors, such as lm_head.weight" },
        { "held, not listed", INDEX("\"a\":\"" S1 "\",\"ids\":\"" S2 "\""), "about 1 tensor, such as b" },
        { "held elsewhere", INDEX("\"a\":\"" S1 "\",\"b\":\"" S1 "\",\"ids\":\"" S2 "\""),
          "about 2 tensors, such as b" },
    };

    write_shards(*state);
    write_st(*state, S2,
             "{" TENSOR("b", "0", "4") ",\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[4,12]}}", 12);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_weights *w;

        write_text(*state, "model.safetensors.index.json", cases[i].index);
        assert_ok(gd_weights_open(&w, *state, test_err));
        if (gd_weights_note_count(w) != (cases[i].note != NULL))
            fail_msg("%s: %zu notes", cases[i].id, gd_weights_note_count(w));
        if (cases[i].note)
            assert_contains(gd_weights_note(w, 0), cases[i].note);
        gd_weights_close(w);
    }
}

static const gd_alias inner = { "model.", { "language_model.model.", "" }, 2 };

static gd_status settle(gd_weights *w, const char *const *wanted, size_t count, gd_error *err)
{
    const gd_names_search search = { .aliases = &inner, .alias_count = 1, .wanted = wanted, .count = count };

    return gd_weights_settle(w, &search, err);
}

/* A graph's name is looked for under the one form of it that the checkpoint has. */
static void the_inner_model_may_have_another_prefix(void **state)
{
    static const char *const wanted[] = { "model.norm.weight", "model.a", "score.weight" };
    static const struct {
        const char *header, *norm, *other;
    } cases[] = {
        { "{" TENSOR("a", "0", "4") "," TENSOR("norm.weight", "4", "8") "}", "norm.weight", "a" },
        { "{" TENSOR("model.a", "0", "4") "," TENSOR("model.norm.weight", "4", "8") "}", "model.norm.weight",
          "model.a" },
        { "{" TENSOR("language_model.model.a", "0", "4") "," TENSOR("language_model.model.norm.weight", "4", "8") "}",
          "language_model.model.norm.weight", "language_model.model.a" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const gd_view *view;
        char room[GD_NAME_BYTES];
        gd_weights *w;

        write_st(*state, "model.safetensors", cases[i].header, 8);
        assert_ok(gd_weights_open(&w, *state, test_err));
        assert_ok(settle(w, wanted, 3, test_err));
        assert_string_equal(gd_weights_find(w, "model.norm.weight")->name, cases[i].norm);
        assert_string_equal(gd_weights_find(w, "model.a")->name, cases[i].other);
        assert_string_equal(gd_weights_in_graph(w, cases[i].other, room), "model.a");
        assert_ok(gd_weights_need(&view, w, "model.norm.weight", test_err));
        assert_null(gd_weights_find(w, "model.b"));
        assert_null(gd_weights_find(w, "mod.norm.weight"));
        gd_weights_close(w);
    }
}

static void two_prefixes_are_refused(void **state)
{
    static const char *const wanted[] = { "model.norm.weight", "model.a" };
    gd_error err = { GD_OK, "" };
    gd_weights *w;

    write_st(*state, "model.safetensors",
             "{" TENSOR("norm.weight", "0", "4") "," TENSOR("language_model.model.a", "4", "8") "}", 8);
    assert_ok(gd_weights_open(&w, *state, test_err));
    assert_int_equal(settle(w, wanted, 2, &err), GD_EFORMAT);
    assert_contains(err.text,
                    "model.safetensors: there are both \"language_model.model.a\" and \"norm.weight\", but the "
                    "model's tensors under one of these names are expected");
    gd_weights_close(w);
}

/* What is there in place of a weight: GPTQ, AWQ, bitsandbytes in 8 and in 4 bits, fp8. */
static void quantised_weights_are_refused_for_what_they_are(void **state)
{
    static const char *const wanted[] = { "model.m.weight", "model.m.qweight" };
    static const struct {
        const char *tensor, *dtype, *want;
    } cases[] = {
        { "m.qweight", "U8",
          "the weights are quantised: there is no tensor \"m.weight\", but \"m.qweight\" of the dtype U8; BF16, "
          "F16 "
          "or F32 weights are expected" },
        { "model.m.weight_packed", "I8",
          "the weights are quantised: there is no tensor \"model.m.weight\", but \"model.m.weight_packed\" of the "
          "dtype I8; "
          "BF16, F16 or F32 weights are expected" },
        { "model.m.weight", "U8", "tensor \"model.m.weight\" has the dtype U8, but BF16, F16 or F32 is expected" },
        { "m.weight", "I8", "tensor \"m.weight\" has the dtype I8, but BF16, F16 or F32 is expected" },
        { "model.m.weight", "F8_E4M3",
          "tensor \"model.m.weight\" has the dtype F8_E4M3, but BF16, F16 or F32 is expected" },
        { "model.mm.qweight", "U8", NULL }, /* another module's */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_error err = { GD_OK, "" };
        char header[256];
        gd_weights *w;

        (void)snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"%s\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                       cases[i].tensor, cases[i].dtype);
        write_st(*state, "model.safetensors", header, 4);
        assert_ok(gd_weights_open(&w, *state, test_err));
        assert_ok(settle(w, wanted, 2, test_err));
        wrong += !said(cases[i].tensor, in_dir(*state, "model.safetensors"),
                       gd_weights_check(w, "model.m.weight", &err), &err, cases[i].want ? cases[i].want : "");
        gd_weights_close(w);
    }
}

/* SM10 and SM11: files that cannot be shards. */
static void shards_are_whole_regular_files(void **state)
{
    write_shards(*state);
    write_st(*state, S2, "{" TENSOR("b", "0", "4") "}", 3);
    expect(*state, "SM11", S2, "tensor \"b\": it ends at 4, but the file has 3 bytes of data");
    remove_file(*state, S2);
    assert_int_equal(mkfifo(in_dir(*state, S2), 0600), 0);
    expect(*state, "SM10 FIFO", S2, "not a regular file");
    remove_file(*state, S2);
    make_dir(*state, S2);
    expect(*state, "SM10 directory", S2, "not a regular file");
    remove_file(*state, S2);
    assert_int_equal(symlink("/dev/zero", in_dir(*state, S2)), 0);
    expect(*state, "SM10 device", S2, "not a regular file");
    remove_file(*state, S2);
    assert_int_equal(symlink(S2, in_dir(*state, S2)), 0);
    expect(*state, "SM10 loop", S2, "Too many levels of symbolic links");
    remove_file(*state, S2);
    write_st(*state, "blob", "{" TENSOR("b", "0", "4") "}", 4); /* as in the Hugging Face cache */
    assert_int_equal(symlink("blob", in_dir(*state, S2)), 0);
    expect(*state, "a link", S2, "");
}

static void the_right_files_are_chosen(void **state)
{
    const gd_view *view;
    gd_weights *w;

    expect(*state, "nothing", "", "neither model.safetensors nor model.safetensors.index.json exists");
    write_text(*state, "pytorch_model.bin", "PK\3\4");
    expect(*state, "pickle", "",
           "found only pytorch_model.bin, a pickle, which can run code when it is loaded; if you trust it, "
           "load it with Transformers and call save_pretrained(), which writes safetensors");
    write_shards(*state);
    write_st(*state, "model.safetensors", "{" TENSOR("c", "0", "4") "}", 4);
    assert_ok(gd_weights_open(&w, *state, test_err)); /* SM12 */
    assert_int_equal(gd_weights_count(w), 1);
    assert_non_null(gd_weights_find(w, "c"));
    assert_string_equal(gd_weights_path(w), in_dir(*state, "model.safetensors"));
    assert_int_equal(gd_weights_note_count(w), 2);
    assert_non_null(strstr(gd_weights_note(w, 0), "model.safetensors.index.json is ignored"));
    assert_non_null(strstr(gd_weights_note(w, 1), "pytorch_model.bin is ignored, since there are safetensors files"));
    gd_weights_close(w);

    write_st(*state, "model.safetensors",
             "{" TENSOR("c", "0", "4") ",\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[4,12]}}", 12);
    assert_ok(gd_weights_open(&w, *state, test_err));
    assert_null(gd_weights_find(w, "ids"));
    assert_int_equal(gd_weights_bytes(w), 4);
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = { "ids", "d" };
        static const char *const wants[] = { "tensor \"ids\" has the dtype I64, but BF16, F16 or F32 is "
                                             "expected",
                                             "tensor \"d\" is missing" };
        gd_error err = { GD_OK, "" };
        const gd_status rc = gd_weights_need(&view, w, names[i], &err);

        wrong += !said(names[i], gd_weights_path(w), rc, &err, wants[i]);
    }
    gd_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_models_open),
        cmocka_unit_test_setup_teardown(indexes_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_tensor_in_two_shards_is_refused, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_disagreement_is_noted, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_inner_model_may_have_another_prefix, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(two_prefixes_are_refused, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(quantised_weights_are_refused_for_what_they_are, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(shards_are_whole_regular_files, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_right_files_are_chosen, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
