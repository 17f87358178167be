"""The keywords of calls, for type checkers; at run time, the library's own structs are asked."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, Sequence, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import Unpack as Unpack

Path = Union[str, 'os.PathLike[str]']
Format = Literal['auto', 'jsonl', 'json', 'csv', 'tsv', 'text']


class ModelOptions(TypedDict, total=False):
    """The members of gd_options, with the names of the program's flags."""

    adapter: Union[Path, None]
    precision: Literal['bf16', 'fp32']
    numerics: Literal['exact', 'tensor', 'tensor8', 'fast']
    backend: Literal['auto', 'cpu', 'cuda', 'openblas', 'onednn']
    isa: Literal['auto', 'generic', 'avx2', 'avx512', 'avx512bf16', 'neon']
    graph: Path
    threads: int
    memory: Union[int, str]
    batch_tokens: int
    share_prefix: bool
    max_length: int
    truncate: Literal['error', 'left', 'right', 'drop', 'oldest-turns']
    add_eos: Literal['never', 'auto', 'always']
    chat_format: Path
    normalize: Path
    activation: Literal['none', 'sigmoid']
    dry_run: bool
    turns: Literal['auto', 'on', 'off']
    head: Path


class EvalOptions(TypedDict, total=False):
    """The members of gd_eval_options."""

    format: Format
    calibrate: bool
    fields: str
    by: str
    weights: Path
    scores: Path
    keep: str
    from_scores: Path
    skip_unscored: bool


class TrainOptions(TypedDict, total=False):
    """The members of gd_train_options."""

    format: Format
    fields: str
    evals: Union[Path, Sequence[Path]]
    resume: Path
    lora_r: int
    lora_alpha: float
    lora_targets: str
    init_adapter: Path
    learning_rate: float
    schedule: Literal['cosine', 'linear', 'constant']
    warmup_steps: float
    epochs: float
    max_steps: int
    batch_size: int
    grad_accum: int
    weight_decay: float
    clip: float
    center_rewards: float
    margin_field: str
    seed: float
    eval_every: int
    save_every: int
    keep: int
    best: str
    patience: int
    by: str
    checkpoint_layers: Literal['auto', 'on', 'off']
    compat: Literal['trl']
    full: bool
