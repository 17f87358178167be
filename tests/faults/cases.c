/* cases.c - the command lines, and their inputs. Small ones: each is run thousands of times. */
#include "tests/faults/cases.h"

#include "tests/check.h"
#include "tests/faults/run.h"

#include <zlib.h>

#define QUIET " --quiet --threads 2"

#define TRAIN                                                                                                       \
    "train --model @golden/qwen2 --train ../in/learnt.jsonl --eval ../in/learnt.jsonl --output trained --lora-r 1 " \
    "--lora-targets q_proj --batch-size 1 --grad-accum 1 --save-every 1 --best eval_loss"

enum { RESUMES = FAULT_RESUMES, INTERRUPTED = FAULT_INTERRUPTED, MEASURES = FAULT_MEASURES, TRAINS = FAULT_TRAINS };

/* clang-format off */
const fault_case fault_cases[] = {
    { "score", RESUMES, 1,
      "score --model @golden/qwen2 --adapter @golden/qwen2-lora --input ../in/items.jsonl --output "
      "out.jsonl --batch-tokens 24" QUIET },
    { "score-resume", RESUMES | INTERRUPTED, 1,
      "score --model @golden/qwen2 --input ../in/items.jsonl --output out.jsonl --batch-tokens 24" QUIET },
    { "score-shard", RESUMES, 1,
      "score --model @golden/qwen2 --input ../in/items.jsonl --shard 2/2 --output out.jsonl --batch-tokens 24" QUIET },
    { "score-packed", RESUMES, 0,
      "score --model @golden/qwen2-causal --adapter @golden/qwen2-causal-lora --input ../in/pairs.jsonl.gz "
      "--output out.jsonl.zst" QUIET },
    { "score-texts", 0, 0,
      "score --model @golden/llama a-text another-text" QUIET },
    { "tokenize", 0, 0,
      "tokenize --model @golden/qwen3 --input ../in/*.csv --output out.jsonl.gz --quiet" },
    { "tokenize-pattern", 0, 1,
      "tokenize --model org/pattern --input ../in/items.jsonl --chat-format @../../src/text/chat/chatml.yaml "
      "--output out.jsonl --quiet" },
    { "rank", RESUMES, 1,
      "rank --model @golden/mistral --input ../in/answers.jsonl --output out.jsonl --texts --top 2 --pairs "
      "all" QUIET },
    { "filter", RESUMES, 0,
      "filter --model @golden/qwen2 --input ../in/pairs.jsonl --output out.jsonl --rejects rejects.jsonl "
      "--flip-below 0.1 --annotate" QUIET },
    { "filter-top", RESUMES, 1,
      "filter --model @golden/qwen2 --input ../in/mixed.jsonl --output out.jsonl --rejects rejects.jsonl "
      "--top-fraction 0.5 --batch-tokens 24" QUIET },
    { "filter-top-resume", RESUMES | INTERRUPTED, 1,
      "filter --model @golden/qwen2 --input ../in/mixed.jsonl --output out.jsonl --rejects rejects.jsonl "
      "--top-fraction 0.5 --batch-tokens 24" QUIET },
    { "eval", 0, 1,
      "eval --model @golden/gemma2 --input ../in/judged.jsonl --by subset --json --report report.html "
      "--scores scores.jsonl --calibrate-output calibration.json" QUIET },
    { "compare", 0, 0,
      "compare ../in/base.jsonl ../in/tuned.jsonl --report report.html --json" },
    { "crosscheck", 0, 0,
      "crosscheck --model @golden/qwen2 --adapter @golden/qwen2-lora --input ../in/pairs.jsonl --report report.html "
      "--json" QUIET },
    { "crosscheck-save", 0, 0,
      "crosscheck --model @golden/llama --input ../in/pairs.jsonl --save side" QUIET },
    { "merge", 0, 0,
      "merge --model @golden/qwen2 --adapter @golden/qwen2-lora --output merged" QUIET },
    { "inspect", MEASURES, 0,
      "inspect --model @golden/qwen2 --adapter @golden/qwen2-lora --memory 1G" },
    { "inspect-json", MEASURES, 0,
      "inspect --model @golden/llama --json --memory 1G" },
    { "bench-page", 0, 0,
      "bench --from @faults/bench.json --report report.html --json again.json" },
    { "train", TRAINS, 0,
      TRAIN QUIET },
    { "train-resume", TRAINS | INTERRUPTED, 0,
      TRAIN QUIET },
};
/* clang-format on */
const size_t fault_case_count = sizeof fault_cases / sizeof fault_cases[0];

static const char items[] =
    "{\"text\": \"A text \\u00e9\\u4e2d and \\ud83d\\ude00.\"}\n"
    "{\"prompt\": \"What is tea?\", \"chosen\": \" A drink.\", \"rejected\": \" A fish.\", \"other\": [1, {\"a\": "
    "null}]}\n"
    "{\"nothing\": \"that can be scored\"}\n"
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"Hello!\"}]}\n"
    "{\"prompt\": \"One\", \"responses\": [\" two\", \" three\", \"\"]}\n";

