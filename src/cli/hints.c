/* hints.c - flags of other programs, and what they are called here. */
#include "cli/cli.h"

#include <string.h>

static const struct {
    const char *theirs, *hint;
} hints[] = {
    { "batch-size", "a batch is counted in tokens: --batch-tokens N" },
    { "per-device-eval-batch-size", "a batch is counted in tokens: --batch-tokens N" },
    { "micro-batch-size", "a batch is counted in tokens: --batch-tokens N" },
    { "dtype", "the type of the operands is --precision bf16 or fp32" },
    { "torch-dtype", "the type of the operands is --precision bf16 or fp32" },
    { "bf16", "the type of the operands is --precision bf16 or fp32" },
    { "fp32", "the type of the operands is --precision bf16 or fp32" },
    { "fp16", "the type of the operands is --precision bf16 or fp32" },
    { "device", "--backend cuda or cpu chooses the device, CUDA_VISIBLE_DEVICES the card" },
    { "device-map", "one device computes: --backend cuda or cpu; --memory limits what it takes" },
    { "gpu", "a GPU is used if there is one: --backend cuda or cpu; CUDA_VISIBLE_DEVICES chooses the card" },
    { "gpus", "a GPU is used if there is one: --backend cuda or cpu; CUDA_VISIBLE_DEVICES chooses the card" },
    { "load-in-4bit", "weights are never quantised; --memory limits what they take" },
    { "load-in-8bit", "weights are never quantised; --memory limits what they take" },
    { "quantization", "weights are never quantised; --memory limits what they take" },
    { "trust-remote-code", "no code of a checkpoint is ever run: leave it out" },
    { "model-name", "use --model DIR" },
    { "model-path", "use --model DIR" },
    { "model-name-or-path", "use --model DIR" },
    { "pretrained-model-name-or-path", "use --model DIR" },
    { "peft", "use --adapter DIR" },
    { "peft-model", "use --adapter DIR" },
    { "lora", "use --adapter DIR" },
    { "lora-path", "use --adapter DIR" },
    { "adapter-path", "use --adapter DIR" },
    { "tokenizer", "the tokenizer is that of the checkpoint, or of the adapter" },
    { "chat-template", "use --chat-format; the default is the checkpoint's template" },
    { "data", "use --input FILE" },
    { "dataset", "use --input FILE" },
    { "dataset-name", "use --input FILE" },
    { "input-file", "use --input FILE" },
    { "output-file", "use --output FILE" },
    { "output-dir", "use --output FILE" },
    { "max-seq-length", "use --max-length N" },
    { "max-seq-len", "use --max-length N" },
    { "max-model-len", "use --max-length N" },
    { "max-tokens", "use --max-length N" },
    { "truncation", "use --truncate left, right, drop or oldest-turns" },
    { "truncation-side", "use --truncate left or right" },
    { "num-threads", "use --threads N" },
    { "num-workers", "use --threads N" },
    { "jobs", "use --threads N" },
    { "ram", "use --memory SIZE" },
    { "max-memory", "use --memory SIZE" },
    { "silent", "use --quiet" },
    { "verbose", "there is no such flag: leave it out; inspect says what a run will do" },
};

static char plain(char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '_' ? '-' : c); }

bool cli_same_name(const char *a, const char *b)
{
    while (*a && plain(*a) == plain(*b)) {
        a++;
        b++;
    }
    return !*a && !*b;
}

const char *cli_hint(const char *typed)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (cli_same_name(hints[i].theirs, typed))
            return hints[i].hint;
    return NULL;
}
