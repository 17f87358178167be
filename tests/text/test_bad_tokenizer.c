/* test_bad_tokenizer.c - each way in which a tokenizer.json can be wrong has its error message. */
#include "tests/text/corpus.h"

#include "base/mem.h"

#include <sys/stat.h>

/* A small, valid tokenizer. */
static const char good[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":4,\"content\":\""
    "<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}"
    "],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"t"
    "ype\":\"Split\",\"pattern\":{\"Regex\":\"x\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":"
    "\"Digits\",\"individual_digits\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_off"
    "sets\":true,\"use_regex\":true}]},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
    "\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair"
    "\":[],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[4],\"tokens\":[\"<s>\"]}}},\"decoder\":nu"
    "ll,\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<unk>\",\"continuing_subword_prefix"
    "\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":fal"
    "se,\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"<unk>\":3},\"merges\":[\"a b\"]}}";

#define TEMPLATE                                                                                    \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"s\",\"type_id\":0}}," \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":"                              \
    "{\"s\":{\"id\":\"s\",\"ids\":[0],\"tokens\":[\"a\"]}}}"

/* `from` (NULL: all of it) is replaced by `to`; the path of the file precedes the message. */
static const struct {
    const char *from, *to, *sentence;
} cases[] = {
    { NULL, "", ": the file is expected to be an object" },
    { NULL, "[]", ": the file is expected to be an object" },
    { NULL, "{\"version\":\"1.", ": not valid JSON: the text ends where the end of a string is expected" },
    { NULL, "{\"version\":\"1.0\"", ": not valid JSON: the text ends where ',' or '}' is expected" },
    { "\"a b\"]}}", "\"a b\"]}} x", ": not valid JSON at byte 923: the end of the file is expected" },
    { "\"padding\":null,", "\"padding\":null ", ": not valid JSON at line 1 column 51: ',' or '}' is expected" },
    { "\"padding\":null", "\"padding\" null", ": not valid JSON at line 1 column 46: ':' is expected" },
    { "\"a b\"]}}", "\"a b\"]},}", ": not valid JSON at line 1 column 923: a field's name in quotes is expected" },
    { "\"padding\":null", "padding:null",
      ": not valid JSON at line 1 column 36: a field's name in quotes is expected" },
    { "\"padding\":null", "\"padding\":nul", ": not valid JSON at line 1 column 46: a value is expected" },
    { "\"b\":1", "\"b\":01", ": not valid JSON at line 1 column 886: a number without leading zeros is expected" },
    { "\"b\":1", "\"b\":-", ": not valid JSON at line 1 column 886: a digit is expected" },
    { "\"dropout\":null", "\"dropout\":0.", ": not valid JSON at line 1 column 723: a digit is expected" },
    { "\"b\":1", "\"\\q\":1", ": not valid JSON at line 1 column 883: an escape sequence is expected" },
    { "\"b\":1", "\"\\ud800\":1", ": model.merges[0]: the token \"b\" is not in model.vocab" },
    { "\"b\":1", "\"\\ud800\\u0041\":1", ": model.merges[0]: the token \"b\" is not in model.vocab" },
    { "\"b\":1", "\"\\udc00\":1", ": model.merges[0]: the token \"b\" is not in model.vocab" },
    { "\"b\":1", "\"\\u00g0\":1", ": not valid JSON at line 1 column 886: a hexadecimal digit is expected" },
    { "\"b\":1", "\"b\n\":1",
      ": not valid JSON at line 1 column 883: an escape sequence for a control character is expected" },
    { "\"b\":1", "\"bbbbbbbb\x1F\":1",
      ": not valid JSON at line 1 column 890: an escape sequence for a control character is expected" },
    { "\"b\":1", "\"\xFF\":1", ": not valid UTF-8 at byte 881" },
    { "\"decoder\":null",
      "\"decoder\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]"
      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
      "" },
    { "\"padding\":null", "\"padding\":null,\"padding\":null", ": the field \"padding\" appears twice" },
    { "\"type\":\"NFC\"", "\"type\":\"NFC\",\"type\":\"NFC\"", ": normalizer: the field \"type\" appears twice" },
    { "\"padding\":null", "\"padding\":null,\"extra\":1", ": the field \"extra\" is not known" },
    { "\"version\":\"1.0\"", "\"version\":\"2.0\"", ": version is \"2.0\", but only \"1.0\" is supported" },
    { "\"version\":\"1.0\"", "\"version\":1", ": version is expected to be a string" },
    { "\"truncation\":null", "\"truncation\":512", ": truncation is expected to be an object" },
    { "\"truncation\":null", "\"truncation\":{\"max_length\":5,\"colour\":1}",
      ": truncation: the field \"colour\" is not known" },
    { "\"padding\":null", "\"padding\":{\"strategy\":\"BatchLongest\",\"x\":1}",
      ": padding: the field \"x\" is not known" },
    { NULL,
      "{\"added_tokens\":5,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"mode"
      "l\":{\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}",
      ": the field \"added_tokens\" is expected to be a list" },
    { "\"added_tokens\":[", "\"added_tokens\":[\"a\",", ": added_tokens[0] is expected to be an object" },
    { "\"special\":true", "\"special\":true,\"weight\":2", ": added_tokens[0]: the field \"weight\" is not known" },
    { "\"lstrip\":false,", "", ": added_tokens[0]: the field \"lstrip\" is missing, but true or false is expected" },
    { "\"lstrip\":false", "\"lstrip\":0",
      ": added_tokens[0]: the field \"lstrip\" is an integer, but true or false is expected" },
    { "\"id\":4,\"content\"", "\"id\":9,\"content\"",
      ": added_tokens[0]: the id of \"<s>\" is 9, but new tokens are numbered in order after the vocabulary, and this "
      "is 4" },
    { "\"id\":4,\"content\"", "\"id\":-1,\"content\"",
      ": added_tokens[0]: the field \"id\" is -1, but 0 to 2097150 is expected" },
    { "\"id\":4,\"content\":\"<s>\"", "\"id\":1,\"content\":\"a\"",
      ": added_tokens[0]: the id of \"a\" is 1, but model.vocab gives it the id 0" },
    { "\"content\":\"<s>\"", "\"content\":\"\"",
      ": added_tokens[0]: the content has 0 bytes, but 1 to 1024 are supported" },
    { "\"content\":\"<s>\"", "\"content\":7", ": added_tokens[0]: the field \"content\" is expected to be a string" },
    { "\"added_tokens\":[",
      "\"added_tokens\":[{\"id\":4,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip"
      "\":false,\"normalized\":false,\"special\":true},",
      ": added_tokens: \"<s>\" appears twice" },
    { "\"added_tokens\":[{\"id\":4",
      "\"added_tokens\":[{\"id\":4,\"content\":\"\\u00c5\",\"single_word\":false,\"lstrip\":false,\"rst"
      "rip\":false,\"normalized\":true,\"special\":true},{\"id\":5,\"content\":\"\\u212b\",\"single_wor"
      "d\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":true},{\"id\":6",
      ": added_tokens: \"\xE2\x84\xAB\" appears twice" },
    { "\"<unk>\":3", "\"<unk>\":4", ": the id 4 of \"<s>\" belongs to another token of model.vocab" },
    { "\"type\":\"NFC\"", "\"type\":\"NFKD\"",
      ": normalizer: the type is \"NFKD\", but only \"NFC\", \"NFKC\", \"Prepend\", \"Replace\" and a \"Sequence\" of "
      "them are supported" },
    { "\"type\":\"NFC\"", "\"type\":\"NFKC\"", "" },
    { "\"type\":\"NFC\"", "\"type\":\"Prepend\"", ": normalizer: prepend is expected to be a string" },
    { "\"type\":\"NFC\"", "\"type\":\"Prepend\",\"prepend\":\"\",\"append\":\"\"",
      ": normalizer: the field \"append\" is not known" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"",
      ": normalizer: an empty pattern is not supported" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}",
      ": normalizer: content is expected to be a string" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{},\"content\":\"\"",
      ": normalizer: the pattern is expected to be one string, a \"Regex\" or a \"String\"" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},\"content\":\"\"",
      ": normalizer: the pattern could match an empty string, which is not supported" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +$\"},\"content\":\"\"", "" },
    { "\"type\":\"NFC\"", "\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a|$\"},\"content\":\"\"",
      ": normalizer: the pattern could match an empty string, which is not supported" },
    { "{\"type\":\"NFC\"}", "{}", ": normalizer: the field \"type\" is missing, but a string is expected" },
    { "{\"type\":\"NFC\"}", "\"NFC\"", ": normalizer is expected to be an object or null" },
    { "{\"type\":\"NFC\"}", "{\"type\":\"NFC\",\"form\":1}", ": normalizer: the field \"form\" is not known" },
    { "{\"type\":\"NFC\"}", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]}",
      ": normalizer.normalizers[1]: the type is \"Lowercase\", but only \"NFC\", \"NFKC\", \"Prepend\", \"Replace\" "
      "and a \"Sequence\" of t"
      "hem are supported" },
    { "{\"type\":\"NFC\"}",
      "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Sequ"
      "ence\",\"normalizers\":[{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Sequence\",\"normali"
      "zers\":[{\"type\":\"NFC\"}]}]}]}]}]}",
      ": normalizer.normalizers[0].normalizers[0].normalizers[0].normalizers[0]: the type is \"Sequence"
      "\", but only \"NFC\", \"NFKC\", \"Prepend\", \"Replace\" and a \"Sequence\" of them are supported" },
    { NULL, "{\"model\":{\"vocab\":{},\"merges\":[]}}",
      ": model.vocab has no token for the byte 0x09, and no model.unk_token: such text would be lost" },
    { NULL, "{\"pre_tokenizer\":null,\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}", "" },
    { "\"type\":\"Digits\",\"individual_digits\":true", "\"type\":\"Whitespace\"",
      ": pre_tokenizer.pretokenizers[1]: the type is \"Whitespace\", but only \"Split\", \"Digits\", "
      "\"Punctuation\", \"Metaspace\", \"ByteLevel\" and a \"Sequence\" of them are supported" },
    { "\"type\":\"Digits\",\"individual_digits\":true", "\"type\":\"Punctuation\",\"behavior\":\"Never\"",
      ": pre_tokenizer.pretokenizers[1]: the behavior \"Never\" is not known" },
    { "\"type\":\"Digits\",\"individual_digits\":true", "\"type\":\"Metaspace\"",
      ": pre_tokenizer.pretokenizers[1]: the field \"replacement\" is missing, but a string is expected" },
    { "\"type\":\"Digits\",\"individual_digits\":true", "\"type\":\"Metaspace\",\"replacement\":\"__\"",
      ": pre_tokenizer.pretokenizers[1]: replacement is \"__\", but one character is expected" },
    { "\"type\":\"Digits\",\"individual_digits\":true", "\"type\":\"Metaspace\",\"replacement\":\"\"",
      ": pre_tokenizer.pretokenizers[1]: replacement is \"\", but one character is expected" },
    { "\"type\":\"Digits\",\"individual_digits\":true",
      "\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"",
      ": pre_tokenizer.pretokenizers[1]: prepend_scheme is \"last\", but only \"first\", \"always\" and "
      "\"never\" are known" },
    { "\"type\":\"Digits\",\"individual_digits\":true",
      "\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\",\"add_prefix_space\":false",
      ": pre_tokenizer.pretokenizers[1]: add_prefix_space is false, but prepend_scheme is \"first\"" },
    { "\"type\":\"Digits\",\"individual_digits\":true",
      "\"type\":\"Metaspace\",\"replacement\":\"_\"},{\"type\":\"Metaspace\",\"replacement\":\"_\"",
      ": pre_tokenizer.pretokenizers[2]: a second \"Metaspace\" is not supported" },
    { "\"individual_digits\":true", "\"individual_digits\":true,\"x\":1",
      ": pre_tokenizer.pretokenizers[1]: the field \"x\" is not known" },
    { "\"individual_digits\":true", "\"individual_digits\":1",
      ": pre_tokenizer.pretokenizers[1]: the field \"individual_digits\" is an integer, but true or false i"
      "s expected" },
    { "\"add_prefix_space\":false,", "",
      ": pre_tokenizer.pretokenizers[2]: the field \"add_prefix_space\" is missing, but true or false is ex"
      "pected" },
    { "{\"type\":\"Split\"", "{\"type\":\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Split\"",
      ": pre_tokenizer.pretokenizers[3]: the type is \"ByteLevel\", but after \"ByteLevel\" only \"Split\", "
      "\"Digits\" and \"Punctuation\" are supported" },
    { "\"behavior\":\"Isolated\"", "\"behavior\":\"Sticky\"",
      ": pre_tokenizer.pretokenizers[0]: the behavior \"Sticky\" is not known" },
    { ",\"invert\":false", "",
      ": pre_tokenizer.pretokenizers[0]: the field \"invert\" is missing, but true or false is expected" },
    { "\"invert\":false", "\"invert\":false,\"limit\":3",
      ": pre_tokenizer.pretokenizers[0]: the field \"limit\" is not known" },
    { "{\"Regex\":\"x\"}", "\"x\"",
      ": pre_tokenizer.pretokenizers[0]: the field \"pattern\" is a string, but an object is expected" },
    { "{\"Regex\":\"x\"}", "{\"Glob\":\"x\"}", ": pre_tokenizer.pretokenizers[0]: the field \"Glob\" is not known" },
    { "{\"Regex\":\"x\"}", "{\"Regex\":\"x\",\"String\":\"y\"}",
      ": pre_tokenizer.pretokenizers[0]: the pattern is expected to be one string, a \"Regex\" or a \"S"
      "tring\"" },
    { "{\"Regex\":\"x\"}", "{\"Regex\":5}",
      ": pre_tokenizer.pretokenizers[0]: the pattern is expected to be one string, a \"Regex\" or a \"S"
      "tring\"" },
    { "{\"Regex\":\"x\"}", "{\"String\":\"\"}", ": pre_tokenizer.pretokenizers[0]: an empty pattern is not supported" },
    { "\"type\":\"TemplateProcessing\"", "\"type\":\"BertProcessing\"",
      ": post_processor: the type is \"BertProcessing\", but only \"TemplateProcessing\", \"ByteLevel\""
      " and a \"Sequence\" of them are supported" },
    { NULL,
      "{\"post_processor\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"m"
      "odel\":{\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}",
      ": post_processor is expected to be an object or null" },
    { "\"pair\":[]", "\"pair\":[],\"triple\":[]", ": post_processor: the field \"triple\" is not known" },
    { ",{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}", "",
      ": post_processor: the template for a single text must contain the sequence \"A\" once, and no other" },
    { "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}", "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}",
      ": post_processor.single[1]: the template for a single text must contain the sequence \"A\" once, an"
      "d no other" },
    { "\"Sequence\":{\"id\":\"A\"", "\"Sequence\":{\"id\":\"B\"",
      ": post_processor.single[1]: the template for a single text must contain the sequence \"A\" once, an"
      "d no other" },
    { "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}", "{\"Text\":1}",
      ": post_processor.single[0]: the field \"Text\" is not known" },
    { "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}", "\"<s>\"",
      ": post_processor.single[0] is expected to be an object" },
    { "{\"SpecialToken\":{\"id\":\"<s>\"", "{\"SpecialToken\":{\"id\":\"</s>\"",
      ": post_processor.single[0]: the template uses \"</s>\", which is not in special_tokens" },
    { "\"ids\":[4]", "\"ids\":[5]",
      ": post_processor.single[0]: special_tokens: an id of \"<s>\" is not one of the tokenizer's 5 ids" },
    { "\"ids\":[4]", "\"ids\":[-4]",
      ": post_processor.single[0]: special_tokens: an id of \"<s>\" is not one of the tokenizer's 5 ids" },
    { "\"ids\":[4]", "\"ids\":[\"4\"]",
      ": post_processor.single[0]: special_tokens: an id of \"<s>\" is not one of the tokenizer's 5 ids" },
    { NULL, "{\"version\":\"1.0\",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}}",
      ": the field \"model\" is missing" },
    { "\"type\":\"BPE\"", "\"type\":\"Unigram\"", ": model.type is \"Unigram\", but only \"BPE\" is supported" },
    { NULL, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":3}",
      ": model is expected to be an object" },
    { "\"fuse_unk\":false", "\"fuse_unk\":false,\"max_length\":3", ": model: the field \"max_length\" is not known" },
    { "\"fuse_unk\":false", "\"fuse_unk\":false,\"fuse_unk\":true", ": model: the field \"fuse_unk\" appears twice" },
    { "\"dropout\":null", "\"dropout\":0.1",
      ": model.dropout is 0.1, but only null or 0.0 gives the same ids every time" },
    { "\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"",
      ": model.continuing_subword_prefix is \"##\", but only \"\" is supported" },
    { "\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"",
      ": model.end_of_word_suffix is \"</w>\", but only \"\" is supported" },
    { "\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":1",
      ": model.continuing_subword_prefix is expected to be a string" },
    { "\"fuse_unk\":false", "\"fuse_unk\":\"no\"", ": model.fuse_unk is expected to be true or false" },
    { "\"unk_token\":\"<unk>\"", "\"unk_token\":5", ": model.unk_token is expected to be a string" },
    { "\"unk_token\":\"<unk>\"", "\"unk_token\":null",
      ": model.vocab has no token for the byte 0x09, and no model.unk_token: such text w"
      "ould be lost" },
    { "\"unk_token\":\"<unk>\"", "\"unk_token\":\"<nil>\"",
      ": model.vocab has no token for the byte 0x09, and no model.unk_token: such text w"
      "ould be lost" },
    { "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"<unk>\":3},", "", ": the field model.vocab is missing" },
    { "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"<unk>\":3}", "\"vocab\":[[\"a\",0.5]]",
      ": model.vocab is expected to be an object" },
    { ",\"merges\":[\"a b\"]", "", ": the field model.merges is missing" },
    { "\"merges\":[\"a b\"]", "\"merges\":{\"a\":\"b\"}", ": model.merges is expected to be a list" },
    { "\"b\":1", "\"a\":1", ": model.vocab: the token \"a\" appears twice" },
    { "\"b\":1", "\"\\u0061\":1", ": model.vocab: the token \"a\" appears twice" },
    { "\"b\":1", "\"b\":0", ": model.vocab: the tokens \"a\" and \"b\" both have the id 0" },
    { "\"b\":1", "\"\":1", ": model.vocab: the token with id 1 is empty" },
    { "\"b\":1", "\"b\":-1", ": model.vocab: the id of \"b\" is -1, but an integer from 0 to 2097150 is expected" },
    { "\"b\":1", "\"b\":1.0", ": model.vocab: the id of \"b\" is 1.0, but an integer from 0 to 2097150 is expected" },
    { "\"b\":1", "\"b\":1e0", ": model.vocab: the id of \"b\" is 1e0, but an integer from 0 to 2097150 is expected" },
    { "\"b\":1", "\"b\":\"1\"", ": model.vocab: the id of \"b\" is expected to be an integer" },
    { "\"b\":1", "\"b\":null", ": model.vocab: the id of \"b\" is expected to be an integer" },
    { "\"b\":1", "\"b\":2147483648",
      ": model.vocab: the id of \"b\" is 2147483648, but an integer from 0 to 2097150 is expected" },
    { "\"b\":1", "\"b\":99999999999999999999999999",
      ": model.vocab: the id of \"b\" is 99999999999999999999999999, but an integer from 0 to 2097150 i"
      "s expected" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a b a\"]",
      ": model.merges[0]: \"a b a\" is expected to be two tokens separated by one space" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"ab\"]",
      ": model.merges[0]: \"ab\" is expected to be two tokens separated by one space" },
    { "\"merges\":[\"a b\"]", "\"merges\":[[\"a\",\"b\",\"a\"]]", ": model.merges[0] is expected to have two strings" },
    { "\"merges\":[\"a b\"]", "\"merges\":[[\"a\"]]", ": model.merges[0] is expected to have two strings" },
    { "\"merges\":[\"a b\"]", "\"merges\":[[\"a\",1]]", ": model.merges[0] is expected to have two strings" },
    { "\"merges\":[\"a b\"]", "\"merges\":[1]", ": model.merges[0] is expected to be a string or a list" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a b\",[\"b\",\"a\"]]",
      ": model.merges[1] has a different form from those before it" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"c b\"]", ": model.merges[0]: the token \"c\" is not in model.vocab" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a c\"]", ": model.merges[0]: the token \"c\" is not in model.vocab" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"b a\"]",
      ": model.merges[0]: the result of \"b a\" is not in model.vocab" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a a\"]",
      ": model.merges[0]: the result of \"a a\" is not in model.vocab" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a b\",\"a b\"]", ": model.merges[1]: \"a b\" appears twice" },
    { "\"merges\":[\"a b\"]", "\"merges\":[\"a \"]", ": model.merges[0]: the token \"\" is not in model.vocab" },
    { NULL,
      "{\"post_processor\":{\"type\":\"Sequence\",\"processors\":[" TEMPLATE "," TEMPLATE "]},"
      "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
      "\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}",
      ": post_processor.processors[1]: a second TemplateProcessing is not supported" },
};

