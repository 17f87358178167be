"""A reward model that `guerdon serve` has, by its own route /v1/reward; needs nothing but the standard library."""
from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from array import array
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from . import _files, _items, _results
from ._arrays import floats
from ._call import Progress
from ._errors import BusyError, ServerError, UsageError, shown
from ._results import Item, Pairs, Ranking

if TYPE_CHECKING:
    from ._types import EvalOptions, Unpack

Report = Optional[Callable[[Any], Any]]
LOOPBACK = ('localhost', '127.0.0.1', '::1')
LONGEST_WAIT = 30.0


def _record(value: Any, index: int) -> Any:
    """An item as the server reads it."""
    if _items.is_text(value):
        return {'text': value if isinstance(value, str) else value.decode('utf-8')}
    if isinstance(value, Mapping) and _items.has_ids(value):
        raise UsageError(f'item {index} is {shown(value)}: a server takes token ids alone, and not in a record')
    if isinstance(value, Mapping):
        return dict(value)
    if _items.is_conversation(value):
        return {'messages': [dict(one) for one in value]}
    if _items.is_ids(value):
        return {'ids': [int(one) for one in value]}
    raise UsageError(f'item {index} is {shown(value)}: expected {_items.FORMS}')


def _float32(values: Iterable[float]) -> list[float]:
    """Numbers of JSON, of nine digits, as the float32 that they stand for."""
    return array('f', values).tolist()


def _item(index: int, answer: Mapping[str, Any]) -> Item:
    """An element of the answer as an Item."""
    if 'error' in answer:
        return Item(index, answer.get('status', 'GD_EITEM'), str(answer['error']), [], [])
    if 'chosen' in answer:
        scores = _float32([answer['chosen'], answer['rejected']])
    else:
        scores = _float32(answer['scores'] if 'scores' in answer else [answer['score']] if 'score' in answer else [])
    tokens, steps, labels = answer.get('tokens', []), answer.get('steps'), answer.get('labels')
    if steps is not None:
        steps = [_float32(one) for one in (steps if not steps or isinstance(steps[0], list) else [steps])]
    if labels is not None:
        labels = [dict(zip(one, _float32(one.values()))) for one in (labels if isinstance(labels, list) else [labels])]
    return Item(index, 'GD_OK', None, scores, tokens if isinstance(tokens, list) else [tokens],
                bool(answer.get('truncated')), bool(answer.get('dropped')), steps, labels)


def _sentence(body: bytes) -> str:
    """What the server says is wrong."""
    try:
        said = json.loads(body)['error']
        return str(said['message'] if isinstance(said, dict) else said)
    except (ValueError, KeyError, TypeError):
        return body.decode('utf-8', 'replace').strip()[:300]


