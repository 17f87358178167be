"""Save a golden model without its head as a sharded causal-LM checkpoint, from which a LoRA reward adapter starts.
usage: make_causal.py GOLDEN_MODEL OUT        (here: make_causal.py qwen2 qwen2-causal, in the environment of make_models.py)"""
import sys, torch, shutil, json, os
from transformers import AutoModelForSequenceClassification, Qwen2ForCausalLM, AutoConfig
src, dst = sys.argv[1:3]
m = AutoModelForSequenceClassification.from_pretrained(src, dtype=torch.bfloat16)
c = AutoConfig.from_pretrained(src); c.pad_token_id = None; c.num_labels = 2
torch.manual_seed(7)
lm = Qwen2ForCausalLM(c).to(torch.bfloat16); lm.model.load_state_dict(m.model.state_dict())
lm.save_pretrained(dst, max_shard_size='300KB')
for f in ('tokenizer.json', 'tokenizer_config.json'): shutil.copy(f'{src}/{f}', dst)
a = src + '-lora'; shutil.copytree(a, dst + '-lora', dirs_exist_ok=True)
j = json.load(open(dst + '-lora/adapter_config.json')); j['base_model_name_or_path'] = '../' + os.path.basename(dst); json.dump(j, open(dst + '-lora/adapter_config.json', 'w'), indent=2)
if os.path.exists(dst + '/generation_config.json'): os.remove(dst + '/generation_config.json')
