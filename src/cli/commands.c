/* commands.c - the commands and what there is to say about each: --help, the manual pages and the shells' completion
 * are made from here and from flags.c. */
#include "cli/options.h"

#define ITEMS                                                                            \
    "An item of the input is {\"text\":..}, {\"messages\":[..]}, {\"prompt\":..,\n"      \
    "\"response\":..}, joined as they are, or {\"chosen\":..,\"rejected\":..}, with a\n" \
    "\"prompt\" before both or not. The output has a line for each, in the same order:\n"

const cli_command cli_commands[] = {
    { "score", CLI_CMD_SCORE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the score of each text, or of both sides of each pair",
      ITEMS "    {\"index\":0,\"score\":1.23456789,\"tokens\":155}\n"
            "    {\"index\":1,\"chosen\":1.5,\"rejected\":0.25,\"margin\":1.25,\"tokens\":[155,149]}\n"
            "    {\"index\":2,\"error\":\"...\"}    the others are scored; the exit status is 1\n"
            "\n"
            "A TEXT on the command line is taken literally: \\n stays a backslash and an n.\n"
            "In bash, $'...' makes it a newline. Without TEXT and --input, standard input is\n"
            "read, unless it is a terminal. Higher scores are better; only differences\n"
            "between answers to the same prompt mean anything.\n",
      "    guerdon score --model DIR $'\\n\\nHuman: Is tea hot?\\n\\nAssistant: Yes.'\n"
      "    guerdon score --model DIR --adapter LORA --input pairs.jsonl.gz \\\n"
      "        --output scores.jsonl --max-length 512 --truncate left\n"
      "    zcat texts.jsonl.gz | guerdon score --model org/name --precision fp32\n" },
    { "rank", CLI_CMD_RANK, "--model DIR [FLAGS] --input FILE",
      "rank the answers to each prompt, and make preference pairs",
      "An item of the input is {\"prompt\":..,\"responses\":[..]}. The prompt is computed\n"
      "once. The output has a line for each, in the same order:\n"
      "    {\"index\":0,\"scores\":[..],\"ranks\":[2,1],\"best\":1,\"margin\":0.5,\"ties\":0,\n"
      "     \"tokens\":[..]}\n"
      "    {\"index\":1,\"error\":\"...\"}    the others are done; the exit status is 1\n"
      "Ranks begin at 1, and equal scores share one. The margin is between the best\n"
      "two; ties says how many answers share the best score, 0 when it stands alone.\n"
      "\n"
      "Pairs are lines for DPO and for training reward models:\n"
      "    {\"index\":0,\"prompt\":..,\"chosen\":..,\"rejected\":..,\"margin\":..}\n",
      "    guerdon rank --model DIR --input prompts.jsonl --output ranked.jsonl\n"
      "    guerdon rank --model DIR --input prompts.jsonl.gz --output best.jsonl \\\n"
      "        --top 1 --texts\n"
      "    guerdon rank --model DIR --input prompts.jsonl --output ranked.jsonl \\\n"
      "        --pairs best-worst --min-margin 0.5\n" },
    { "filter", CLI_CMD_FILTER,
      "--model DIR [FLAGS] --input FILE --min-score X\n--model DIR [FLAGS] --input FILE --min-margin X\n"
      "--model DIR [FLAGS] --input FILE --top-fraction F\n--model DIR [FLAGS] --input FILE --flip-below X",
      "keep the items that a model likes, or mend labels that it contradicts",
      "Items are those of score and of rank. Those that are kept go to the output as\n"
      "they are, byte for byte, in the same order. Items that fail are told on standard\n"
      "error, and go to --rejects; the exit status is 1 then.\n",
      "    guerdon filter --model DIR --input all.jsonl --output in.jsonl --min-score 0\n"
      "    guerdon filter --model DIR --input pairs.jsonl.gz --output clean.jsonl.gz \\\n"
      "        --rejects unclear.jsonl.gz --min-margin 0.2\n"
      "    guerdon filter --model DIR --input pairs.jsonl --output mended.jsonl \\\n"
      "        --flip-below 1 --annotate\n" },
    { "eval", CLI_CMD_EVAL, "--model DIR [FLAGS] --input FILE",
      "say how well a model tells chosen texts from rejected ones",
      "A line of the input is a pair, {\"chosen\":..,\"rejected\":..}, with a \"prompt\"\n"
      "before both or not; or several answers to one prompt, the first of them correct:\n"
      "    {\"prompt\":..,\"chosen\":[..],\"rejected\":[..]}\n"
      "    {\"prompt\":..,\"responses\":[..],\"num_correct\":1}\n"
      "\n"
      "Prints the accuracy (the chosen text scores higher; a tie is wrong) with its 95%\n"
      "interval, ties, the mean margin and loss, the calibration error and Brier score,\n"
      "with --by for each subset as well. A line that can't be judged is told and left\n"
      "out; the exit status is 1 then.\n",
      "    guerdon eval --model DIR --adapter LORA --input pairs.jsonl.gz\n"
      "    guerdon eval --model DIR --input pairs.jsonl --by source --report eval.html\n"
      "    guerdon eval --model DIR --input rb.jsonl --weights rewardbench --json\n" },
    { "compare", CLI_CMD_COMPARE, "SCORES_A SCORES_B [FLAGS]", "compare the scores of two models, or of two runs",
      "Both files are what score or eval --scores wrote for one input. Prints how the\n"
      "scores and margins go together, the largest differences, and how many pairs\n"
      "flip: those that the two judge in another way. Items without scores in one file\n"
      "or in both are left out.\n",
      "    guerdon compare base.jsonl tuned.jsonl --report compare.html\n"
      "    guerdon compare monday.jsonl.gz tuesday.jsonl.gz --json\n" },
    { "tokenize", CLI_CMD_TOKENIZE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the token ids of each text; needs no weights",
      ITEMS "    {\"index\":0,\"ids\":[9707,11,1879]}\n"
            "\n"
            "The ids are those that score computes with, truncation and end token included.\n"
            "Only the tokenizer's and the configuration's files are read.\n",
      "    guerdon tokenize --model DIR --input texts.jsonl\n"
      "    guerdon tokenize --model DIR 'Hello, world'\n" },
    { "inspect", CLI_CMD_INSPECT, "--model DIR [FLAGS]",
      "describe a model: architecture, head, padding rule, memory, warnings",
      "Reads what score would read and checks it, but computes nothing. With the flags\n"
      "of score, says what they would mean for this model.\n",
      "    guerdon inspect --model DIR --adapter LORA\n"
      "    guerdon inspect --model DIR --batch-tokens 2048 --json\n" },
    { "bench", CLI_CMD_BENCH, "--model DIR [FLAGS]\n--from FILE --report FILE",
      "measure how fast this machine runs a model, and how fast it could",
      "Measures the processor's peak and the memory's rate, the model's matrix products\n"
      "against both, scoring with shared prefixes and without, and the rate against the\n"
      "size of a batch, the length of a text and the number of answers to one prompt.\n"
      "With --report, makes a page of it with charts. Other programs that run at the\n"
      "same time make every figure worse.\n",
      "    guerdon bench --model DIR --quick\n"
      "    guerdon bench --model DIR --input pairs.jsonl.gz --report bench.html\n"
      "    guerdon bench --model DIR --threads 1 --isa avx2 --json bench.json\n" },
    { "merge", CLI_CMD_MERGE, "--model DIR --adapter DIR --output DIR [FLAGS]",
      "write a model with its adapter merged in: a checkpoint that needs no adapter",
      "The weights are those of PEFT's merge_and_unload, each rounded once to the\n"
      "base's type; what the adapter leaves alone is copied byte for byte. The output\n"
      "is a directory that is new or empty, and is filled whole or not at all:\n"
      "safetensors (in files of 5 GB), config.json and the tokenizer's files, for\n"
      "Transformers and for guerdon score. The rounding of the weights changes scores\n"
      "a little: to train on, keep the adapter.\n",
      "    guerdon merge --model DIR --adapter LORA --output MERGED\n"
      "    guerdon score --model MERGED --input pairs.jsonl\n" },
    { "backends", CLI_CMD_BACKENDS, "[FLAGS]", "list what this machine can run, and what is chosen",
      "Instruction sets, backends with what each can do, or why not, and the default.\n",
      "    guerdon backends\n"
      "    guerdon backends --json\n" },
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