/* The error message for the file, without the path; "" if it is valid. */
static const char *sentence_for(const char *text, size_t len)
{
    static gd_error err;
    const uint64_t live = gd_mem_live();
    char dir[TEST_PATH];
    gd_tokenizer *t;
    size_t prefix;
    gd_status rc;

    (void)test_dir(dir);
    write_tokenizer(dir, text, len);
    err = (gd_error){ GD_OK, "" };
    rc = gd_tokenizer_open(&t, dir, &err);
    assert_int_equal(test_remove(dir), 0);
    assert_int_equal(rc, err.status);
    gd_tokenizer_close(t);
    assert_true(gd_mem_live() == live);
    if (!rc)
        return "";
    assert_null(t);
    assert_true(rc == GD_EFORMAT || rc == GD_EUNSUPPORTED);
    prefix = strlen(dir) + strlen("/tokenizer.json");
    assert_true(strlen(err.text) > prefix && !memcmp(err.text, dir, strlen(dir)));
    return err.text + prefix;
}

/* `good` with `from` replaced by `times` copies of `to`, and `last`. */
static char *replaced(const char *from, const char *to, size_t times, const char *last)
{
    const char *at = from ? strstr(good, from) : good;
    const size_t cut = from ? strlen(from) : strlen(good);
    gd_buf b = { 0 };

    assert_non_null(at);
    gd_buf_bytes(&b, good, (size_t)(at - good));
    for (size_t i = 0; i < times; i++)
        gd_buf_str(&b, to);
    gd_buf_str(&b, last);
    gd_buf_str(&b, at + cut);
    assert_non_null(gd_buf_cstr(&b));
    return b.data;
}

