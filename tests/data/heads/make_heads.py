"""Make small heads of published reward models, with the scores that their formulas give in float64.
usage: make_heads.py GOLDEN OUT
GOLDEN is tests/data/golden: its llama is what all of them read.  Each head's tensors go to OUT/NAME.safetensors, in the
types in which such checkpoints have them; fields of config.json and the scores to OUT/heads.jsonl.
Made with transformers 5.3.0, torch, safetensors and numpy.  The formulas are written anew from these sources:
grm           allenai/reward-bench, rewardbench/models/grm.py: ValueHead
beaver        PKU-Alignment/safe-rlhf, models/score_model and models/normalizer.py (as in reward-bench, beaver.py)
urm           sgl-project/sglang, srt/models/llama_reward.py: LlamaForSequenceClassificationWithNormal_Weights
armorm, qrm   allenai/reward-bench, rewardbench/models/{armorm,qrm}.py; the gate reads the same token as the objectives
qrm_gemma     the same, by the names in the index of QRM-Gemma-2-27B's tensors, which has dropout and no transform
positive, mlp_positive   Transformers, modeling_layers.py: GenericForTokenClassification; vllm, qwen2_rm.py"""
import json, sys
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, leaky_relu, relu, selu, softmax
from transformers import LlamaModel

golden, out = sys.argv[1:3]
HIDDEN, TEXTS = 96, 10
BF16, F16, F32 = torch.bfloat16, torch.float16, torch.float32


def read_trunk():
    """The last norm's output at each text's last token that isn't pad."""
    model = LlamaModel.from_pretrained(f"{golden}/llama", dtype=F32).eval()
    rotary = type(model.rotary_emb)(model.config)
    model = model.double()
    model.rotary_emb.inv_freq = rotary.inv_freq
    lines = [json.loads(line) for line in open(f"{golden}/llama/expected.jsonl")][:TEXTS]
    with torch.no_grad():
        states = [model(torch.tensor([line["ids"]])).last_hidden_state[0, -1] for line in lines]
    own = load_file(f"{golden}/llama/model.safetensors")["score.weight"].double()
    for line, state in zip(lines, states):
        assert abs(float(own[0] @ state) - line["score_f64"]) < 1e-6  # Transformers takes softmax in float32
    return torch.stack(states)


def matrix(rows, cols, dtype=BF16):
    return (torch.randn(rows, cols) * 1.5 / cols**0.5).to(dtype)


def vector(size, dtype=BF16, mean=0.0):
    return (mean + 0.3 * torch.randn(size)).to(dtype)


def linear(t, x, name, bias=True):
    y = x @ t[name + ".weight"].double().T
    return y + t[name + ".bias"].double() if bias else y


def grm(x):
    t = {"v_head.summary.0.weight": matrix(40, HIDDEN), "v_head.summary.0.bias": vector(40),
         "v_head.summary.2.weight": matrix(1, 40), "v_head.summary.2.bias": vector(1)}
    return {"vhead_num_neurons": 40}, t, linear(t, relu(linear(t, x, "v_head.summary.0")), "v_head.summary.2")


def beaver(x):
    t = {"score_head.weight": matrix(1, HIDDEN), "normalizer.mean": vector(1, F32, -3), "normalizer.var": vector(1, F32, 5)}
    score = (linear(t, x, "score_head", False) - t["normalizer.mean"].double()) / (t["normalizer.var"].double().sqrt() + 1e-8)
    return {"architectures": ["LlamaForScore"], "score_type": "reward", "bias": False, "do_normalize": True}, t, score


def beaver_cost(x):
    t = {"score_head.weight": matrix(1, HIDDEN), "score_head.bias": vector(1), "normalizer.mean": vector(1, F32, -3),
         "normalizer.var": vector(1, F32, 5)}
    score = linear(t, x, "score_head") / (t["normalizer.var"].double().sqrt() + 1e-8)
    return {"architectures": ["LlamaForScore"], "score_type": "cost", "bias": True, "do_normalize": True}, t, score


def beaver_plain(x):
    t = {"score_head.weight": matrix(1, HIDDEN), "score_head.bias": vector(1)}
    return {"architectures": ["LlamaForScore"], "bias": True, "do_normalize": False}, t, linear(t, x, "score_head")


def urm(x):
    t = {"score.weight": matrix(10, HIDDEN)}
    for i, rows in ((0, HIDDEN), (2, HIDDEN), (4, 5)):
        t[f"weights.fc.{i}.weight"], t[f"weights.fc.{i}.bias"] = matrix(rows, HIDDEN, F16), vector(rows, F16)
    weights = linear(t, selu(linear(t, selu(linear(t, x, "weights.fc.0")), "weights.fc.2")), "weights.fc.4")
    score = (linear(t, x, "score", False)[:, ::2] * weights).sum(-1, keepdim=True)
    return {"architectures": ["LlamaForSequenceClassificationWithNormal_Weights"], "num_labels": 10,
            "auto_map": {"AutoModel": "urm.Model"}, "id2label": None, "label2id": None}, t, score


def gated(t, x, rewards, gate, temperature):
    transformed = rewards @ t["reward_transform_matrix"].double()
    weights = softmax(gate / temperature, dim=1) * t["gating.logit_scale"].double()[0]
    return (weights * transformed).sum(1, keepdim=True)


