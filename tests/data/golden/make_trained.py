"""An adapter that `guerdon train` wrote, scored by PEFT in Transformers in float32. usage: make_trained.py GUERDON GOLDEN_DIR
golden/trained has the adapter, whose bytes are the same on every machine, and PEFT's scores of train-ga1/eval.jsonl."""
import json, os, shutil, subprocess, sys, tempfile, torch
from peft import AutoPeftModelForSequenceClassification, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer
guerdon, golden = sys.argv[1], os.path.abspath(sys.argv[2])
base, out = f'{golden}/qwen2', f'{golden}/trained'
os.makedirs(out, exist_ok=True)
with tempfile.TemporaryDirectory() as work:
    subprocess.run([guerdon, 'train', '--model', base, '--train', f'{golden}/train-ga1/train.jsonl', '--output', f'{work}/out', '--precision', 'fp32', '--lora-r', '4',
                    '--learning-rate', '1e-2', '--warmup-steps', '0', '--batch-size', '4', '--grad-accum', '2', '--quiet'], check=True)
    shutil.copy(f'{work}/out/adapter_model.safetensors', out)
    config = json.load(open(f'{work}/out/adapter_config.json'))
    config['base_model_name_or_path'] = '../qwen2'
    json.dump(config, open(f'{out}/adapter_config.json', 'w'), indent=2)
tok = AutoTokenizer.from_pretrained(base)
m = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32, attn_implementation='eager')
m.config.pad_token_id = tok.pad_token_id
m = PeftModel.from_pretrained(m, out).eval()
os.chdir(out)
auto = AutoPeftModelForSequenceClassification.from_pretrained('.', num_labels=1, dtype=torch.float32).eval()
auto.config.pad_token_id = tok.pad_token_id
with open('expected.jsonl', 'w') as f, torch.no_grad():
    for line in open(f'{golden}/train-ga1/eval.jsonl'):
        pair, scores = json.loads(line), {}
        for side in ('chosen', 'rejected'):
            ids = torch.tensor([tok(pair[side])['input_ids']])
            if ids.shape[1] > 512:
                break
            scores[side] = m(input_ids=ids).logits[0, 0].item()
            assert abs(scores[side] - auto(input_ids=ids).logits[0, 0].item()) < 1e-5
        f.write(json.dumps(scores if len(scores) == 2 else None) + '\n')