static void a_good_file_is_fine(void **state)
{
    (void)state;
    assert_string_equal(sentence_for(good, strlen(good)), "");
}

static void each_case_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = replaced(cases[i].from, cases[i].to, 1, "");

        assert_string_equal(sentence_for(text, strlen(text)), cases[i].sentence);
        gd_free(text);
    }
}

/* Truncated at any byte, the file is an error, and nothing worse. */
static void every_cut_is_an_error(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(good); len++)
        assert_string_not_equal(sentence_for(good, len), "");
}

/* With any one byte changed, the file is an error or a working tokenizer. */
static void any_byte_may_change(void **state)
{
    char dir[TEST_PATH], text[sizeof good];
    uint64_t seed = 3;
    gd_ids ids = { 0 };

    (void)state;
    (void)test_dir(dir);
    for (int i = 0; i < 3000; i++) {
        gd_tokenizer *t;
        size_t at;

        memcpy(text, good, sizeof good);
        at = (size_t)split_mix(&seed, sizeof good - 1);
        text[at] = (char)split_mix(&seed, 256);
        write_tokenizer(dir, text, sizeof good - 1);
        if (gd_tokenizer_open(&t, dir, NULL) == GD_OK)
            assert_ok(gd_tokenize(t, "abx 12ab", 8, &ids, test_err));
        gd_tokenizer_close(t);
    }
    assert_int_equal(test_remove(dir), 0);
    gd_ids_free(&ids);
}

