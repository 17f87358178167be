/* flags.c - the table of flags, in the order in which --help shows them. */
#include "cli/options.h"

#define WRITES (CLI_CMD_RANK | CLI_CMD_FILTER)
#define JUDGES (WRITES | CLI_CMD_EVAL)
#define RUNS (CLI_CMD_SCORE | CLI_CMD_TOKENIZE | WRITES)
#define COMPUTES (CLI_CMD_SCORE | CLI_CMD_INSPECT | CLI_CMD_BENCH | JUDGES)
#define READS (RUNS | CLI_CMD_BENCH | CLI_CMD_EVAL)
#define MODELS (READS | CLI_CMD_INSPECT)
#define SHOWS (CLI_CMD_INSPECT | CLI_CMD_BACKENDS)
#define OPENS (MODELS | CLI_CMD_MERGE)
#define EVERY (OPENS | CLI_CMD_BACKENDS | CLI_CMD_COMPARE)
#define AT(field) offsetof(cli_settings, field)

const cli_flag cli_flags[] = {
    { "model", "DIR", "the model: a checkpoint directory, or org/name in the local Hugging Face cache",
      AT(options.model), CLI_TEXT, OPENS },
    { "adapter", "DIR", "a PEFT LoRA adapter to apply on top of it", AT(options.adapter), CLI_TEXT, OPENS },
    { "input", "FILE",
      "read items from FILE, packed or not; - is standard input, and 'data/*.jsonl' several "
      "files",
      AT(input), CLI_TEXT, RUNS },
    { "input", "FILE", "score the records of FILE, packed or not, as far as time goes (default: texts of random words)",
      AT(input), CLI_TEXT, CLI_CMD_BENCH },
    { "input", "FILE",
      "read pairs from FILE, packed or not; - is standard input, and 'data/*.jsonl' several "
      "files",
      AT(input), CLI_TEXT, CLI_CMD_EVAL },
    { "output", "FILE", "write the lines to FILE, packed if it ends in .gz or .zst (default: standard output)",
      AT(output), CLI_TEXT, RUNS },
    { "output", "DIR", "write the merged model to DIR, which is new or empty", AT(output), CLI_TEXT, CLI_CMD_MERGE },
    { "normalize", "MEAN,STD|FILE",
      "make scores (score - mean) / std, by two numbers or by the file that eval --calibrate "
      "wrote",
      AT(options.normalize), CLI_TEXT, CLI_CMD_SCORE | WRITES },
    { "activation", "none|sigmoid", "what scores go through then (default: none)", AT(options.activation), CLI_WORD,
      CLI_CMD_SCORE | WRITES },
    { "resume", NULL, "go on with an output that was interrupted; it ends up as if it never had been", AT(resume),
      CLI_SWITCH, CLI_CMD_SCORE | WRITES },
    { "format", "auto|jsonl|json|csv|tsv|text",
      "what the input is written in (default: auto, by the end of its name, and JSON lines or an array without "
      "one)",
      AT(format), CLI_CHOICE, READS },
    { "top", "K", "also list the K best answers, best first", AT(top), CLI_COUNT, CLI_CMD_RANK },
    { "texts", NULL, "also give the answers themselves; with --top, the best ones alone", AT(with_texts), CLI_SWITCH,
      CLI_CMD_RANK },
    { "pairs", "best-worst|best-random|all",
      "also make preference pairs: of the best answer and the worst, of the best and one that is drawn from the rest, "
      "or of every two",
      AT(pairs), CLI_WORD, CLI_CMD_RANK },
    { "pairs-output", "FILE",
      "where the pairs go (default: beside the output, as ranked.pairs.jsonl beside ranked.jsonl)", AT(pairs_output),
      CLI_TEXT, CLI_CMD_RANK },
    { "rejects", "FILE", "where the items go that are not kept, and those that failed", AT(rejects), CLI_TEXT,
      CLI_CMD_FILTER },
    { "min-score", "X", "keep what scores X or more: a text, a pair's chosen side, the best of several answers",
      AT(min_score), CLI_NUMBER, CLI_CMD_FILTER },
    { "min-margin", "X", "keep pairs whose chosen side scores X more, and prompts whose best two answers differ by X",
      AT(min_margin), CLI_NUMBER, CLI_CMD_FILTER },
    { "top-fraction", "F", "keep this part of all items, 0 to 1: texts by score, the others by margin",
      AT(top_fraction), CLI_NUMBER, CLI_CMD_FILTER },
    { "flip-below", "X",
      "keep all pairs, and exchange chosen and rejected where the model contradicts the label by more than X",
      AT(flip_below), CLI_NUMBER, CLI_CMD_FILTER },
    { "annotate", NULL, "add a last member \"guerdon\" with the scores to each line that is kept", AT(annotate),
      CLI_SWITCH, CLI_CMD_FILTER },
    { "min-margin", "X", "leave out pairs whose scores differ by less", AT(min_margin), CLI_NUMBER, CLI_CMD_RANK },
    { "seed", "N", "another draw of best-random; the same N draws the same", AT(seed), CLI_COUNT, CLI_CMD_RANK },
    { "max-length", "N", "tokens that a text may have (default: what the model allows; tokenize alone knows no limit)",
      AT(options.max_length), CLI_COUNT, MODELS },
    { "fields", "OURS=THEIRS,..", "what the input calls a field: text=instruction,chosen=good", AT(fields), CLI_TEXT,
      READS },
    { "chat-format", "FORMAT",
      "how a conversation becomes text: auto (default, by the checkpoint's chat template), hh, chatml, qwen2.5, qwen3, "
      "llama3, llama3.1, mistral, gemma and others, or a YAML file",
      AT(options.chat_format), CLI_TEXT, OPENS },
    { "truncate", "error|left|right|drop|oldest-turns",
      "what to do with a longer text: report an error (default), cut off its first tokens, cut off its last tokens, "
      "leave the item out, or drop a conversation's oldest turns",
      AT(truncate), CLI_CHOICE, READS },
    { "add-eos", "never|auto|always",
      "append the end-of-sequence token: never (default), unless the text already ends with it, or always", AT(add_eos),
      CLI_CHOICE, READS },
    { "precision", "bf16|fp32", "the operands of matrix products (default: bf16); sums are fp32 in both",
      AT(options.precision), CLI_WORD, COMPUTES },
    { "numerics", "exact|fast",
      "exact (default): the same bits on every machine; fast: another library's matrix products may be used",
      AT(options.numerics), CLI_WORD, COMPUTES },
    { "backend", "auto|cpu|openblas|onednn",
      "what computes (default: auto); openblas and onednn add in their own order", AT(options.backend), CLI_WORD,
      COMPUTES },
    { "isa", "auto|generic|avx2|avx512|avx512bf16|neon", "the instruction set (default: auto, the best there is)",
      AT(options.isa), CLI_WORD, COMPUTES },
    { "threads", "N", "threads that compute (default: as many as the process may run on)", AT(threads), CLI_COUNT,
      COMPUTES | CLI_CMD_MERGE },
    { "memory", "SIZE",
      "memory that the whole process may take, as 2G or 1500M (default: what is free); when the weights don't fit they "
      "are streamed, layer by layer, and the scores are the same",
      AT(options.memory), CLI_SIZE, COMPUTES },
    { "batch-tokens", "N", "distinct tokens computed together (default: chosen to suit the memory)",
      AT(options.batch_tokens), CLI_COUNT, COMPUTES },
    { "share-prefix", "on|off",
      "compute what texts have in common at their beginning once (default: on); the scores are the same",
      AT(share_prefix), CLI_CHOICE, CLI_CMD_SCORE | JUDGES },
    { "graph", "FILE", "a description of the model to use instead of the built-in one", AT(options.graph), CLI_TEXT,
      COMPUTES | CLI_CMD_MERGE },
    { "by", "FIELD", "tell everything for each value of this field of the lines, too (with --weights: subset)", AT(by),
      CLI_TEXT, CLI_CMD_EVAL },
    { "weights", "rewardbench|FILE",
      "scores of sections: RewardBench's (version 2 when every line has several answers), or by the weights of a file",
      AT(weights), CLI_TEXT, CLI_CMD_EVAL },
    { "scores", "FILE", "write the scores to FILE, as score would, packed if it ends in .gz or .zst", AT(scores),
      CLI_TEXT, CLI_CMD_EVAL },
    { "calibrate", NULL,
      "write mean and standard deviation of all scores to guerdon-calibration.json beside the adapter, or beside the "
      "model when there is none; lines of one text are taken, too",
      AT(calibrate), CLI_SWITCH, CLI_CMD_EVAL },
    { "calibrate-output", "FILE", "the same, to FILE", AT(calibrate_output), CLI_TEXT, CLI_CMD_EVAL },
    { "json", NULL, "print the JSON object that the lines are made from", AT(json), CLI_SWITCH,
      SHOWS | CLI_CMD_EVAL | CLI_CMD_COMPARE },
    { "quick", NULL, "take about 20 seconds, and leave out what does not fit", AT(quick), CLI_SWITCH, CLI_CMD_BENCH },
    { "seconds", "N", "take about N seconds (default: 100): the more, the larger the batches and texts", AT(seconds),
      CLI_COUNT, CLI_CMD_BENCH },
    { "only", "PARTS", "measure some of matmul,scoring,batch,length,answers,memory (default: all)", AT(only), CLI_TEXT,
      CLI_CMD_BENCH },
    { "from", "FILE", "measure nothing: show an earlier result, that --json wrote", AT(from), CLI_TEXT, CLI_CMD_BENCH },
    { "json", "FILE", "write the result to FILE as JSON; - is standard output, instead of the figures", AT(json_file),
      CLI_TEXT, CLI_CMD_BENCH },
    { "report", "FILE", "write a page with charts to FILE, HTML without scripts", AT(report), CLI_TEXT,
      CLI_CMD_BENCH | CLI_CMD_EVAL | CLI_CMD_COMPARE },
    { "quiet", NULL, "no progress and no summary", AT(quiet), CLI_SWITCH, READS | CLI_CMD_MERGE },
    { "help", NULL, "this text", AT(help), CLI_SWITCH, EVERY },
};
const size_t cli_flag_count = sizeof cli_flags / sizeof cli_flags[0];
