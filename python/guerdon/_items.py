"""Texts, conversations, token ids and records of Python as the library's items."""
from __future__ import annotations

import json
from typing import Any, Iterable, Iterator, Mapping, Sequence

from ._errors import UsageError, shown
from ._guerdon import ffi, lib

FORMS = 'a text, a conversation, token ids, or a record such as {"prompt": .., "response": ..}'


FIELDS = ('text', 'messages', 'prompt', 'response', 'responses', 'chosen', 'rejected')
BYTES = (bytearray, memoryview)  # sequences of numbers, but no token ids


def is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def listed(values: Any, what: str) -> list[Any]:
    """The values of a list, an array, a column or a generator; refuses what only looks like a list of `what`s."""
    if is_text(values) or isinstance(values, Mapping):
        raise UsageError(f'one {what} was given, {shown(values)}: expected a list of {what}s')
    if hasattr(values, 'columns'):
        raise UsageError(f'a table was given, a {type(values).__name__}: expected a list of {what}s; '
                         'guerdon.data.score and python -m guerdon take tables')
    walks = hasattr(values, '__iter__') or hasattr(values, '__getitem__')
    if not walks or isinstance(values, (set, frozenset, *BYTES)) or getattr(values, 'ndim', 1) == 0:
        raise UsageError(f'{shown(values)} was given: expected a list of {what}s')
    found = list(values)
    if what != 'answer' and found and all(is_turn(one) for one in found):
        raise UsageError(f'one conversation was given, {shown(found)}: expected a list of {what}s')
    return found


def is_turn(value: Any) -> bool:
    """Whether this is a message of a conversation, and not a record."""
    return isinstance(value, Mapping) and {'role', 'content'} <= set(value) and not set(FIELDS) & set(value)


