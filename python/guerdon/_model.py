"""A reward model in this process."""
from __future__ import annotations

import contextlib
import os
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from . import _files, _items, _results
from ._arrays import floats
from ._call import Call, text_of
from ._errors import UsageError
from ._guerdon import ffi, lib
from ._options import Options, path_of
from ._results import Item, Pairs, Ranking

if TYPE_CHECKING:
    from ._types import EvalOptions, ModelOptions, Path, TrainOptions, Unpack

Report = Optional[Callable[[Any], Any]]


class Note(UserWarning):
    """Something that matters to scores although nothing failed."""


def _close(handle: Any, process: int) -> None:
    """A model's threads don't follow a fork: in a child, it is left as it is."""
    if os.getpid() == process:
        lib.gd_model_close(handle)


def _notes(handle: Any) -> list[str]:
    notes: list[str] = []
    while (note := text_of(lib.gd_model_note(handle, len(notes)))) is not None:
        notes.append(note)
    return notes


class Model:
    """A reward model with its tokenizer, ready to score.

    `path` is a checkpoint directory, or `org/name` in the local Hugging Face cache.  Keywords are the program's flags
    (`guerdon score --help`), with _ for -: adapter, precision, threads, memory, truncate, max_length and so on.

    `adapters` are further adapters over the same checkpoint, by their names: Model.adapter(name) scores with one of
    them.  Without `adapter`, the first of them is also what the model itself scores with.

    Threads may share a model; their calls wait for each other.  After a fork, the child opens its own.
    """

    _adapter = 0  # the number by which the library knows it

    def __init__(self, path: 'str | os.PathLike[str]', *, adapters: 'Optional[Mapping[str, Path]]' = None,
                 **options: 'Unpack[ModelOptions]') -> None:
        self._lock = threading.Lock()
        self._user: Optional[int] = None
        self._process = os.getpid()
        self.path = path_of(path)
        self._keywords = dict(options)
        more = self._name_adapters(adapters)
        how = Options('gd_options', self._keywords, {'model': path, **({'more_adapters': more} if more else {})})
        call, out = Call(), ffi.new('gd_model **')
        call.check(lib.gd_model_open(out, how.struct, call.error))
        self._handle = out[0]
        self._finalizer = weakref.finalize(self, _close, self._handle, self._process)
        self.notes = _notes(self._handle)
        for note in self.notes:
            warnings.warn(note, Note, stacklevel=2)

    def _name_adapters(self, adapters: 'Optional[Mapping[str, Path]]') -> 'list[Path]':
        """Numbers them; returns those after the model's own."""
        if not isinstance(adapters or {}, Mapping):
            raise UsageError(f'adapters={adapters!r:.80}: expected names and directories, such as {{"harmless": "DIR"}}')
        named = dict(adapters or {})
        first = 0 if self._keywords.get('adapter') is None and named else 1
        self._numbers = {name: first + i for i, name in enumerate(named)}
        if named and not first:
            self._keywords['adapter'] = next(iter(named.values()))
        return list(named.values())[1 - first:]

    def adapter(self, name: str) -> 'Adapted':
        """The model with one of its adapters: the same methods, the same weights, the scores of that adapter alone."""
        if name not in self._numbers:
            raise UsageError(f'there is no adapter {name!r}: expected {", ".join(map(repr, self._numbers)) or "none"}')
        return Adapted(self, name, self._numbers[name])

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        """The handle, for one call at a time."""
        if os.getpid() != self._process:
            raise UsageError(f'{self.path} was opened by process {self._process}, and does not follow a fork to '
                             f'process {os.getpid()}: open it there')
        if self._user == threading.get_ident():
            raise UsageError('a progress function cannot use the model whose call it watches')
        with self._lock:
            if self._handle is None:
                raise UsageError(f'{self.path} is closed')
            self._user = threading.get_ident()
            try:
                yield self._handle
            finally:
                self._user = None

    def close(self) -> None:
        """Frees the model, when the calls that use it have ended.  Closing twice is fine."""
        if os.getpid() != self._process:
            return
        if self._user == threading.get_ident():
            raise UsageError('a progress function cannot close the model whose call it watches')
        with self._lock:
            self._handle = None
            self._finalizer()

    @property
    def closed(self) -> bool:
        return self._handle is None

    def __enter__(self) -> 'Model':
        if self.closed:
            raise UsageError(f'{self.path} is closed')
        return self

    def __reduce_ex__(self, _: Any) -> Any:
        raise UsageError(f'{self.path} is open, and can be neither copied nor sent to another process: open it there, '
                         'by its path')

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'<guerdon.Model {self.path!r}{", closed" if self.closed else ""}>'

    def items(self, values: Iterable[Any], *, progress: Report = None) -> list[Item]:
        """Scores items: texts, conversations, token ids or records, with a result or an error for each."""
        return self._run(_items.Items(values, self._adapter), progress)

    def _run(self, items: _items.Items, progress: Report) -> list[Item]:
        call = Call(progress)
        try:
            with self._use() as handle:
                status = lib.gd_score_items(handle, items.all, call.progress(), ffi.NULL, call.error)
                results = [_results.read(i, one) for i, one in enumerate(items.results)]
        finally:
            items.free()
        failure = None if status == lib.GD_EITEM and call.raised is None else call.failed(status)
        if failure is not None:
            if hasattr(failure, 'results'):
                failure.results = results
            raise failure
        return results

    def _whole(self, values: Iterable[Any], progress: Report) -> list[Item]:
        return _results.whole(self.items(values, progress=progress))

    def score(self, texts: Iterable[Any], *, progress: Report = None) -> Any:
        """The scores of texts, conversations, lists of token ids or records with one answer: an array of float32.

        The first that can't be scored raises its error.  With truncate="drop", a text that is too long gets NaN.
        """
        return floats(_results.single(self._whole(texts, progress)))

    def score_pairs(self, pairs: Iterable[Any], *, progress: Report = None) -> Pairs:
        """The scores of preference pairs: records with chosen and rejected, (chosen, rejected) or (prompt, chosen,
        rejected)."""
        return _results.pairs(self._whole(_items.pairs(pairs), progress))

    def rank(self, prompt: Any, responses: Sequence[Any], *, progress: Report = None) -> Ranking:
        """Ranks answers to a prompt, which is computed once."""
        return _results.ranking(self._whole([_items.answers(prompt, responses)], progress)[0])

    def tokenize(self, texts: Iterable[Any]) -> list[list[int]]:
        """The token ids of texts, conversations, or records with one text, as they would be scored."""
        items = self._run(_items.Items(texts, self._adapter, ids_only=True), None)
        return list(_results.single_ids(_results.whole(items)))

    def pieces(self, texts: Iterable[Any]) -> list[list[str]]:
        """The same as tokens of the vocabulary, in which a space is often written U+0120 or U+2581."""
        ids, call, token = self.tokenize(texts), Call(), ffi.new('gd_text *')
        known: dict[int, str] = {}
        with self._use() as handle:
            for one in {one for of_text in ids for one in of_text}:
                call.check(lib.gd_model_token(handle, self._adapter, one, token, ffi.NULL, call.error))
                known[one] = bytes(ffi.buffer(token.data, token.len)).decode('utf-8')
        return [[known[one] for one in of_text] for of_text in ids]

    def inspect(self) -> dict[str, Any]:
        """What was understood of the model: sizes, head, rules, memory, warnings."""
        call, text = Call(), ffi.new('char **')
        with self._use() as handle:
            status = lib.gd_model_inspect(handle, text, call.error)
        return call.json(status, text)

    def eval(self, input: _files.Input, *, progress: Report = None, **options: 'Unpack[EvalOptions]') -> dict[str, Any]:
        """Evaluates the model on preferences, a file or records: the result of `guerdon eval --json`.

        Records that can't be judged are left out, with a warning.
        """
        call, text = Call(progress), ffi.new('char **')
        with _files.as_path(input) as path, self._use() as handle:
            how = Options('gd_eval_options', options, {'input': path})
            status = lib.gd_eval(handle, how.struct, call.progress(), ffi.NULL, text, call.error)
        result = call.json(status, text, accept=(lib.GD_EITEM,))
        if status == lib.GD_EITEM:
            warnings.warn(text_of(call.error.text) or '', Note, stacklevel=2)
        return result

    def train(self, train: _files.Input, output: 'str | os.PathLike[str]', *, progress: Report = None,
              **options: 'Unpack[TrainOptions]') -> dict[str, Any]:
        """Trains an adapter, or with full=True all weights, on preferences: a file or records.

        The model is opened anew for that, with the keywords of this one but adapter and max_length.  `progress` gets a
        guerdon.Training after each step; Ctrl-C stops after a checkpoint, and the same call continues from there.
        """
        from ._tools import train as start

        if self._keywords.get('adapter') is not None:
            raise UsageError('this model was opened with an adapter: to continue its training, open the model without '
                             'it, and give init_adapter')
        kept = {name: value for name, value in self._keywords.items() if name not in ('adapter', 'max_length')}
        return start(self.path, train, output, progress=progress, model=kept, **options)


class Adapted(Model):
    """A model with one of its adapters, from Model.adapter().  It is open as long as the model is."""

    def __init__(self, model: Model, name: str, number: int) -> None:
        self._model, self._name, self._adapter = model, name, number
        self._numbers = model._numbers
        self.path, self.notes = model.path, model.notes

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        with self._model._use() as handle:
            yield handle

    def close(self) -> None:
        """Does nothing: the model stays open for its other adapters."""

    @property
    def closed(self) -> bool:
        return self._model.closed

    def __repr__(self) -> str:
        return f'{self._model!r}.adapter({self._name!r})'

    def eval(self, input: _files.Input, *, progress: Report = None, **options: 'Unpack[EvalOptions]') -> dict[str, Any]:
        """Evaluates the adapter on preferences, a file of JSON lines or records."""
        from ._tools import eval_items

        return eval_items(self, input, progress, options)

    def train(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Raises UsageError: a model that is open without adapters can train."""
        raise UsageError(f'this is the adapter {self._name!r} of {self.path}: to continue its training, open the model '
                         'without adapters, and give init_adapter')
