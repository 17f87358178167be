/* commands.c - the commands and their descriptions: --help, the manual pages and the shell completions are made from
 * this table and the one in flags.c. */
#include "cli/options.h"

#define ITEMS                                                                                  \
    "An input item is {\"text\":..}, {\"messages\":[..]}, {\"prompt\":..,\"response\":..},\n"  \
    "which are simply concatenated, {\"prompt\":..,\"responses\":[..]}, or\n"                  \
    "{\"chosen\":..,\"rejected\":..}, optionally with a \"prompt\" for both. The output has\n" \
    "one line per item, in the same order:\n"

const cli_command cli_commands[] = {
    { "score", CLI_CMD_SCORE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the score of each text, or of both sides of each pair",
      ITEMS "    {\"index\":0,\"score\":1.23456789,\"tokens\":155}\n"
            "    {\"index\":1,\"chosen\":1.5,\"rejected\":0.25,\"margin\":1.25,\"tokens\":[155,149]}\n"
            "    {\"index\":2,\"scores\":[1.5,0.25],\"tokens\":[155,149]}\n"
            "    {\"index\":3,\"error\":\"...\"}    the others are scored; the exit status is 1\n"
            "\n"
            "A model that scores steps adds \"steps\":[..], and one whose head has labels adds\n"
            "\"labels\":{..}; of an item with several texts, these are lists, one for each.\n"
            "\n"
            "A TEXT on the command line is taken literally: \\n stays a backslash and an n.\n"
            "In bash, $'...' makes it a newline. Without TEXT and --input, standard input is\n"
            "read, unless it is a terminal. Higher scores are better; only differences\n"
            "between answers to the same prompt mean anything.\n",
      "    guerdon score --model DIR $'\\n\\nHuman: Is tea hot?\\n\\nAssistant: Yes.'\n"
      "    guerdon score --model DIR --adapter LORA --input pairs.jsonl.gz \\\n"
      "        --output scores.jsonl --max-length 512 --truncate left\n"
      "    zcat texts.jsonl.gz | guerdon score --model org/name --precision fp32\n" },
    { "rank", CLI_CMD_RANK, "--model DIR [FLAGS] --input FILE\n--from-scores SCORES [FLAGS] --input FILE",
      "rank the answers to each prompt, and make preference pairs",
      "An input item is {\"prompt\":..,\"responses\":[..]}. The prompt is computed once.\n"
      "An answer may be an object that has it as \"text\", \"response\" or the like. With\n"
      "--group-by, an item is one answer, {\"prompt\":..,\"response\":..}.\n"
      "The output has one line per item, in the same order:\n"
      "    {\"index\":0,\"scores\":[..],\"ranks\":[2,1],\"best\":1,\"margin\":0.5,\"ties\":0,\n"
      "     \"tokens\":[..]}\n"
      "    {\"index\":1,\"error\":\"...\"}    the others are ranked; the exit status is 1\n"
      "Ranks count from 1, the best, and equal scores share a rank; best is the index\n"
      "of the best answer in the list, from 0, as the item's index is in the file. The\n"
      "margin is the difference between the two best scores; ties is the number of\n"
      "answers with the best score, or 0 if only one has it.\n"
      "\n"
      "Pairs are lines to train with, for DPO or for a reward model:\n"
      "    {\"index\":0,\"prompt\":..,\"chosen\":..,\"rejected\":..,\"score_chosen\":..,\n"
      "     \"score_rejected\":..,\"score_margin\":..}\n",
      "    guerdon rank --model DIR --input prompts.jsonl --output ranked.jsonl\n"
      "    guerdon rank --model DIR --input prompts.jsonl.gz --output best.jsonl \\\n"
      "        --top 1 --texts\n"
      "    guerdon rank --model DIR --input prompts.jsonl --output ranked.jsonl \\\n"
      "        --pairs best-worst --min-margin 0.5\n"
      "    guerdon rank --model DIR --input rows.jsonl --group-by prompt --keep id\n" },
    { "filter", CLI_CMD_FILTER,
      "--model DIR [FLAGS] --input FILE --min-score X\n--model DIR [FLAGS] --input FILE --min-margin X\n"
      "--model DIR [FLAGS] --input FILE --top-fraction F\n--model DIR [FLAGS] --input FILE --flip-below X\n"
      "--from-scores SCORES [FLAGS] --input FILE --min-margin X",
      "keep the items that a model rates highly, or correct labels that it contradicts",
      "Items are those of score and rank. The ones that are kept are copied to the\n"
      "output byte for byte, in the same order. Items that fail are reported on\n"
      "standard error and go to --rejects; the exit status is then 1.\n",
      "    guerdon filter --model DIR --input all.jsonl --output in.jsonl --min-score 0\n"
      "    guerdon filter --model DIR --input pairs.jsonl.gz --output clean.jsonl.gz \\\n"
      "        --rejects unclear.jsonl.gz --min-margin 0.2\n"
      "    guerdon filter --model DIR --input pairs.jsonl --output mended.jsonl \\\n"
      "        --flip-below 1 --annotate\n"
      "    guerdon filter --from-scores s.jsonl --input pairs.jsonl --min-margin 0.5\n" },
    { "eval", CLI_CMD_EVAL, "--model DIR [FLAGS] --input FILE\n--from-scores SCORES [FLAGS] --input FILE",
      "measure how well a model tells chosen texts from rejected ones",
      "An input line is a pair, {\"chosen\":..,\"rejected\":..}, optionally with a \"prompt\"\n"
      "for both, or several answers to one prompt, of which the first ones are correct:\n"
      "    {\"prompt\":..,\"chosen\":[..],\"rejected\":[..]}\n"
      "    {\"prompt\":..,\"responses\":[..],\"num_correct\":1}\n"
      "\n"
      "Prints the accuracy (the chosen text scores higher; a tie is wrong) with its 95%\n"
      "interval, ties, the mean margin and loss, the calibration error and the Brier\n"
      "score, and with --by the same for each subset. A line that can't be judged is\n"
      "reported and left out; the exit status is then 1.\n",
      "    guerdon eval --model DIR --adapter LORA --input pairs.jsonl.gz\n"
      "    guerdon eval --model DIR --input pairs.jsonl --by source --report eval.html\n"
      "    guerdon eval --model DIR --input rb.jsonl --weights rewardbench --json\n" },
    { "compare", CLI_CMD_COMPARE, "SCORES_A SCORES_B [FLAGS]", "compare the scores of two models, or of two runs",
      "Both files are outputs of score or eval --scores for the same input. Prints how\n"
      "well the scores and margins correlate, the largest differences, and how many\n"
      "pairs flip, that is, are judged differently. |difference| is without its sign.\n"
      "An item that has no scores in one of the files, or in both, is left out.\n",
      "    guerdon compare base.jsonl tuned.jsonl --report compare.html\n"
      "    guerdon compare monday.jsonl.gz tuesday.jsonl.gz --json\n" },
    { "crosscheck", CLI_CMD_CROSSCHECK,
      "--model DIR [FLAGS] --input FILE\n--model DIR [FLAGS] --input FILE --save FILE\n"
      "--model DIR [FLAGS] --input FILE --against FILE",
      "run a model twice, in two ways, and tell where they differ and whether that matters",
      "The two sides may be two backends, instruction sets, arithmetics or precisions,\n"
      "a model with an adapter and the merged one, or two machines. Where their bits\n"
      "should be equal, prints the first step, row and column at which they aren't.\n"
      "Else compares each step of both with what float64 makes of its inputs, and with\n"
      "the bound of its rounding; then both with each other, layer by layer, and by\n"
      "their scores. |difference| is without its sign. The last line is the verdict.\n"
      "\n"
      "The exit status is 0 if the sides are equal, or differ by no more than rounding\n"
      "explains, and 1 if they don't agree, whatever the items that were left out.\n",
      "    guerdon crosscheck --model DIR --input pairs.jsonl --report drift.html\n"
      "    guerdon crosscheck --model DIR --input pairs.jsonl \\\n"
      "        --left cpu:exact:generic --right cpu:exact:avx2\n"
      "    guerdon crosscheck --model DIR --adapter LORA --input pairs.jsonl \\\n"
      "        --right-model MERGED\n"
      "    guerdon crosscheck --model DIR --input pairs.jsonl --save here.gdc\n"
      "    guerdon crosscheck --model DIR --input pairs.jsonl --against here.gdc\n" },
    { "tokenize", CLI_CMD_TOKENIZE, "--model DIR [FLAGS] TEXT...\n--model DIR [FLAGS] --input FILE",
      "print the token ids of each text; needs no weights",
      ITEMS "    {\"index\":0,\"ids\":[9707,11,1879]}\n"
            "\n"
            "The ids are those that score uses, with the same truncation and end token. Only\n"
            "the files of the tokenizer and the configuration are read.\n",
      "    guerdon tokenize --model DIR --input texts.jsonl\n"
      "    guerdon tokenize --model DIR 'Hello, world'\n" },
    { "inspect", CLI_CMD_INSPECT,
      "--model DIR [FLAGS]\n--model DIR --train FILE [FLAGS]\n--graph NAME|FILE | --head NAME|FILE",
      "describe a model: architecture, head, padding rule, memory, warnings",
      "Reads and checks what score would read, but computes nothing. With the flags of\n"
      "score that change how texts are read or computed, such as --add-eos auto or\n"
      "--memory 2G, shows what they mean for this model.\n"
      "\n"
      "Of the memory, weights stay or are streamed, layer by layer; batch is for the\n"
      "texts that are computed together, up to batch tokens of them; total is the sum\n"
      "of both. least, a --memory with which the model always runs, just, includes the\n"
      "program itself.\n"
      "\n"
      "Of a model that can't be opened, says all that is missing or not known: fields\n"
      "of config.json, tensors, parts of the tokenizer. With --json, these are a list,\n"
      "problems.\n"
      "\n"
      "With --graph or --head, also without a model, says what was understood of that\n"
      "description: its nodes, and where a text is read; with a model, also its sizes.\n"
      "\n"
      "With --train, or a --recipe that names the data, describes a run of train.\n",
      "    guerdon inspect --model DIR --adapter LORA\n"
      "    guerdon inspect --model DIR --train pairs.jsonl.gz --lora-r 8 --memory 6G\n"
      "    guerdon inspect --model DIR --batch-tokens 2048 --json\n"
      "    guerdon inspect --head mine.yaml\n" },
    { "bench", CLI_CMD_BENCH, "--model DIR [FLAGS]\n--from FILE --report FILE",
      "measure how fast this machine runs a model, and how fast it could",
      "Measures the processor's peak and the memory bandwidth, the model's matrix\n"
      "products against both, scoring with and without shared prefixes, and how the\n"
      "speed depends on the batch size, the text length and the number of answers per\n"
      "prompt. With --report, writes a page with charts. Other programs running at the\n"
      "same time make every figure worse.\n",
      "    guerdon bench --model DIR --quick\n"
      "    guerdon bench --model DIR --input pairs.jsonl.gz --report bench.html\n"
      "    guerdon bench --model DIR --threads 1 --isa avx2 --json bench.json\n" },
    { "merge", CLI_CMD_MERGE, "--model DIR --adapter DIR --output DIR [FLAGS]",
      "write a model with its adapter merged in: a checkpoint that needs no adapter",
      "The weights are those of PEFT's merge_and_unload, each rounded once to the type\n"
      "of the base model; tensors without an adapter are copied byte for byte. The\n"
      "output directory must be new or empty, and gets everything or nothing:\n"
      "safetensors (in files of 5 GB), config.json and the tokenizer's files, for\n"
      "Transformers and for guerdon score. Rounding the weights changes scores a\n"
      "little; to continue training, keep the adapter.\n",
      "    guerdon merge --model DIR --adapter LORA --output MERGED\n"
      "    guerdon score --model MERGED --input pairs.jsonl\n" },
    { "train", CLI_CMD_TRAIN, "--model DIR --train FILE [FLAGS] --output DIR\n--recipe FILE [FLAGS]",
      "train an adapter with a reward head on preferences",
      "Each line of the data is a pair, {\"chosen\":..,\"rejected\":..}, optionally with a\n"
      "\"prompt\" for both; several answers to a prompt; or ranked answers, 1 the best:\n"
      "    {\"prompt\":..,\"chosen\":[..],\"rejected\":[..]}\n"
      "    {\"prompt\":..,\"responses\":[..],\"ranks\":[2,1,3]}\n"
      "\n"
      "The output is a PEFT LoRA adapter that contains the head, for --adapter of score\n"
      "and the other commands, with log.jsonl, report.html and a model card. How texts\n"
      "became tokens is saved with it, so that scoring does the same. With --full,\n"
      "every weight learns, and the output is a model, for --model; that takes much\n"
      "more memory.\n"
      "\n"
      "To continue an interrupted run, give the same command again: the output is the\n"
      "same as without the interruption, bit for bit. The first SIGINT or SIGTERM ends\n"
      "a run after the current step, which is saved; a second one ends it at once.\n",
      "    guerdon train --model DIR --train pairs.jsonl.gz --eval held-out.jsonl \\\n"
      "        --output LORA\n"
      "    guerdon train --recipe recipes/hh-qwen2.5-7b.yaml --dry-run\n"
      "    guerdon train --recipe mine.yaml --learning-rate 2e-5 --output LORA2 \\\n"
      "        --eval chat=chat.jsonl --eval math=math.jsonl --eval-every 50 \\\n"
      "        --best eval_chat_accuracy --patience 5\n" },
    { "serve", CLI_CMD_SERVE, "--model DIR [FLAGS]", "answer over HTTP what clients of reward models ask",
      "Scores what requests ask for, and answers in the way of the server that their\n"
      "client expects: OpenRLHF, verl, slime, vLLM, SGLang, TEI, NeMo Gym, or our own\n"
      "POST /v1/reward, for which there is a page at /. GET /openapi.json lists the\n"
      "paths; doc/serving.md has the whole.\n"
      "\n"
      "Requests that wait are computed together: a prompt that several have in common,\n"
      "once. A score does not depend on that: its bits are those of guerdon score.\n"
      "\n"
      "The address is printed when the server is ready. SIGTERM or SIGINT ends it when\n"
      "everything that was accepted is answered; a second one, at once.\n",
      "    guerdon serve --model DIR --adapter LORA --truncate left\n"
      "    guerdon serve --model DIR --host 0.0.0.0 --api-key-file keys.txt\n" },
    { "models", CLI_CMD_MODELS, "[FLAGS]", "list the models that are known: trunks, heads, chat formats",
      "Of each trunk, the classes in config.json, and the tensor of its own head; of\n"
      "each head, its tensors, where it reads a text, and how it is found; of each chat\n"
      "format, the checkpoints that it was made for. The names are those that --graph,\n"
      "--head and --chat-format take. inspect says which of them a model is.\n",
      "    guerdon models\n"
      "    guerdon models --json\n" },
    { "backends", CLI_CMD_BACKENDS, "[FLAGS]", "list what this machine can run, and the default choice",
      "Shows the instruction sets, the backends with what each can do, or why it can't\n"
      "be used, and the default.\n",
      "    guerdon backends\n"
      "    guerdon backends --json\n" },
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