def is_conversation(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(isinstance(one, Mapping) for one in value)


def is_ids(value: Any) -> bool:
    """Whether these are token ids: a list, a tuple or an array of whole numbers."""
    if isinstance(value, (str, bytes, Mapping, *BYTES)):
        return False
    if not hasattr(value, '__len__') or not hasattr(value, '__getitem__'):
        return False
    flat = getattr(value, 'ndim', 1) == 1
    return flat and all(hasattr(one, '__index__') and not isinstance(one, bool) for one in value)


def parts_of(record: Mapping[str, Any]) -> Iterator[Any]:
    """What a record may have as token ids."""
    yield from (record.get(name) for name in ('prompt', 'chosen', 'rejected', 'response'))
    responses = record.get('responses')
    if isinstance(responses, Sequence) and not is_text(responses):
        yield from responses


def has_ids(record: Mapping[str, Any]) -> bool:
    """Whether a part of the record is token ids, which no file has."""
    return any(is_ids(part) and len(part) for part in parts_of(record))


def plain(value: Any) -> Any:
    """What JSON doesn't know: arrays become lists, bytes texts."""
    if hasattr(value, 'tolist'):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return value.decode('utf-8') if isinstance(value, bytes) else str(value)


class Items:
    """Items in the library's form, with room for their results, and the memory that they point to."""

    def __init__(self, values: Iterable[Any], adapter: int = 0, ids_only: bool = False) -> None:
        self.values = listed(values, 'item')
        count = len(self.values)
        self.kept: list[Any] = []
        self.items = ffi.new('gd_item[]', count)
        self.results = ffi.new('gd_item_result[]', count)
        self.all = ffi.new('gd_items *')
        lib.gd_items_init_sized(self.all, ffi.sizeof('gd_items'), ffi.sizeof('gd_item'), ffi.sizeof('gd_item_result'))
        for index, value in enumerate(self.values):
            self._item(self.items[index], value, f'item {index}')
            self.items[index].ids_only, self.items[index].adapter = ids_only, adapter
        self.all.count, self.all.items, self.all.results = count, self.items, self.results

    def _keep(self, value: Any) -> Any:
        self.kept.append(value)
        return value

    def _item(self, item: Any, value: Any, where: str) -> None:
        if is_conversation(value):
            self._record(item, {'messages': value}, where)
        elif isinstance(value, Mapping) and not has_ids(value):
            self._record(item, value, where)
        elif isinstance(value, Mapping):
            self._ids_record(item, value, where)
        elif is_text(value):
            self._text(self._one_part(item).text, value)
        elif is_ids(value):
            self._ids(self._one_part(item), value, where)
        else:
            raise UsageError(f'{where} is {shown(value)}: expected {FORMS}')

    def _record(self, item: Any, record: Mapping[str, Any], where: str) -> None:
        """The library reads a record as it does in a file."""
        item.kind = lib.GD_ITEM_RECORD
        try:
            self._text(item.record, json.dumps(dict(record), default=plain))
        except (TypeError, ValueError, RecursionError) as failure:
            raise UsageError(f'{where} is {shown(record)}, which cannot be written as JSON: {failure}') from None

    def _one_part(self, item: Any) -> Any:
        item.parts = self._keep(ffi.new('gd_part[]', 1))
        item.part_count = 1
        return item.parts[0]

    def _ids_record(self, item: Any, record: Mapping[str, Any], where: str) -> None:
        """A record with token ids, which no file has."""
        kinds = [('GD_ITEM_PAIR', [record.get('chosen'), record.get('rejected')]),
                 ('GD_ITEM_TEXT', [record.get('response')]),
                 ('GD_ITEM_ANSWERS', record.get('responses') or [None])]
        kind, parts = next(((kind, parts) for kind, parts in kinds if all(map(is_ids, parts))), (None, []))
        prompt = record.get('prompt')
        if kind is None or not (prompt is None or is_ids(prompt)):
            raise UsageError(f'{where} is {shown(record)}: where one part of a record is token ids, all of its parts '
                             'are')
        item.kind = getattr(lib, kind)
        item.parts = array = self._keep(ffi.new('gd_part[]', len(parts)))
        item.part_count = len(parts)
        for part, ids in zip(array, parts):
            self._ids(part, ids, where)
        if prompt is not None:
            item.prompt = self._keep(ffi.new('gd_part *'))
            self._ids(item.prompt, prompt, where)

    def _ids(self, part: Any, value: Any, where: str) -> None:
        try:
            part.ids = self._keep(ffi.new('uint32_t[]', [one.__index__() for one in value] or 1))
        except OverflowError:
            what = 'has a token id that is not a number from 0 to 4294967295'
            raise UsageError(f'{where}: {shown(value)} {what}') from None
        part.id_count = len(value)

    def _text(self, text: Any, value: Any) -> None:
        # What is not UTF-8 is an error of its item, which the library finds.
        data = value if isinstance(value, bytes) else value.encode('utf-8', 'surrogatepass')
        text.data = self._keep(ffi.from_buffer('char[]', data))
        text.len = len(data)

    def free(self) -> None:
        lib.gd_items_free_results(self.all)


def pair(value: Any, where: str) -> Mapping[str, Any]:
    """A preference pair: a record, (chosen, rejected) or (prompt, chosen, rejected)."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (tuple, list)) and len(value) in (2, 3):
        names = ('prompt', 'chosen', 'rejected')[3 - len(value):]
        return dict(zip(names, value))
    raise UsageError(f'{where} is {shown(value)}: expected a pair, which is a record with chosen and rejected, or '
                     '(chosen, rejected), or (prompt, chosen, rejected)')


def pairs(values: Any) -> list[Mapping[str, Any]]:
    """Preference pairs as records."""
    return [pair(one, f'item {index}') for index, one in enumerate(listed(values, 'pair'))]


def answers(prompt: Any, responses: Any) -> Mapping[str, Any]:
    """Answers to a prompt as a record."""
    return {'prompt': prompt, 'responses': listed(responses, 'answer')}
