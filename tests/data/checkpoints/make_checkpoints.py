"""Scores of variants of the golden models, for tests/reward/test_checkpoints.c, which makes the same variants.
usage: make_checkpoints.py ../golden >checkpoints.json
Made with transformers 5.3.0, peft 0.21.2, torch and safetensors: in float32, with eager attention, one text at a time."""
import json
import os
import shutil
import sys
import tempfile

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

GOLDEN = sys.argv[1]
TEA = "Human: Is tea hot?\n\nAssistant: Yes."
TEXTS = [TEA, "Human: " + "What is tea, where does it come from, and how hot should the water be? " * 12 + "\n\nAssistant: It depends."]


def yarn(factor=4.0, original=64, **fields):
    return {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original, **fields}


LINEAR = {"rope_type": "linear", "factor": 2.0}
NONE = {"rope_parameters": None}  # null: removed

# id, model, what changes in config.json (null removes a field)
CONFIGS = [
    ("yarn", "qwen2", {**NONE, "rope_theta": 1e6, "rope_scaling": yarn()}),
    ("yarn, attn_factor is ignored", "qwen2", {**NONE, "rope_theta": 1e6, "rope_scaling": yarn(attn_factor=0.878)}),
    ("yarn, finetuned is ignored", "qwen2", {**NONE, "rope_theta": 1e6, "rope_scaling": yarn(finetuned=True)}),
    ("yarn in rope_parameters", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn()}}),
    ("yarn by its older name", "qwen2", {**NONE, "rope_theta": 1e6, "rope_scaling":
        {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}),
    ("yarn, attention_factor", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(attention_factor=1.3)}}),
    ("yarn, attention_factor null", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(attention_factor=None)}}),
    ("yarn, mscale twice", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(mscale=1.0, mscale_all_dim=0.4)}}),
    ("yarn, mscale equal", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(mscale=0.7, mscale_all_dim=0.7)}}),
    ("yarn, mscale alone", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(mscale=3.0)}}),
    ("yarn, mscale_all_dim 0", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(mscale=3.0, mscale_all_dim=0)}}),
    ("yarn, betas", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(beta_fast=8.0, beta_slow=2.0)}}),
    ("yarn, betas equal", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(beta_fast=2.0, beta_slow=2.0)}}),
    ("yarn, betas 0", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(beta_fast=0, beta_slow=0)}}),
    ("yarn, truncate false", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(truncate=False)}}),
    ("yarn, truncate true", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(truncate=True)}}),
    ("yarn, factor below 1", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(factor=0.5)}}),
    ("yarn, factor null", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(factor=None)}}),
    ("yarn, no original length", "qwen2", {"rope_parameters": {"rope_theta": 1e6, "rope_type": "yarn", "factor": 4.0}}),
    ("yarn, original length outside", "qwen2", {"original_max_position_embeddings": 128, "rope_parameters":
        {"rope_theta": 1e6, "rope_type": "yarn", "factor": 4.0}}),
    ("yarn, short original length", "qwen2", {"rope_parameters": {"rope_theta": 1e6, **yarn(original=4)}}),
    ("yarn, small theta", "qwen2", {"rope_parameters": {"rope_theta": 100.0, **yarn()}}),
    ("yarn, llama", "llama", {"rope_parameters": {"rope_theta": 5e5, **yarn(factor=8.0)}}),
    ("yarn, mistral", "mistral", {"rope_parameters": {"rope_theta": 1e4, **yarn(original=256)}}),
    ("yarn, qwen3", "qwen3", {"rope_parameters": {"rope_theta": 1e6, **yarn()}}),
    ("yarn, gemma2", "gemma2", {"rope_parameters": {"rope_theta": 1e4, **yarn()}}),
    ("linear, said twice", "qwen2", {"rope_theta": 1e6, "rope_scaling": LINEAR,
                                     "rope_parameters": {**LINEAR, "rope_theta": 1e6}}),
    ("linear, said in both dialects", "qwen2", {"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.0},
                                                "rope_parameters": {**LINEAR, "rope_theta": 1e6}}),
    ("linear, theta only outside", "qwen2", {"rope_theta": 1e6, "rope_scaling": LINEAR, "rope_parameters": LINEAR}),
    ("linear, theta 10000 unsaid", "qwen2", {"rope_scaling": LINEAR, "rope_parameters": {**LINEAR, "rope_theta": 1e4}}),
    ("linear beside an empty object", "qwen2", {"rope_theta": 1e6, "rope_scaling": LINEAR, "rope_parameters": {}}),
    ("an empty object beside linear", "qwen2", {"rope_scaling": {}, "rope_parameters": {**LINEAR, "rope_theta": 1e6}}),
]


