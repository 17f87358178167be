"""Reference run by TRL 0.29.1 in float32 in which every weight of a tiny model learns. usage: make_full.py OUT MODEL_DIR PAIRS.jsonl.gz
Weight decay, accumulation and centring are on; some texts contain the pad token, whose row of the embedding PyTorch leaves without a gradient.
golden/train-full is golden/qwen2 on hh-rlhf. The matrices at the end are rounded to float16, the vectors are float32."""
import sys, os, json, gzip, random, tempfile, torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardTrainer, RewardConfig
from safetensors.torch import save_file
out, base, hh = sys.argv[1:4]
torch.set_num_threads(1)
os.makedirs(out, exist_ok=True)
tok = AutoTokenizer.from_pretrained(base)
pairs = [json.loads(l) for l in gzip.open(hh)]
pairs = [p for p in pairs if max(len(tok(p[k]).input_ids) for k in ('chosen', 'rejected')) < 200]
random.Random(11).shuffle(pairs)
pairs = pairs[:64]
for p in pairs[:64:4]:
    for k in ('chosen', 'rejected'): p[k] = p[k].replace('\n\nAssistant:', f'\n\nAssistant:{tok.pad_token}', 1)
for name, part in (('train', pairs[:52]), ('eval', pairs[52:])):
    with open(f'{out}/{name}.jsonl', 'w') as f:
        for p in part: f.write(json.dumps({k: p[k] for k in ('chosen', 'rejected')}) + '\n')
m = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32, attn_implementation='eager')
args = RewardConfig(output_dir=os.path.join(tempfile.gettempdir(), 'trl'), per_device_train_batch_size=4, per_device_eval_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=2, learning_rate=1e-3, lr_scheduler_type='linear', warmup_steps=2,
                    max_length=512, bf16=False, fp16=False, logging_steps=1, eval_strategy='no', report_to=[], use_cpu=True, gradient_checkpointing=False, save_strategy='no', seed=42, optim='adamw_torch', center_rewards_coefficient=0.01, weight_decay=0.5)
t = RewardTrainer(model=m, args=args, train_dataset=Dataset.from_list(pairs[:52]), eval_dataset=Dataset.from_list(pairs[52:]), processing_class=tok)
t.train(); t.evaluate()
save_file({k: (v.half() if v.dim() == 2 and k != 'score.weight' else v).contiguous() for k, v in t.model.state_dict().items()}, f'{out}/final.safetensors', {'format': 'pt'})
hist = [{k: v for k, v in h.items() if 'runtime' not in k and 'per_second' not in k and 'flos' not in k} for h in t.state.log_history]
with open(f'{out}/trl_log.json', 'w') as f:
    json.dump(dict(tool='TRL 0.29.1, Transformers 5.3.0, float32, CPU', pad_tokens=sum(e[k].count(tok.pad_token_id) for e in t.train_dataset for k in ('chosen_ids', 'rejected_ids')), log_history=hist), f, indent=1)
    f.write('\n')
print(hist[0], hist[-2:])