def _host(url: Any) -> str:
    """The host of a server's URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in ('http', 'https') and parts.hostname and parts.port != 0:
            return str(parts.hostname)
    except (AttributeError, TypeError, ValueError):
        pass
    raise UsageError(f'url={url!r}: expected a server such as "http://127.0.0.1:8080"')


def _wait(headers: Any) -> float:
    try:
        return min(max(float(headers.get('Retry-After')), 0.05), LONGEST_WAIT)
    except (TypeError, ValueError):
        return 1.0


class Client:
    """A server's reward model, with the methods of Model but train.

    url: such as "http://127.0.0.1:8080"; key: the server's key, if it has one; timeout: seconds that one request may
    take; patience: seconds for which a server that has too much to do is asked again; batch: items in a request;
    truncate, max_length, adapter: for each request, as the server allows.
    """

    def __init__(self, url: str, *, key: Optional[str] = None, timeout: float = 600, patience: float = 600,
                 batch: int = 512, truncate: Optional[str] = None, max_length: Optional[int] = None,
                 adapter: Optional[str] = None) -> None:
        host = _host(url)
        if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
            raise UsageError(f'batch={batch!r}: expected a whole number, at least 1')
        for name, seconds in (('timeout', timeout), ('patience', patience)):
            if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds >= 0:
                raise UsageError(f'{name}={seconds!r}: expected a number of seconds')
        self.url = url.rstrip('/')
        self.timeout, self.patience, self.batch = timeout, patience, batch
        self._headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        if key is not None:
            self._headers['Authorization'] = f'Bearer {key}'
        given = {'truncate': truncate, 'max_length': max_length, 'adapter': adapter}
        self._how = {name: value for name, value in given.items() if value is not None}
        direct = [urllib.request.ProxyHandler({})] if host in LOOPBACK else []
        self._opener = urllib.request.build_opener(*direct)

    def close(self) -> None:
        """Does nothing: no connection is kept."""

    def __enter__(self) -> 'Client':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'<guerdon.Client {self.url!r}>'

    def _ask(self, path: str, body: Any = None) -> Any:
        """The answer to a request; a server that is busy is asked again when it says."""
        data = None if body is None else json.dumps(body, default=_items.plain).encode()
        until = time.monotonic() + self.patience
        while True:
            request = urllib.request.Request(self.url + path, data, self._headers)
            try:
                with self._opener.open(request, timeout=self.timeout) as answer:
                    return self._read(path, answer.read())
            except urllib.error.HTTPError as failure:
                with failure:
                    said, wait = _sentence(failure.read()), _wait(failure.headers)
                if failure.code not in (429, 503):
                    raise ServerError(f'{self.url}{path}: {failure.code}: {said}', http_status=failure.code) from None
                if time.monotonic() + wait > until:
                    said = f'{failure.code} for {self.patience:g} s: {said}'
                    raise BusyError(f'{self.url}{path}: {said}', 'GD_EBUSY') from None
            except OSError as failure:
                why = getattr(failure, 'reason', failure)
                raise ServerError(f'{self.url}{path}: {why}') from failure
            time.sleep(wait)

    def _read(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as failure:
            raise ServerError(f'{self.url}{path}: the answer is not JSON: {failure}') from None

    def _batches(self, records: list[Any]) -> Iterator[list[Any]]:
        for at in range(0, len(records), self.batch):
            yield records[at:at + self.batch]

    def items(self, values: Iterable[Any], *, progress: Report = None) -> list[Item]:
        """Scores items: texts, conversations, token ids or records, with a result or an error for each."""
        records = [_record(value, index) for index, value in enumerate(_items.listed(values, 'item'))]
        results: list[Item] = []
        for batch in self._batches(records):
            answers = self._results(batch)
            results += [_item(len(results) + i, one) for i, one in enumerate(answers)]
            if progress is not None:
                progress(Progress(len(results), 0, 0, sum(sum(item.tokens) for item in results)))
        return results

    def _results(self, batch: list[Any]) -> list[Any]:
        answer = self._ask('/v1/reward', {'items': batch, **self._how})
        results = answer.get('results') if isinstance(answer, dict) else None
        if not isinstance(results, list) or len(results) != len(batch):
            elements = f'{len(batch)} element{"s" * (len(batch) != 1)}'
            raise ServerError(f'{self.url}/v1/reward: the answer has no "results" with {elements}')
        return results

    def _whole(self, values: Iterable[Any], progress: Report) -> list[Item]:
        return _results.whole(self.items(values, progress=progress))

    def score(self, texts: Iterable[Any], *, progress: Report = None) -> Any:
        """The scores of texts, conversations, lists of token ids or records with one answer: an array of float32."""
        return floats(_results.single(self._whole(texts, progress)))

    def score_pairs(self, pairs: Iterable[Any], *, progress: Report = None) -> Pairs:
        """The scores of preference pairs, as Model.score_pairs()."""
        return _results.pairs(self._whole(_items.pairs(pairs), progress))

    def rank(self, prompt: Any, responses: Sequence[Any], *, progress: Report = None) -> Ranking:
        """Ranks answers to a prompt."""
        return _results.ranking(self._whole([_items.answers(prompt, responses)], progress)[0])

    def tokenize(self, texts: Iterable[Any]) -> list[list[int]]:
        """The token ids of texts."""
        return [answer['tokens'] for answer in self._tokenized(texts)]

    def pieces(self, texts: Iterable[Any]) -> list[list[str]]:
        """The same as tokens of the vocabulary, as Model.pieces()."""
        return [answer['token_strs'] for answer in self._tokenized(texts, return_token_strs=True)]

    def _tokenized(self, texts: Iterable[Any], **how: Any) -> list[dict[str, Any]]:
        if 'adapter' in self._how:
            how['model'] = self._how['adapter']
        return [self._ask('/tokenize', {'prompt': text, **how}) for text in _items.listed(texts, 'text')]

    def inspect(self) -> dict[str, Any]:
        """What the server says of its model."""
        return dict(self._ask('/info'))

    def eval(self, input: _files.Input, *, progress: Report = None, **options: 'Unpack[EvalOptions]') -> dict[str, Any]:
        """Evaluates the model on preferences, a file of JSON lines or records: the server scores, and the figures are
        made here."""
        from ._tools import eval_items

        return eval_items(self, input, progress, options)

