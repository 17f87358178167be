"""Make tiny Hugging Face reward models of several architectures with reference outputs.
usage: make_models.py OUT SEED PAIRS.jsonl.gz [arch...]
The files beside this script were made with seed 20261124 and the harmless-base test file of Anthropic's hh-rlhf as PAIRS.
Qwen2.5's tokenizer.json is expected in ../qwen2.5 of the folder of PAIRS (only its split pattern is read).
Made with transformers 5.3.0, tokenizers 0.22.2, peft 0.21.2, torch, safetensors and numpy."""
import sys, os, json, gzip, random, shutil
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, normalizers, decoders, trainers, Regex, AddedToken
from transformers import (PreTrainedTokenizerFast, Qwen2Config, LlamaConfig, MistralConfig, Qwen3Config, Gemma2Config,
                          Gemma3TextConfig, SmolLM3Config, GemmaConfig, Ministral3Config, Olmo2Config, Olmo3Config, Phi3Config,
                          AutoModelForSequenceClassification)
from olmo import register
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
out, seed = sys.argv[1], int(sys.argv[2])
hh = sys.argv[3]
want = sys.argv[4:] or ['qwen2', 'qwen2-tied', 'llama', 'mistral', 'qwen3', 'gemma2', 'gemma3', 'smollm3', 'gemma', 'ministral3', 'olmo2', 'olmo3', 'phi3']
os.makedirs(out, exist_ok=True)
register()
rng = random.Random(seed)
pairs = [json.loads(l) for l in gzip.open(hh)]
real = json.load(open(os.path.join(os.path.dirname(hh), '../qwen2.5/tokenizer.json')))
pat = real['pre_tokenizer']['pretokenizers'][0]['pattern']['Regex']

def tiny_tokenizer(n=1500):
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pat), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    tr = trainers.BpeTrainer(vocab_size=n, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    t.train_from_iterator((p['chosen'] for p in pairs[:600]), tr)
    t.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in ('<|endoftext|>', '<|im_start|>', '<|im_end|>')])
    return PreTrainedTokenizerFast(tokenizer_object=t, pad_token='<|endoftext|>', eos_token='<|im_end|>')

tok = tiny_tokenizer()
V = (len(tok) + 63) // 64 * 64
common = dict(vocab_size=V, hidden_size=96, intermediate_size=208, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
              max_position_embeddings=1024, num_labels=1, pad_token_id=tok.pad_token_id, eos_token_id=tok.eos_token_id, bos_token_id=None,
              attn_implementation='eager', rms_norm_eps=1e-6)
def cfg(a):
    if a == 'qwen2': return Qwen2Config(**common, rope_theta=1e6, tie_word_embeddings=False)
    if a == 'qwen2-tied': return Qwen2Config(**{**common, 'num_key_value_heads': 6, 'rms_norm_eps': 1e-5}, rope_theta=1e4, tie_word_embeddings=True)
    if a == 'llama': return LlamaConfig(**common, head_dim=16, rope_parameters={'rope_type': 'llama3', 'rope_theta': 5e5, 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 64})
    if a == 'mistral': return MistralConfig(**common, head_dim=16, sliding_window=48, rope_theta=1e4)
    if a == 'qwen3': return Qwen3Config(**common, head_dim=32, rope_theta=1e6, tie_word_embeddings=True)
    if a == 'gemma2': return Gemma2Config(**common, head_dim=32, query_pre_attn_scalar=24, sliding_window=48, attn_logit_softcapping=50.0, final_logit_softcapping=30.0, hidden_activation='gelu_pytorch_tanh')
    if a == 'gemma3': return Gemma3TextConfig(**common, head_dim=32, query_pre_attn_scalar=24, sliding_window=48, layer_types=['sliding_attention', 'full_attention', 'sliding_attention'],
                                              rope_parameters={'full_attention': {'rope_type': 'linear', 'rope_theta': 1e6, 'factor': 8.0}, 'sliding_attention': {'rope_type': 'default', 'rope_theta': 1e4}})
    if a == 'smollm3': return SmolLM3Config(**common, rope_parameters={'rope_type': 'default', 'rope_theta': 5e6}, no_rope_layers=[1, 0, 1], tie_word_embeddings=True)
    if a == 'gemma': return GemmaConfig(**{**common, 'num_key_value_heads': 1}, head_dim=32)
    if a == 'ministral3': return Ministral3Config(**common, head_dim=24, tie_word_embeddings=True, rope_parameters={
        'rope_type': 'yarn', 'rope_theta': 1e6, 'factor': 16.0, 'original_max_position_embeddings': 64, 'beta_fast': 32.0, 'beta_slow': 1.0,
        'mscale': 1.0, 'mscale_all_dim': 1.0, 'llama_4_scaling_beta': 0.1})
    if a == 'olmo2': return Olmo2Config(**common, rope_parameters={'rope_type': 'default', 'rope_theta': 5e5}, tie_word_embeddings=False)
    if a == 'olmo3': return Olmo3Config(**{**common, 'hidden_size': 64, 'intermediate_size': 144, 'num_hidden_layers': 4, 'num_attention_heads': 4}, sliding_window=48, rope_parameters={'rope_type': 'yarn', 'rope_theta': 5e5, 'factor': 8.0, 'original_max_position_embeddings': 128, 'attention_factor': 1.2079441541679836, 'beta_fast': 32, 'beta_slow': 1}, tie_word_embeddings=False)
    if a == 'phi3': return Phi3Config(**{**common, 'hidden_size': 64, 'intermediate_size': 144, 'num_attention_heads': 4, 'bos_token_id': None}, original_max_position_embeddings=512, partial_rotary_factor=0.75,
                                      rope_parameters={'rope_type': 'longrope', 'rope_theta': 1e4, 'short_factor': [1.0, 1.05, 1.1, 1.35, 1.7, 2.2], 'long_factor': [1.5, 2.0, 5.0, 11.0, 23.0, 42.0]}, tie_word_embeddings=True)