def armorm(x):
    n, t = 7, {"regression_layer.weight": matrix(7, HIDDEN), "reward_transform_matrix": matrix(7, 7),
               "gating.logit_scale": torch.tensor([1.25])}
    for i, cols in ((0, HIDDEN), (2, 24), (4, 24)):
        t[f"gating.layers.{i}.weight"], t[f"gating.layers.{i}.bias"] = matrix(24, cols), vector(24)
    t["gating.layers.6.weight"], t["gating.layers.6.bias"] = matrix(n, 24), vector(n)
    gate = x
    for i in (0, 2, 4):
        gate = relu(linear(t, gate, f"gating.layers.{i}"))
    score = gated(t, x, linear(t, x, "regression_layer", False), linear(t, gate, "gating.layers.6"), 10)
    return {"num_objectives": n, "gating_hidden_dim": 24, "gating_temperature": 10}, t, score


def normalised(t, x, norm):
    """BatchNorm as it is after training."""
    t[norm + "weight"], t[norm + "bias"] = vector(24, F32, 1), vector(24, F32)
    t[norm + "running_mean"], t[norm + "running_var"] = vector(24, F32, 0.4), vector(24, F32).abs() + 0.1
    mean, var, w, b = (t[norm + k].double() for k in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / (var + 1e-5).sqrt() * w + b


def qrm(x):
    n, quantiles = 7, 5
    t = {"regression_layer.weight": matrix(n * quantiles, HIDDEN), "reward_transform_matrix": matrix(n, n),
         "gating.logit_scale": torch.tensor([0.75])}
    gate, cols = x, HIDDEN
    for i in (0, 3, 6):
        t[f"gating.layers.{i}.weight"] = matrix(24, cols)
        gate, cols = normalised(t, relu(linear(t, gate, f"gating.layers.{i}", False)), f"gating.layers.{i + 2}."), 24
    t["gating.layers.9.weight"], t["gating.layers.9.bias"] = matrix(n, 24), vector(n)
    rewards = linear(t, x, "regression_layer", False).reshape(-1, n, quantiles).mean(dim=2)
    score = gated(t, x, rewards, linear(t, gate, "gating.layers.9"), 2)
    return {"num_objectives": n, "num_quantiles": quantiles, "gating_hidden_dim": 24, "gating_temperature": 2}, t, score


def qrm_gemma(x):
    n, quantiles = 7, 5
    t = {"regression_layer.weight": matrix(n * quantiles, HIDDEN), "gating.logit_scale": torch.tensor([1.25])}
    gate, cols = x, HIDDEN
    for i in (0, 4, 8):
        t[f"gating.layers.{i}.weight"] = matrix(24, cols)
        gate, cols = normalised(t, relu(linear(t, gate, f"gating.layers.{i}", False)), f"gating.layers.{i + 2}."), 24
    t["gating.layers.11.weight"], t["gating.layers.11.bias"] = matrix(n, 24), vector(n)
    rewards = linear(t, x, "regression_layer", False).reshape(-1, n, quantiles).mean(dim=2)
    gates = softmax(linear(t, gate, "gating.layers.11") / 2, dim=1) * t["gating.logit_scale"].double()
    score = (rewards * gates).sum(dim=1, keepdim=True)
    return {"num_objectives": n, "num_quantiles": quantiles, "gating_hidden_dim": 24, "gating_temperature": 2}, t, score


def positive(x):
    t = {"score.weight": matrix(2, HIDDEN), "score.bias": vector(2)}
    return {"architectures": ["LlamaForCausalLM"]}, t, softmax(linear(t, x, "score"), dim=1)[:, 1:]


def mlp_positive(x):
    t = {"score.0.weight": matrix(HIDDEN, HIDDEN), "score.0.bias": vector(HIDDEN), "score.2.weight": matrix(2, HIDDEN),
         "score.2.bias": vector(2)}
    return {}, t, softmax(linear(t, relu(linear(t, x, "score.0")), "score.2"), dim=1)[:, 1:]


def every_activation(x):
    """No published head: all other activations, one after the other, and rows of a vector."""
    t = {"first.weight": matrix(20, HIDDEN), "bias": vector(21, F32), "last.weight": matrix(1, 20)}
    y = x @ t["first.weight"].double().T + (t["bias"].double()[1:] - t["bias"].double()[0])
    y = leaky_relu(gelu(y) * 3, 0.25) + gelu(y, approximate="tanh")
    y = torch.tanh(y) * torch.sigmoid(y) + y / (1 + torch.exp(-y))
    return {}, t, linear(t, y, "last", False)


torch.manual_seed(20261130)
state = read_trunk()
with open(f"{out}/heads.jsonl", "w") as file:
    for head in (grm, beaver, beaver_cost, beaver_plain, urm, armorm, qrm, positive, mlp_positive, every_activation,
                 qrm_gemma):
        config, tensors, scores = head(state)
        save_file(tensors, f"{out}/{head.__name__}.safetensors")
        print(json.dumps({"name": head.__name__, "config": config, "scores": scores[:, 0].tolist()}), file=file)