static void limits(void **state)
{
    char *text = replaced("<s>", "y", 1025, "");
    gd_buf b = { 0 };

    (void)state;
    assert_string_equal(sentence_for(text, strlen(text)),
                        ": added_tokens[0]: the content has 1025 bytes, but 1 to 1024 are supported");
    gd_free(text);
    text = replaced("{\"type\":\"Digits\"", "{\"type\":\"Digits\",\"individual_digits\":true},", 16,
                    "{\"type\":\"Digits\"");
    assert_string_equal(sentence_for(text, strlen(text)),
                        ": pre_tokenizer.pretokenizers[16]: more than 16 pre-tokenizers are not supported");
    gd_free(text);
    for (unsigned i = 0; i < (1u << 20) - 3; i++)
        gd_buf_printf(&b, "\"%x\":%u,", i + 0x100000, i + 4);
    assert_non_null(gd_buf_cstr(&b));
    text = replaced("\"a\":0", b.data, 1, "\"a\":0");
    assert_string_equal(sentence_for(text, strlen(text)), ": model.vocab has more than 1048576 tokens");
    gd_free(text);
    gd_buf_free(&b);
}

static void says_why_a_file_cannot_be_read(void **state)
{
    char dir[TEST_PATH], path[1100], sentence[1200];
    gd_error err = { GD_OK, "" };
    gd_tokenizer *t;
    FILE *f;

    (void)state;
    (void)test_dir(dir);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    assert_int_equal(gd_tokenizer_open(&t, dir, &err), GD_EIO);
    (void)snprintf(sentence, sizeof sentence, "%s: No such file or directory", path);
    assert_string_equal(err.text, sentence);
    assert_int_equal(mkfifo(path, 0600), 0);
    err = (gd_error){ GD_OK, "" };
    assert_int_equal(gd_tokenizer_open(&t, dir, &err), GD_EIO);
    assert_int_equal(unlink(path), 0);
    f = fopen(path, "w");
    assert_int_equal(ftruncate(fileno(f), ((off_t)64 << 20) + 1), 0);
    assert_int_equal(fclose(f), 0);
    err = (gd_error){ GD_OK, "" };
    assert_int_not_equal(gd_tokenizer_open(&t, dir, &err), GD_OK);
    assert_non_null(strstr(err.text, "67108864"));
    assert_int_equal(test_remove(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_fine),
        cmocka_unit_test(each_case_has_its_message),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(any_byte_may_change),
        cmocka_unit_test(limits),
        cmocka_unit_test(says_why_a_file_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