def scores(model):
    model = model.float().eval()
    tok = PreTrainedTokenizerFast(tokenizer_file=f"{GOLDEN}/qwen2/tokenizer.json")
    out = []
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([tok(text)["input_ids"]])
            out.append(float(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, 0]))
    return out


def open_base(path):
    return AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, dtype=torch.float32,
                                                              attn_implementation="eager")


def copy(source, to):
    os.makedirs(to)
    for name in os.listdir(source):
        if not name.startswith("expected"):
            shutil.copyfile(f"{source}/{name}", f"{to}/{name}")


def with_config(model, patch, to):
    copy(f"{GOLDEN}/{model}", to)
    config = json.load(open(f"{to}/config.json"))
    for key, value in patch.items():
        config[key] = value
        if value is None:
            del config[key]
    json.dump(config, open(f"{to}/config.json", "w"))


def config_cases(room):
    for number, (name, model, patch) in enumerate(CONFIGS):
        to = f"{room}/{number}"
        with_config(model, patch, to)
        yield {"id": name, "model": model, "patch": patch, "scores": scores(open_base(to))}


def adapter_of(room, name, change, **fields):
    """The adapter of qwen2 with other tensors and other fields."""
    to = f"{room}/{name}"
    copy(f"{GOLDEN}/qwen2-lora", to)
    config = json.load(open(f"{to}/adapter_config.json"))
    config.update(fields)
    json.dump(config, open(f"{to}/adapter_config.json", "w"))
    tensors = load_file(f"{to}/adapter_model.safetensors")
    change(tensors)
    save_file(tensors, f"{to}/adapter_model.safetensors", {"format": "pt"})
    return scores(PeftModel.from_pretrained(open_base(f"{GOLDEN}/qwen2"), to))


def reversed_embedding(tensors):
    rows = load_file(f"{GOLDEN}/qwen2/model.safetensors")["model.embed_tokens.weight"]
    tensors["base_model.model.model.embed_tokens.weight"] = rows.flip(0).contiguous()


def lora_on_head(tensors):
    head = tensors.pop("base_model.model.score.weight")
    tensors["base_model.model.score.lora_A.weight"] = torch.full((8, head.shape[1]), 0.25, dtype=head.dtype)
    tensors["base_model.model.score.lora_B.weight"] = torch.full((1, 8), 0.25, dtype=head.dtype)


def adapter_cases(room):
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    yield {"id": "plain", "scores": adapter_of(room, "plain", lambda tensors: None)}
    yield {"id": "fan_in_fan_out", "scores": adapter_of(room, "fan", lambda tensors: None, fan_in_fan_out=True)}
    yield {"id": "embedding", "scores": adapter_of(room, "embedding", reversed_embedding)}
    yield {"id": "embedding in modules_to_save",
           "scores": adapter_of(room, "saved", reversed_embedding, modules_to_save=["score", "embed_tokens"])}
    yield {"id": "lora on the head", "scores": adapter_of(room, "head", lora_on_head, task_type=None,
                                                          modules_to_save=None, target_modules=targets + ["score"])}


with tempfile.TemporaryDirectory() as room:
    json.dump({"texts": TEXTS, "configs": list(config_cases(room)), "adapters": list(adapter_cases(room))},
              sys.stdout, indent=1)
    print()
