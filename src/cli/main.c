/* main.c - the commands, and which one is meant. */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>

#define ITEMS                                                                  \
    "A line of the input is {\"text\":..}, {\"prompt\":..,\"response\":..}, joined as they\n" \
    "are, or {\"chosen\":..,\"rejected\":..}, with a \"prompt\" before both or not; with\n"    \
    "--format text, a text. The output has a line for each, in the same order:\n"

const cli_command cli_commands[] = {
    { "score", CLI_CMD_SCORE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the score of each text, or of both sides of each pair",
      ITEMS
      "    {\"index\":0,\"score\":1.23456789,\"tokens\":155}\n"
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
      "    zcat texts.jsonl.gz | guerdon score --model org/name --precision fp32\n",
      cli_score },
    { "tokenize", CLI_CMD_TOKENIZE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the token ids of each text; needs no weights",
      ITEMS
      "    {\"index\":0,\"ids\":[9707,11,1879]}\n"
      "\n"
      "The ids are those that score computes with, truncation and end token included.\n"
      "Only the tokenizer's and the configuration's files are read.\n",
      "    guerdon tokenize --model DIR --input texts.jsonl\n"
      "    guerdon tokenize --model DIR 'Hello, world'\n",
      cli_tokenize },
    { "inspect", CLI_CMD_INSPECT, "--model DIR [FLAGS]",
      "describe a model: architecture, head, padding rule, memory, warnings",
      "Reads what score would read and checks it, but computes nothing. With the flags\n"
      "of score, says what they would mean for this model.\n",
      "    guerdon inspect --model DIR --adapter LORA\n"
      "    guerdon inspect --model DIR --batch-tokens 2048 --json\n",
      cli_inspect },
    { "bench", CLI_CMD_BENCH, "--model DIR [FLAGS]\n--from FILE --report FILE",
      "measure how fast this machine runs a model, and how fast it could",
      "Measures the processor's peak and the memory's rate, the model's matrix products\n"
      "against both, scoring with shared prefixes and without, and the rate against the\n"
      "size of a batch, the length of a text and the number of answers to one prompt.\n"
      "With --report, makes a page of it with charts. Other programs that run at the\n"
      "same time make every figure worse.\n",
      "    guerdon bench --model DIR --quick\n"
      "    guerdon bench --model DIR --input pairs.jsonl.gz --report bench.html\n"
      "    guerdon bench --model DIR --threads 1 --isa avx2 --json bench.json\n",
      cli_bench },
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
      "    guerdon eval --model DIR --input rb.jsonl --weights rewardbench --json\n",
      cli_eval },
    { "compare", CLI_CMD_COMPARE, "SCORES_A SCORES_B [FLAGS]",
      "compare the scores of two models, or of two runs",
      "Both files are what score or eval --scores wrote for one input. Prints how the\n"
      "scores and margins go together, the largest differences, and how many pairs\n"
      "flip: those that the two judge in another way. Items without scores in one file\n"
      "or in both are left out.\n",
      "    guerdon compare base.jsonl tuned.jsonl --report compare.html\n"
      "    guerdon compare monday.jsonl.gz tuesday.jsonl.gz --json\n",
      cli_compare },
    { "backends", CLI_CMD_BACKENDS, "[FLAGS]", "list what this machine can run, and what is chosen",
      "Instruction sets, backends with what each can do, or why not, and the default.\n",
      "    guerdon backends\n"
      "    guerdon backends --json\n",
      cli_backends },
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

static const char *command_name(const void *context, size_t index)
{
    (void)context;
    return index < cli_command_count ? cli_commands[index].name : NULL;
}

static const cli_command *find_command(const char *name)
{
    const char *guess;

    for (size_t i = 0; i < cli_command_count; i++)
        if (!strcmp(cli_commands[i].name, name))
            return &cli_commands[i];
    guess = cli_closest(name, command_name, NULL);
    if (guess)
        cli_say("there is no command %s; did you mean %s?", name, guess);
    else
        cli_say("there is no command %s; guerdon --help lists them", name);
    return NULL;
}

int main(int argc, char **argv)
{
    cli_settings settings;
    const cli_command *command;

    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a write error, told like any other */
    if (argc < 2) {
        cli_say("a command is missing; guerdon --help lists them");
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--version"))
        return cli_version();
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        cli_help(NULL);
        return cli_finish_output();
    }
    command = find_command(argv[1]);
    if (!command || cli_parse(&settings, command, argc - 2, argv + 2))
        return CLI_USAGE;
    if (settings.help) {
        cli_help(command);
        return cli_finish_output();
    }
    return command->run(&settings);
}
