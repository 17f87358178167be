"""The two sides of guerdon.parity: ids and scores of Guerdon, and of Transformers."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ._errors import Error
from ._model import Model
from ._tools import tokenize

RUNS = ('guerdon fp32', 'guerdon bf16', 'transformers fp32', 'transformers bf16')


def guerdon(
    path: str, adapter: Optional[str], texts: Sequence[Any], options: Any
) -> tuple[list[list[int]], dict[str, list[float]]]:
    """Ids of each text, and scores in both precisions."""
    keywords = {**options, **({'adapter': adapter} if adapter else {})}
    ids = tokenize(path, texts, keywords)
    scores = {}
    for precision in ('fp32', 'bf16'):
        with Model(path, **{**keywords, 'precision': precision}) as model:
            scores[f'guerdon {precision}'] = [float(score) for score in model.score(ids)]
    return ids, scores


def _packages() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as missing:
        raise Error(
            f'{missing.name} is needed to compare with: pip install torch transformers', 'GD_EUNSUPPORTED'
        ) from missing
    return torch, transformers


def transformers_ids(path: str, texts: Sequence[Any]) -> list[list[int]]:
    """Ids by the checkpoint's tokenizer and chat template."""
    _, library = _packages()
    tokenizer = library.AutoTokenizer.from_pretrained(path)
    if any(not isinstance(text, str) for text in texts) and tokenizer.chat_template is None:
        raise Error(f'{path} has no chat template, which conversations need', 'GD_EUNSUPPORTED')
    return [
        (
            tokenizer(text)['input_ids']
            if isinstance(text, str)
            else tokenizer.apply_chat_template(text, return_dict=False)
        )
        for text in texts
    ]


def _model(path: str, adapter: Optional[str], dtype: Any) -> Any:
    _, library = _packages()
    model, loaded = library.AutoModelForSequenceClassification.from_pretrained(
        path, num_labels=1, dtype=dtype, attn_implementation='eager', output_loading_info=True
    )
    if loaded['missing_keys'] and not adapter:  # an adapter may bring the head
        raise Error(
            f'Transformers finds no {sorted(loaded["missing_keys"])[0]} in {path}, and would take random numbers: it '
            'has no such head for sequence classification',
            'GD_EUNSUPPORTED',
        )
    if adapter:
        try:
            from peft import PeftModel
        except ImportError as missing:
            raise Error('peft is needed for an adapter: pip install peft', 'GD_EUNSUPPORTED') from missing
        model = PeftModel.from_pretrained(model, adapter)
    return model.to(dtype).eval()


def transformers(path: str, adapter: Optional[str], ids: Sequence[Sequence[int]]) -> dict[str, list[float]]:
    """Scores of these ids, one at a time so that nothing is padded, in fp32, in bf16 and in float64, the reference."""
    torch, _ = _packages()
    scores = {}
    for name, dtype in (
        ('transformers fp32', torch.float32),
        ('transformers bf16', torch.bfloat16),
        ('reference', torch.float64),
    ):
        model = _model(path, adapter, dtype)
        with torch.inference_mode():
            scores[name] = [model(input_ids=torch.tensor([list(one)])).logits[0, 0].item() for one in ids]
    return scores
