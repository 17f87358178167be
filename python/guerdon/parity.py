"""Does Guerdon give the ids and scores that Transformers gives, on your own model and texts?

usage: python -m guerdon.parity DIR [--adapter A] [--texts F] [--count N] [--json] [--FLAG VALUE of guerdon score]

Texts are records of F, a file that guerdon score reads, or a table; without it, a few that are built in.  Both tokenize
them, and compute each by itself, in fp32 and in bf16, which is compared with Transformers in float64 on Guerdon's ids.
Conversations become text by each side's own rules.  Needs torch and transformers, and peft for an adapter.

exit status: 0 equal (the same ids, scores within the bounds), 1 not, 2 usage, 3 the model or the texts can't be used
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Iterable, Optional, Sequence

from . import _parity_sides, data
from ._command import flags_of, parse
from ._errors import Error, UsageError
from ._parity_sides import RUNS

BUILT_IN = (
    'Human: Is tea hot?\n\nAssistant: Usually.',
    'Human: Is tea hot?\n\nAssistant: The capital of France is Paris.',
    'A',
    'Zwei Wörter, 中文, ελληνικά, русский, 🙂👍🏽.',
    'def f(x):\n    return x ** 2  # tab\there\n',
    '12345 6,789.01 -3e-7',
    'a  b   c    d\n\n\ne',
    'It\'s what\'s "quoted" (and [bracketed]) & <tagged/>.',
    'word ' * 200,
)
BOUNDS = {'guerdon fp32': 1e-3, 'guerdon bf16': 4.0}  # absolute and relative; times Transformers' own error
FLAGS = {'adapter': 'text', 'texts': 'text', 'count': 'count', 'json': 'switch'}


def first_difference(left: Sequence[int], right: Sequence[int]) -> Optional[int]:
    """Where two lists of ids part, or None."""
    if list(left) == list(right):
        return None
    return next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))


def flips(scores: Sequence[float], reference: Sequence[float]) -> int:
    """How many pairs of texts these scores order otherwise than the reference does."""
    pairs = ((i, j) for i in range(len(scores)) for j in range(i))
    return sum((scores[i] - scores[j]) * (reference[i] - reference[j]) < 0 for i, j in pairs)


def errors(scores: Sequence[float], reference: Sequence[float]) -> dict[str, Any]:
    """How far scores are from the reference."""
    differences = [abs(a - b) for a, b in zip(scores, reference)]
    root = math.sqrt(sum(d * d for d in differences) / len(differences))
    return {
        'largest': max(differences),
        'mean': sum(differences) / len(differences),
        'rms': root,
        'worst': differences.index(max(differences)),
        'flips': flips(scores, reference),
    }


def _nearer(ours: float, theirs: float) -> str:
    return 'equal' if ours == theirs else 'guerdon' if ours < theirs else 'transformers'


def _ids(ours: list[list[int]], theirs: list[list[int]], texts: Sequence[Any]) -> dict[str, Any]:
    parted = []
    for index, (left, right) in enumerate(zip(ours, theirs)):
        at = first_difference(left, right)
        if at is not None:
            parted.append({'text': index, 'at': at, 'guerdon': left[at : at + 5], 'transformers': right[at : at + 5]})
    return {'equal': len(texts) - len(parted), 'parted': parted}


def judge(
    ours: list[list[int]], theirs: list[list[int]], scores: dict[str, list[float]], texts: Sequence[Any]
) -> dict[str, Any]:
    """The result, of ids and of scores by the name of their run; 'reference' are those to compare with."""
    reference = scores['reference']
    runs = {name: errors(scores[name], reference) for name in RUNS}
    scale = max(1.0, max(abs(one) for one in reference))
    fp32 = runs['guerdon fp32']['largest'] <= BOUNDS['guerdon fp32'] * scale
    bf16 = runs['guerdon bf16']['rms'] <= BOUNDS['guerdon bf16'] * max(runs['transformers bf16']['rms'], 1e-6 * scale)
    ids = _ids(ours, theirs, texts)
    finite = all(math.isfinite(one) for run in scores.values() for one in run)
    return {
        'format': 'guerdon-parity/1',
        'texts': len(texts),
        'ids': ids,
        'runs': runs,
        'scores': scores,
        'nearer': {
            kind: _nearer(runs[f'guerdon {kind}']['rms'], runs[f'transformers {kind}']['rms'])
            for kind in ('fp32', 'bf16')
        },
        'within': {'fp32': fp32, 'bf16': bf16},
        'equal': bool(not ids['parted'] and fp32 and bf16 and finite),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f'{result["texts"]} texts; the same ids: {result["ids"]["equal"]}']
    for one in result['ids']['parted'][:10]:
        lines.append(
            f'    text {one["text"]} parts at token {one["at"]}: guerdon {one["guerdon"]}, '
            f'transformers {one["transformers"]}'
        )
    lines += ['', f'{"differences from float64":<26}{"largest":>12}{"mean":>12}{"rms":>12}{"flips":>7}  worst text']
    for name, run in result['runs'].items():
        lines.append(
            f'{name:<26}{run["largest"]:>12.3g}{run["mean"]:>12.3g}{run["rms"]:>12.3g}{run["flips"]:>7}  {run["worst"]}'
        )
    lines += ['', 'nearer to float64: ' + ', '.join(f'{who} in {kind}' for kind, who in result['nearer'].items())]
    beyond = [kind for kind, within in result['within'].items() if not within]
    if beyond:
        lines.append(f'Guerdon\'s scores in {" and ".join(beyond)} differ by more than rounding explains')
    lines.append('equal within the bounds' if result['equal'] else 'NOT equal')
    return '\n'.join(lines)


def _texts(path: Optional[str], count: int) -> list[Any]:
    """The texts to compare: one for each answer of a record."""
    if not path:
        return list(BUILT_IN)
    found: list[Any] = []
    for record in data.records_of(path):
        found += _parts(record)
        if len(found) >= count:
            break
    if not found:
        raise Error(
            f'{path} has no text: expected records with text, messages, chosen and rejected, or responses', 'GD_EFORMAT'
        )
    return found[:count]


def _parts(record: dict[str, Any]) -> Iterable[Any]:
    prompt = record.get('prompt')
    answers = [record[name] for name in ('text', 'messages', 'response', 'chosen', 'rejected') if record.get(name)]
    for answer in answers + list(record.get('responses') or []):
        if isinstance(prompt, list):
            yield prompt + (answer if isinstance(answer, list) else [{'role': 'assistant', 'content': answer}])
        else:
            yield (prompt or '') + answer if isinstance(answer, str) else answer


def compare(path: str, texts: Sequence[Any], adapter: Optional[str] = None, **options: Any) -> dict[str, Any]:
    """The result for these texts, each a text or a conversation."""
    ours, scores = _parity_sides.guerdon(path, adapter, texts, options)
    theirs = _parity_sides.transformers_ids(path, texts)
    scores.update(_parity_sides.transformers(path, adapter, ours))
    return judge(ours, theirs, scores, texts)


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    if not arguments or '--help' in arguments:
        print(__doc__)
        return 0 if arguments else 2
    try:
        given, rest = parse(arguments, {**flags_of('gd_options'), **FLAGS})
        if len(rest) != 1:
            raise UsageError(f'expected one model, {len(rest)} were given')
        as_json, count = given.pop('json', False), given.pop('count', 64)
        result = compare(rest[0], _texts(given.pop('texts', None), count), **given)
    except (Error, OSError, ValueError) as failure:
        print(f'guerdon: {failure}', file=sys.stderr)
        return 2 if getattr(failure, 'status', '') == 'GD_EUSAGE' else 3
    print(json.dumps(result, indent=2) if as_json else table(result))
    return 0 if result['equal'] else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