odd = ['a', ' ', '\n\n', 'Human: Café naïve — 北京 😀👩‍👩‍👧 العربية\n\nAssistant: ok', 'x' * 300, '1234567890 3.14159', "I'LL we've THEY'RE", 'e\u0301 vs \u00e9', 'tab\tand\r\nCRLF  \u00a0nbsp\u200b',
       'ends with special <|im_end|>', '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>\n', 'pad inside <|endoftext|> text']
picked = rng.sample(pairs, 14)
texts = [p[k] for p in picked for k in ('chosen', 'rejected')] + odd
def batch_ids(x, max_len=512): return tok(x, truncation=True, max_length=max_len)['input_ids']
for a in want:
    torch.manual_seed(seed + sum(map(ord, a)))
    c = cfg(a); m = AutoModelForSequenceClassification.from_config(c).float().eval()
    with torch.no_grad():
        for n, p in m.named_parameters():
            if 'norm' in n: p.copy_((0.0 if a.startswith('gemma') else 1.0) + 0.2 * torch.randn_like(p))
            elif n.endswith('bias'): p.copy_(0.3 * torch.randn_like(p))
            elif 'embed' in n: p.copy_(0.7 * torch.randn_like(p))
            elif 'score' in n: p.copy_(0.2 * torch.randn_like(p))
            else: p.copy_(torch.randn_like(p) * (1.2 / p.shape[1] ** 0.5))
    m = m.to(torch.bfloat16)
    d = f'{out}/{a}'; m.save_pretrained(d); tok.save_pretrained(d)
    def lora_of(model, r=8, alpha=16):
        torch.manual_seed(seed + 1)
        pm = get_peft_model(model, LoraConfig(r=r, lora_alpha=alpha, lora_dropout=0.0, task_type='SEQ_CLS', target_modules=['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj'] if a == 'phi3' else ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']))
        with torch.no_grad():
            for n, p in pm.named_parameters():
                if 'lora_B' in n: p.copy_(0.15 * torch.randn_like(p))
                if 'score.modules_to_save' in n: p.copy_(0.2 * torch.randn_like(p))
        return pm.eval()
    def scores(model, dt):
        model = model.to(dt); o = []; hs = None
        # transformers' .to(dtype) also rounds rope's inv_freq buffers and Gemma 3's embed_scale: rebuild them
        for mod in model.modules():
            names = [n for n, _ in mod.named_buffers(recurse=False) if n.endswith('inv_freq')]
            f = type(mod)(c) if names else None
            for n in names: setattr(mod, n, getattr(f, n))
            if hasattr(mod, 'embed_scale') and torch.is_tensor(mod.embed_scale): mod.embed_scale = torch.tensor(c.hidden_size ** 0.5, dtype=torch.float64)
        with torch.no_grad():
            for i, t in enumerate(texts):
                ids = torch.tensor([batch_ids(t)])
                r = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=i == 0)
                o.append(float(r.logits[0, 0]))
                if i == 0: hs = [h[0].float().contiguous() for h in r.hidden_states]
        return o, hs
    import copy
    s64, hs = scores(copy.deepcopy(m), torch.float64)
    s32, _ = scores(copy.deepcopy(m), torch.float32)
    s16, _ = scores(copy.deepcopy(m), torch.bfloat16)
    pm = lora_of(copy.deepcopy(m)); pm.save_pretrained(f'{d}-lora')
    aj = json.load(open(f'{d}-lora/adapter_config.json')); aj['base_model_name_or_path'] = f'../{a}'; json.dump(aj, open(f'{d}-lora/adapter_config.json', 'w'), indent=2)
    l64, _ = scores(copy.deepcopy(pm), torch.float64)
    with open(f'{d}/expected.jsonl', 'w') as f:
        for i, t in enumerate(texts):
            f.write(json.dumps(dict(text=t, ids=batch_ids(t), score_f64=s64[i], score_f32=s32[i], score_bf16=s16[i], score_lora_f64=l64[i])) + '\n')
    save_file({f'hidden.{i}': h for i, h in enumerate(hs)}, f'{d}/expected_hidden_text0.safetensors')
    import numpy as np
    print(a, 'V', V, 'score std', np.std(s64), 'bf16 err', np.mean(np.abs(np.array(s16) - np.array(s64))), 'max', np.max(np.abs(np.array(s16) - np.array(s64))), 'f32 err', np.max(np.abs(np.array(s32) - np.array(s64))), flush=True)
for p in [os.path.join(r, f) for r, _, fs in os.walk(out) for f in fs if f == 'README.md']: os.remove(p)
