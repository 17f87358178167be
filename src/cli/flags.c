/* flags.c - the table of flags, in the order in which --help shows them. */
#include "cli/options.h"

#define RUNS (CLI_CMD_SCORE | CLI_CMD_TOKENIZE)
#define COMPUTES (CLI_CMD_SCORE | CLI_CMD_INSPECT | CLI_CMD_BENCH | CLI_CMD_EVAL)
#define READS (RUNS | CLI_CMD_BENCH | CLI_CMD_EVAL)
#define MODELS (READS | CLI_CMD_INSPECT)
#define SHOWS (CLI_CMD_INSPECT | CLI_CMD_BACKENDS)
#define EVERY (MODELS | CLI_CMD_BACKENDS | CLI_CMD_COMPARE)
#define AT(field) offsetof(cli_settings, field)

const cli_flag cli_flags[] = {
    { "model", "DIR", "the model: a checkpoint directory, or org/name in the local Hugging Face cache",
      AT(options.model), CLI_TEXT, MODELS },
    { "adapter", "DIR", "a PEFT LoRA adapter to apply on top of it", AT(options.adapter), CLI_TEXT,
      MODELS },
    { "input", "FILE", "read items from FILE, gzip or not; - is standard input", AT(input), CLI_TEXT, RUNS },
    { "input", "FILE", "score the records of FILE, gzip or not, as far as time goes (default: texts of random words)",
      AT(input), CLI_TEXT, CLI_CMD_BENCH },
    { "input", "FILE", "read pairs from FILE, gzip or not; - is standard input", AT(input), CLI_TEXT, CLI_CMD_EVAL },
    { "output", "FILE", "write the lines to FILE, packed if it ends in .gz (default: standard output)",
      AT(output), CLI_TEXT, RUNS },
    { "format", "jsonl|text", "what a line of the input is: a JSON object (default), or a text", AT(format),
      CLI_CHOICE, READS },
    { "max-length", "N", "tokens that a text may have (default: what the model allows; tokenize alone knows no limit)",
      AT(options.max_length), CLI_COUNT, MODELS },
    { "truncate", "error|left|right|drop",
      "what to do with a longer text: report an error (default), cut off its first tokens, cut off its last "
      "tokens, or leave the item out",
      AT(truncate), CLI_CHOICE, READS },
    { "add-eos", "never|auto|always",
      "append the end-of-sequence token: never (default), unless the text already ends with it, or always",
      AT(add_eos), CLI_CHOICE, READS },
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
    { "threads", "N", "threads that compute (default: as many as the process may run on)", AT(threads),
      CLI_COUNT, COMPUTES },
    { "memory", "SIZE",
      "memory that the whole process may take, as 2G or 1500M (default: what is free); when the weights don't fit they "
      "are streamed, layer by layer, and the scores are the same",
      AT(options.memory), CLI_SIZE, COMPUTES },
    { "batch-tokens", "N", "distinct tokens computed together (default: chosen to suit the memory)",
      AT(options.batch_tokens), CLI_COUNT, COMPUTES },
    { "share-prefix", "on|off",
      "compute what texts have in common at their beginning once (default: on); the scores are the same",
      AT(share_prefix), CLI_CHOICE, CLI_CMD_SCORE | CLI_CMD_EVAL },
    { "graph", "FILE", "a description of the model to use instead of the built-in one", AT(options.graph),
      CLI_TEXT, COMPUTES },
    { "by", "FIELD", "tell everything for each value of this field of the lines, too (with --weights: subset)", AT(by),
      CLI_TEXT, CLI_CMD_EVAL },
    { "weights", "rewardbench|FILE",
      "scores of sections: RewardBench's (version 2 when every line has several answers), or by the weights of a file",
      AT(weights), CLI_TEXT, CLI_CMD_EVAL },
    { "scores", "FILE", "write the scores to FILE, as score would, packed if it ends in .gz", AT(scores), CLI_TEXT,
      CLI_CMD_EVAL },
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
    { "quiet", NULL, "no progress and no summary", AT(quiet), CLI_SWITCH, READS },
    { "help", NULL, "this text", AT(help), CLI_SWITCH, EVERY },
};
const size_t cli_flag_count = sizeof cli_flags / sizeof cli_flags[0];