static const char pairs[] =
    "{\"chosen\": \"Human: yes\\n\\nAssistant: no\", \"rejected\": \"Human: yes\\n\\nAssistant: yes\", \"subset\": "
    "\"a\"}\n"
    "{\"prompt\": \"Is it?\", \"chosen\": \" It is \\\"so\\\".\", \"rejected\": \" No.\", \"subset\": \"b\"}\n"
    "{\"prompt\": \"Is it?\", \"chosen\": \" Yes\", \"rejected\": \" Yes\", \"subset\": \"a\"}\n";

static const char judged[] =
    "{\"chosen\": \"one\", \"rejected\": \"two three\", \"subset\": \"a\"}\n"
    "{\"chosen\": \"one\"}\n"
    "{\"prompt\": \"Is it?\", \"chosen\": \" Yes\", \"rejected\": \" Yes\", \"subset\": \"b\"}\n";

static const char mixed[] = "{\"text\": \"one\"}\n{\"text\": \"two three four five six seven eight nine ten\"}\n"
                            "{\"text\": 3}\n{\"text\": \"four of them, and another one, in a long text\"}\n";

static const char learnt[] = "{\"chosen\": \"Yes it is\", \"rejected\": \"No no\"}\n"
                             "{\"chosen\": \"One two\", \"rejected\": \"One\"}\n";

static const char answers[] = "{\"prompt\": \"Count: \", \"responses\": [\"one\", \"two\", \"one two\", \"two\"]}\n"
                              "{\"prompt\": \"Say\\n\", \"responses\": [\"a\", \"b\"]}\n"
                              "{\"prompt\": \"No answers\"}\n";

static const char rows[] = "id,prompt,response\n1,\"What, \"\"then\"\"?\",\"two\nlines\"\n2,b,c\n";

static const char base[] = "{\"index\":0,\"chosen\":1.5,\"rejected\":0.25,\"margin\":1.25,\"tokens\":[4,5]}\n"
                           "{\"index\":1,\"chosen\":0.5,\"rejected\":0.75,\"margin\":-0.25,\"tokens\":[4,5]}\n"
                           "{\"index\":2,\"chosen\":2.5,\"rejected\":0.125,\"margin\":2.375,\"tokens\":[4,5]}\n";
static const char tuned[] = "{\"index\":0,\"chosen\":0.5,\"rejected\":1.25,\"margin\":-0.75,\"tokens\":[4,5]}\n"
                            "{\"index\":1,\"chosen\":1.5,\"rejected\":0.75,\"margin\":0.75,\"tokens\":[4,5]}\n"
                            "{\"index\":2,\"chosen\":2.0,\"rejected\":0.5,\"margin\":1.5,\"tokens\":[4,5]}\n";

static void pack(const char *name, const char *text)
{
    gzFile file = gzopen(fault_input_path(name), "wb");

    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

#define HUB "hub/models--org--pattern"

/* In the cache of the hub: a checkpoint whose tokenizer splits words by a pattern that only PCRE2 matches. */
static void make_checkpoint(void)
{
    static const char digit[] = "|\\\\p{N}|", digits[] = "|\\\\p{N}{1,2}|";
    static const char *const dirs[] = { "hub", HUB, HUB "/refs", HUB "/snapshots", HUB "/snapshots/abc" };
    char config[512], tokenizer[1 << 17], changed[sizeof tokenizer + sizeof digits];
    FILE *file = fopen(test_data(config, sizeof config, "golden/qwen3/tokenizer.json"), "r");
    char *whole, *at;

    assert_non_null(file);
    tokenizer[fread(tokenizer, 1, sizeof tokenizer - 1, file)] = '\0';
    assert_true(feof(file) && !fclose(file));
    at = strstr(tokenizer, digit);
    assert_non_null(at);
    (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - tokenizer), tokenizer, digits, at + strlen(digit));
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
        assert_int_equal(mkdir(fault_input_path(dirs[i]), 0700), 0);
    fault_input(HUB "/refs/main", "abc");
    fault_input(HUB "/snapshots/abc/tokenizer.json", changed);
    whole = realpath(test_data(config, sizeof config, "golden/qwen3/config.json"), NULL);
    assert_true(whole && !symlink(whole, fault_input_path(HUB "/snapshots/abc/config.json")));
    free(whole);
}

void fault_write_inputs(void)
{
    fault_input("items.jsonl", items);
    fault_input("pairs.jsonl", pairs);
    fault_input("judged.jsonl", judged);
    fault_input("mixed.jsonl", mixed);
    fault_input("answers.jsonl", answers);
    fault_input("learnt.jsonl", learnt);
    fault_input("rows.csv", rows);
    fault_input("base.jsonl", base);
    fault_input("tuned.jsonl", tuned);
    pack("pairs.jsonl.gz", pairs);
    make_checkpoint();
}

/* A word, or the whole path of what it names in tests/data. */
static const char *place(char *word)
{
    static char paths[4][4096];
    static size_t turn;
    char below[512];
    const char *path;

    if (word[0] != '@')
        return word;
    path = realpath(test_data(below, sizeof below, word + 1), paths[turn++ % 4]);
    assert_non_null(path);
    return path;
}

const char *const *fault_words(const fault_case *c)
{
    static char line[1024];
    static const char *words[32];
    size_t count = 0;

    (void)snprintf(line, sizeof line, "%s", c->line);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        assert_true(count < 31);
        words[count++] = place(word);
    }
    words[count] = NULL;
    return words;
}
