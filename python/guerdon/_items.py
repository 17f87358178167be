"""Texts, conversations, token ids and records of Python as the library's items."""
from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from ._errors import UsageError
from ._guerdon import ffi, lib

NAMES = ('text', 'messages', 'response', 'responses', 'chosen', 'rejected')
FORMS = 'a text, a conversation, token ids, or a record such as {"prompt": .., "response": ..}'


def is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def is_conversation(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(isinstance(one, Mapping) for one in value)


def is_ids(value: Any) -> bool:
    """Whether these are token ids: a list, a tuple or an array of whole numbers."""
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, '__len__') or not hasattr(value, '__getitem__'):
        return False
    return all(hasattr(one, '__index__') and not isinstance(one, bool) for one in value)


class Items:
    """Items in the library's form, with room for their results, and the memory that they point to."""

    def __init__(self, values: Iterable[Any]) -> None:
        if is_text(values) or isinstance(values, Mapping):
            raise UsageError(f'one item was given, {str(values)[:60]!r}: expected a list of items')
        self.values = list(values)
        count = len(self.values)
        self.kept: list[Any] = []
        self.items = ffi.new('gd_item[]', count)
        self.results = ffi.new('gd_item_result[]', count)
        self.all = ffi.new('gd_items *')
        lib.gd_items_init_sized(self.all, ffi.sizeof('gd_items'), ffi.sizeof('gd_item'), ffi.sizeof('gd_item_result'))
        for index, value in enumerate(self.values):
            self._item(self.items[index], value, f'item {index}')
        self.all.count, self.all.items, self.all.results = count, self.items, self.results

    def _keep(self, value: Any) -> Any:
        self.kept.append(value)
        return value

    def _item(self, item: Any, value: Any, where: str) -> None:
        if isinstance(value, Mapping):
            self._record(item, value, where)
        elif is_text(value) or is_conversation(value) or is_ids(value):
            self._parts(item, 'GD_ITEM_TEXT', None, [value], where)
        else:
            raise UsageError(f'{where} is {value!r:.80}: expected {FORMS}')

    def _record(self, item: Any, record: Mapping[str, Any], where: str) -> None:
        given = [name for name in NAMES if record.get(name) is not None]
        prompt = record.get('prompt')
        if given == ['chosen', 'rejected']:
            self._parts(item, 'GD_ITEM_PAIR', prompt, [record['chosen'], record['rejected']], where)
        elif given == ['responses'] and prompt is not None and not is_text(record['responses']):
            self._parts(item, 'GD_ITEM_ANSWERS', prompt, list(record['responses']), where)
        elif given == ['response'] and prompt is not None:
            self._parts(item, 'GD_ITEM_TEXT', prompt, [record['response']], where)
        elif given in (['text'], ['messages']) and prompt is None:
            self._parts(item, 'GD_ITEM_TEXT', None, [record[given[0]]], where)
        else:
            raise UsageError(f'{where} has the fields {", ".join(map(str, record)) or "(none)"}: expected text, or messages, or '
                             'prompt and response, or chosen and rejected, or prompt and responses')

    def _parts(self, item: Any, kind: str, prompt: Any, parts: list[Any], where: str) -> None:
        item.kind = getattr(lib, kind)
        item.parts = array = self._keep(ffi.new('gd_part[]', len(parts)))
        item.part_count = len(parts)
        for index, part in enumerate(parts):
            self._part(array[index], part, where)
        if prompt is not None:
            item.prompt = self._keep(ffi.new('gd_part *'))
            self._part(item.prompt, prompt, where)

    def _part(self, part: Any, value: Any, where: str) -> None:
        if is_text(value):
            self._text(part.text, value)
        elif is_conversation(value):
            part.messages = messages = self._keep(ffi.new('gd_message[]', len(value)))
            part.message_count = len(value)
            for message, said in zip(messages, value):
                self._message(message, said, where)
        elif is_ids(value):
            part.ids, part.id_count = self._ids(value, where), len(value)
        else:
            raise UsageError(f'{where}: {value!r:.80} is no text, conversation or list of token ids')

    def _message(self, message: Any, said: Mapping[str, Any], where: str) -> None:
        role, content = said.get('role'), said.get('content')
        if not is_text(role) or not is_text(content):
            raise UsageError(f'{where}: a message is {said!r:.80}: expected a role and a content, which are texts')
        self._text(message.role, role)
        self._text(message.content, content)

    def _text(self, text: Any, value: Any) -> None:
        # What is no UTF-8 is an error of its item, which the library finds.
        data = value if isinstance(value, bytes) else value.encode('utf-8', 'surrogatepass')
        text.data = self._keep(ffi.from_buffer('char[]', data))
        text.len = len(data)

    def _ids(self, value: Any, where: str) -> Any:
        try:
            return self._keep(ffi.new('uint32_t[]', [one.__index__() for one in value]))
        except OverflowError:
            raise UsageError(f'{where}: {value!r:.80} has a token id that is no number from 0 to 4294967295') from None

    def free(self) -> None:
        lib.gd_items_free_results(self.all)


def pair(value: Any) -> Mapping[str, Any]:
    """A preference pair: a record, (chosen, rejected) or (prompt, chosen, rejected)."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (tuple, list)) and len(value) in (2, 3):
        names = ('prompt', 'chosen', 'rejected')[3 - len(value):]
        return dict(zip(names, value))
    raise UsageError(f'{value!r:.80} is no pair: expected a record with chosen and rejected, or (prompt, chosen, rejected)')



def answers(prompt: Any, responses: Any) -> Mapping[str, Any]:
    """Answers to a prompt as a record."""
    if is_text(responses):
        raise UsageError(f'responses is one text, {str(responses)[:60]!r}: expected a list of answers')
    return {'prompt': prompt, 'responses': list(responses)}
