"""Train a LoRA adapter and a reward head on the first N HH pairs with TRL: one line of JSON.

usage: trl_train.py BASE_DIR PAIRS.jsonl.gz N bf16|f32 [EVAL.jsonl LEARNING_RATE SEED]  (in setup's environment)

The settings of guerdon's row: r = 32, all projections, batch 4 x 4, cosine, 512 tokens. Seconds are those of each step.
With EVAL, also the accuracy on its pairs after the run.
"""
import contextlib
import gzip
import json
import os
import resource
import sys
import tempfile
import time

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl import RewardConfig, RewardTrainer, __version__

base, data, n, dtype = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
held, rate, seed = (sys.argv[5], float(sys.argv[6]), int(sys.argv[7])) if len(sys.argv) > 5 else (None, 1e-4, 42)
PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']


def lines(path):
    with gzip.open(path, 'rt') if path.endswith('.gz') else open(path, encoding='utf-8') as f:
        return [{k: row[k] for k in ('chosen', 'rejected')} for row in map(json.loads, f)]


class Clock(TrainerCallback):
    def __init__(self):
        self.seconds, self.begun = [], 0

    def on_step_begin(self, args, state, control, **kwargs):
        self.begun = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds.append(round(time.perf_counter() - self.begun, 3))


torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(seed)
tokenizer = AutoTokenizer.from_pretrained(base)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForSequenceClassification.from_pretrained(
    base, num_labels=1, dtype={'bf16': torch.bfloat16, 'f32': torch.float32}[dtype])
clock = Clock()
with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):  # it prints its log
    config = RewardConfig(output_dir=out, per_device_train_batch_size=4, gradient_accumulation_steps=4,
                          num_train_epochs=1, learning_rate=rate, lr_scheduler_type='cosine', warmup_steps=n // 160,
                          max_length=512, bf16=dtype == 'bf16', logging_steps=1, eval_strategy='no', report_to=[],
                          use_cpu=True, gradient_checkpointing=False, save_strategy='no', seed=seed)
    lora = LoraConfig(r=32, lora_alpha=64, lora_dropout=0.0, task_type='SEQ_CLS', target_modules=PROJECTIONS)
    trainer = RewardTrainer(model=model, args=config, train_dataset=Dataset.from_list(lines(data)[:n]),
                            eval_dataset=Dataset.from_list(lines(held)) if held else None, processing_class=tokenizer,
                            peft_config=lora, callbacks=[clock])
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if held:
        trainer.evaluate()
history = trainer.state.log_history
print(json.dumps({'trl': __version__, 'dtype': dtype, 'pairs': n, 'step_seconds': clock.seconds, 'peak_bytes': peak,
                  'loss': [h['loss'] for h in history if 'loss' in h],
                  **{k: v for h in history for k, v in h.items() if k in ('eval_accuracy', 'eval_loss')}}))
