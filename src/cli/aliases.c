/* aliases.c - flags and keys of other programs that train reward models (TRL and Transformers, OpenRLHF, LLaMA-Factory,
 * axolotl, ms-swift), and what they are called here. */
#include "cli/cli.h"

#include <string.h>

const cli_alias cli_aliases[] = {
    /* the model, the data and the output */
    { "model-name-or-path model-name model-path pretrain pretrained pretrained-model-name-or-path base-model "
      "base-model-name-or-path",
      "model", NULL, NULL },
    { "dataset dataset-name dataset-path datasets data data-path train-file train-files train-data train-data-path "
      "train-dataset train-path input",
      "train", NULL, NULL },
    { "eval-dataset eval-datasets eval-file eval-data eval-data-path val-dataset val-file validation-file "
      "validation-dataset test-dataset test-datasets test-file",
      "eval", NULL, NULL },
    { "val-size val-set-size split-dataset-ratio eval-split test-size", NULL, NULL,
      "evaluation takes a file of its own: --eval FILE" },
    { "max-samples max-train-samples", NULL, NULL, "all records are read; --max-steps ends a run early" },
    { "dataset-train-split dataset-test-split dataset-config dataset-streaming dataset-dir dataset-num-proc "
      "preprocessing-num-workers dataloader-num-workers dataloader-pin-memory dataloader-prefetch-factor "
      "remove-unused-columns overwrite-cache shuffle-dataset train-on-inputs",
      NULL, NULL, "data are local files, read once: leave it out" },
    { "dataloader-drop-last", NULL, "false", "the last step takes what is left: leave it out" },
    { "chosen-key rejected-key prompt-key input-key chosen-column rejected-column prompt-column", "fields", NULL,
      "such as chosen=good,rejected=bad" },
    { "margin-key margin-column margin-loss", "margin-field", NULL, NULL },
    { "output-dir output-path save-path save-dir ckpt-path", "output", NULL, NULL },
    { "overwrite-output-dir", NULL, "false",
      "an output that is not empty is continued if it is of the same run, and refused if it is not" },
    { "trust-remote-code", NULL, "false", "no code of a checkpoint is ever run: leave it out" },
    { "tokenizer tokenizer-name tokenizer-path tokenizer-type model-type type-of-model use-fast-tokenizer "
      "disable-fast-tokenizer special-tokens eos-token pad-token model-init-kwargs",
      NULL, NULL, "the tokenizer and its special tokens are those of the checkpoint: leave it out" },
    { "num-labels problem-type", NULL, "1", "the head has one output: leave it out" },
    /* what learns */
    { "lora-rank rank", "lora-r", NULL, NULL },
    { "lora-target lora-target-modules target-modules lora-modules", "lora-targets", NULL,
      "a list of names, or all-linear, the default" },
    { "lora-target-linear", "lora-targets", "true", "all-linear is the default" },
    { "adapter adapters adapter-path adapter-name-or-path lora-path lora-model-dir peft-model", "init-adapter", "lora",
      "the directory of an adapter to begin with" },
    { "use-peft use-lora lora peft create-new-adapter", NULL, "true/false",
      "a LoRA adapter and the head are what is trained, or every weight with --full" },
    { "finetuning-type train-type tuner-type peft-type sft-type", NULL, "lora/full",
      "a LoRA adapter and the head are what is trained, or every weight with --full" },
    { "full-finetuning full-finetune full-fine-tuning full-parameter", "full", "false", NULL },
    { "lora-dropout rank-dropout dropout", NULL, "0|0.0|0.00",
      "dropout is not supported; TRL's RewardTrainer turns it off, too" },
    { "disable-dropout", NULL, "true", "there is no dropout, which is not supported: leave it out" },
    { "use-dora dora", NULL, "false", "DoRA is not supported" },
    { "use-rslora rslora", NULL, "false",
      "rsLoRA is not supported; --lora-alpha times the square root of --lora-r is the same" },
    { "init-lora-weights init-weights pissa-init pissa loftq-config use-loftq", NULL, "true|default",
      "PiSSA, OLoRA, LoftQ and other first values are not supported: A is random as in PEFT, and B is zero" },
    { "loraplus-lr-ratio lorap-lr-ratio loraplus-lr-embedding", NULL, NULL,
      "LoRA+ is not supported: all learn at --learning-rate" },
    { "lora-bias bias", NULL, "none|false/all", "biases are trained only with every other weight, by --full" },
    { "lora-task-type task-type", NULL, "seq-cls", "the head is part of the adapter, so its task is SEQ_CLS" },
    { "lora-modules-to-save modules-to-save additional-target", NULL, "score/",
      "the head is always trained and saved, and nothing else besides LoRA; --full trains every weight" },
    { "lora-target-parameters layers-to-transform rank-pattern alpha-pattern", NULL, NULL,
      "--lora-targets may be a regular expression, which can choose layers; all get one rank" },
    { "load-in-4bit load-in-8bit", NULL, "false",
      "weights are never quantised; with --memory, those that do not fit are streamed" },
    { "quantization quantization-bit quantization-method quant-bits quant-method bnb-4bit-quant-type "
      "bnb-4bit-compute-dtype bnb-4bit-use-double-quant use-bnb-nested-quant",
      NULL, "none", "weights are never quantised; with --memory, those that do not fit are streamed" },
    { "stage rlhf-type", NULL, "rm|reward", "only reward models are trained" },
    { "reward-model do-train", NULL, "true", "that is what train does: leave it out" },
    { "do-eval do-predict", NULL, "true|false", "--eval FILE evaluates: leave it out" },
    { "loss loss-type", NULL, "sigmoid", "the loss is -log sigmoid of the difference" },
    /* the optimiser */
    { "lr", "learning-rate", NULL, NULL },
    { "lr-scheduler-type lr-scheduler scheduler scheduler-type", "schedule", NULL, NULL },
    { "num-warmup-steps", "warmup-steps", NULL, NULL },
    { "warmup-ratio lr-warmup-ratio warmup", "warmup-steps", NULL, "a number of steps" },
    { "min-lr min-lr-ratio cosine-min-lr-ratio lr-scheduler-kwargs", NULL, NULL,
      "a schedule falls to zero, and takes no arguments: leave it out" },
    { "num-train-epochs num-epochs max-epochs", "epochs", NULL, NULL },
    { "num-steps num-train-steps max-train-steps total-steps train-steps", "max-steps", NULL, NULL },
    { "per-device-train-batch-size per-device-batch-size train-batch-size micro-batch-size micro-train-batch-size",
      "batch-size", NULL, "pairs of a micro-batch, of which a step has --grad-accum" },
    { "per-device-eval-batch-size eval-batch-size micro-eval-batch-size eval-accumulation-steps auto-find-batch-size",
      NULL, NULL, "evaluations are computed in batches that suit the memory: leave it out" },
    { "gradient-accumulation-steps gradient-accumulation accumulation-steps accumulate-grad-batches", "grad-accum",
      NULL, NULL },
    { "optim optimizer optimizer-type", NULL, "adamw|adamw-torch|adamw-torch-fused|adamw-hf",
      "the optimiser is AdamW in fp32" },
    { "adam-beta1 beta1", NULL, "0.9", "AdamW has its usual constants: 0.9, 0.999 and 1e-8" },
    { "adam-beta2 beta2", NULL, "0.999", "AdamW has its usual constants: 0.9, 0.999 and 1e-8" },
    { "adam-epsilon adam-eps", NULL, "1e-8|1e-08", "AdamW has its usual constants: 0.9, 0.999 and 1e-8" },
    { "adam-betas optim-args", NULL, NULL, "AdamW has its usual constants, 0.9, 0.999 and 1e-8: leave it out" },
    { "l2 wd", "weight-decay", NULL, NULL },
    { "max-grad-norm max-norm grad-clip gradient-clipping clip-grad-norm", "clip", NULL, NULL },
    { "center-rewards-coefficient", "center-rewards", NULL, NULL },
    { "beta", NULL, NULL, "a pair's loss is of the plain difference of its scores: leave it out" },
    { "label-smoothing label-smoothing-factor", NULL, "0|0.0", "label smoothing is not supported" },
    { "neftune-noise-alpha", NULL, "0", "NEFTune is not supported" },
    { "random-seed data-seed", "seed", NULL, NULL },
    { "full-determinism", NULL, "true", "every run gives the same bits anyway: leave it out" },
    /* texts */
    { "max-seq-length max-seq-len cutoff-len max-len sequence-len model-max-length max-tokens", "max-length", NULL,
      "records with a longer text are left out" },
    { "truncation truncation-side truncation-strategy truncate", NULL, "delete",
      "nothing is cut: records with a text longer than --max-length are left out" },
    { "template chat-template chat-template-path tokenizer-chat-template", "chat-format", NULL,
      "the default is the checkpoint's" },
    { "apply-chat-template", NULL, "true",
      "conversations become text by --chat-format; --turns on makes turns of prompts and answers that are texts" },
    { "add-eos-token append-eos", "add-eos", NULL, NULL },
    { "packing sample-packing packing-samples pad-to-sequence-len pad-to-multiple-of group-by-length padding-free "
      "padding padding-side eval-sample-packing",
      NULL, NULL, "nothing is ever padded, and a prompt is computed once: leave it out" },
    /* when to evaluate and to save */
    { "eval-steps evals-per-epoch eval-interval", "eval-every", NULL, "a number of steps" },
    { "save-steps saves-per-epoch save-interval", "save-every", NULL, "a number of steps" },
    { "eval-strategy evaluation-strategy", "eval-every", NULL, "a number of steps; the last step is always evaluated" },
    { "save-strategy", "save-every", "steps", "a number of steps; the last step is always saved" },
    { "save-total-limit max-ckpt-num", "keep", NULL, NULL },
    { "metric-for-best-model", "best", NULL, NULL },
    { "load-best-model-at-end", NULL, "false", "--best eval_accuracy keeps the best adapter in the folder best" },
    { "greater-is-better", NULL, NULL, "it follows from the metric: leave it out" },
    { "early-stopping-patience", "patience", NULL, "evaluations without a better --best" },
    { "resume-from-checkpoint auto-resume-from-checkpoints load-checkpoint", "resume", "true|auto",
      "a run that was interrupted is continued by itself" },
    { "save-only-model save-safetensors save-on-each-node save-hf-ckpt", NULL, "true",
      "checkpoints are safetensors that can be resumed: leave it out" },
    { "logging-steps logging-strategy logging-first-step log-interval log-level plot-loss disable-tqdm "
      "include-num-input-tokens-seen",
      NULL, NULL, "every step is logged in log.jsonl and report.html: leave it out" },
    { "report-to use-wandb wandb-project wandb-entity wandb-run-name use-tensorboard use-swanlab use-mlflow "
      "logging-dir run-name",
      NULL, "none", "nothing is sent anywhere: log.jsonl and report.html have every figure" },
    { "push-to-hub hub-model-id hub-strategy hub-token hub-private-repo", NULL, "false",
      "nothing is uploaded: the output is a folder that can be" },
    /* how it is computed */
    { "dtype torch-dtype", "precision", "bfloat16|bf16|auto", "bf16 or fp32" },
    { "bf16 bf16-full-eval", "precision", "true|auto", "bf16, the default, or fp32" },
    { "fp16 fp16-full-eval", NULL, "false", "fp16 is not supported: --precision is bf16 or fp32" },
    { "tf32 half", NULL, "false", "--precision is bf16 or fp32" },
    { "gradient-checkpointing activation-checkpointing", "checkpoint-layers", "true|unsloth",
      "auto, the default, does so if the memory is too small" },
    { "gradient-checkpointing-kwargs activation-offloading", NULL, NULL,
      "--checkpoint-layers is all there is: leave it out" },
    { "deepspeed deepspeed-config zero-stage zero-optimization adam-offload fsdp fsdp-config ddp-timeout ddp-backend "
      "ddp-find-unused-parameters local-rank world-size accelerator-config parallelism-config ddp",
      NULL, NULL, "a run is one process on one machine: leave it out" },
    { "attn-implementation attn-impl flash-attn flash-attention flash-attn-2 sdp-attention xformers-attention "
      "use-liger-kernel liger-kernel use-unsloth unsloth torch-compile use-cache low-cpu-mem-usage",
      NULL, NULL, "there is one way to compute a layer, with the same bits everywhere: leave it out" },
    { "num-threads num-proc nproc n-threads", "threads", NULL, NULL },
    { "use-cpu no-cuda cpu", NULL, "true", "training runs on the CPU: leave it out" },
    { "device device-map", NULL, "cpu|auto", "training runs on the CPU: leave it out" },
    { "config config-file yaml", "recipe", NULL, NULL },
};
const size_t cli_alias_count = sizeof cli_aliases / sizeof cli_aliases[0];

/* Whether one of the names in the list is the one that was typed. */
static bool is_listed(const char *list, const char *typed)
{
    char name[64];

    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ') {
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
        if (cli_same_name(name, typed))
            return true;
    }
    return false;
}

const cli_alias *cli_alias_find(const char *typed)
{
    for (size_t i = 0; i < cli_alias_count; i++)
        if (is_listed(cli_aliases[i].theirs, typed))
            return &cli_aliases[i];
    return NULL;
}

/* Whether one of the words "a|b" up to a slash is `text`, in whatever case. */
static bool is_among(const char *words, const char *text)
{
    char word[32];

    for (const char *p = words; p && *p && *p != '/'; p += strcspn(p, "|/"), p += *p == '|') {
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "|/"), p);
        if (cli_same_name(word, text))
            return true;
    }
    return false;
}

bool cli_alias_is_done(const cli_alias *alias, const char *value, bool full)
{
    const char *slash = alias->same ? strchr(alias->same, '/') : NULL;

    return is_among(slash && full ? slash + 1 : alias->same, value);
}
