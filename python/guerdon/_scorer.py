"""What the hooks of other frameworks score with: a model or a server, opened where it is used."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from typing import Any, Iterable, Mapping, Optional, Sequence

from ._errors import UsageError

ERRORS = ('raise', 'none')
Request = tuple[list[Any], 'asyncio.Future[Any]']


def plain(value: Any) -> Any:
    """Plain Python for what frameworks hold conversations in: arrays, pydantic's models, mappings.  A member that is
    None counts as absent: tables and models have every member in every row."""
    if hasattr(value, 'model_dump'):
        return plain(value.model_dump(exclude_none=True))
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items() if one is not None}
    if hasattr(value, 'tolist') and not isinstance(value, (str, bytes)):
        return plain(value.tolist())
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def answer(prompt: Any, completion: Any) -> Optional[dict[str, Any]]:
    """The item for a prompt and what was generated after it, each a text or a list of messages; None for no answer."""
    if completion is None:
        return None
    prompt, completion = plain(prompt), plain(completion)
    if isinstance(prompt, list) and isinstance(completion, list):
        return {'messages': prompt + completion}
    if isinstance(prompt, list):
        return {'prompt': prompt, 'response': completion}
    if not isinstance(prompt, str) or not isinstance(completion, str):
        raise UsageError(
            f'the prompt {prompt!r:.60} has the answer {completion!r:.60}: expected two texts, or two lists of '
            'messages'
        )
    return {'prompt': prompt, 'response': completion}


class Scorer:
    """A model, by its path or open, or the url of a server.  It is opened at the first use in a process, so that it can
    be sent to others before.  Keywords are those of guerdon.Model or guerdon.Client."""

    def __init__(self, model: Any = None, url: Optional[str] = None, errors: str = 'raise', **options: Any) -> None:
        if (model is None) == (url is None):
            raise UsageError('give either model, a path or an open Model, or url, that of a server')
        if errors not in ERRORS:
            raise UsageError(f'errors={errors!r}: expected {", ".join(ERRORS)}')
        if options and hasattr(model, 'items'):
            raise UsageError(f'the model is open already, without {", ".join(options)}')
        self.model, self.url, self.errors, self.options = model, url, errors, options
        self._open: Any = None
        self._process = 0

    @property
    def name(self) -> str:
        """A short name for reports."""
        return os.path.basename(os.path.normpath(getattr(self.model, 'path', self.model))) if self.model else 'guerdon'

    def open(self) -> Any:
        """The Model or Client of this process."""
        if hasattr(self.model, 'items'):
            return self.model
        if self._open is None or self._process != os.getpid():
            import guerdon

            self._open = (
                guerdon.Client(self.url, **self.options) if self.url else guerdon.Model(self.model, **self.options)
            )
            self._process = os.getpid()
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self.model, 'items'):
            raise UsageError('an open model cannot go to another process: give its path')
        return {**self.__dict__, '_open': None, '_process': 0}

    def scores(self, items: Sequence[Any]) -> list[Optional[float]]:
        """The score of each item, all of them in one call; None where there is no item, or it has none."""
        there = [item for item in items if item is not None]
        results = iter(self.open().items(there) if there else [])
        return [None if item is None else self._score(next(results)) for item in items]

    def _score(self, result: Any) -> Optional[float]:
        failure = result.failure()
        if failure is not None and self.errors == 'raise':
            raise failure
        if failure is not None:
            warnings.warn(f'{failure}: it gets no reward', stacklevel=4)
        return None if failure is not None or not result.scores else result.scores[0]


class Gathered:
    """Items that wait while a call is under way are scored together by the next one: for frameworks that ask for one
    at a time, many at once.  The scores don't depend on it."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._waiting: weakref.WeakKeyDictionary[Any, list[Request]] = weakref.WeakKeyDictionary()

    async def scores(self, items: Iterable[Any]) -> list[Optional[float]]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Optional[float]]] = loop.create_future()
        mine: Request = (list(items), found)
        if loop in self._waiting:
            self._waiting[loop].append(mine)
        else:
            self._waiting[loop] = [mine]
            self._task = loop.create_task(self._run(loop))  # begins when all that are ready have asked
        return await found

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while taken := self._waiting[loop]:
            self._waiting[loop] = []
            together = [item for items, _ in taken for item in items]
            try:
                scores = iter(await loop.run_in_executor(None, self.scorer.scores, together))
                for items, future in taken:
                    mine = [next(scores) for _ in items]
                    if not future.done():
                        future.set_result(mine)
            except Exception:
                await self._apart(loop, taken)
        del self._waiting[loop]

    async def _apart(self, loop: asyncio.AbstractEventLoop, taken: list[Request]) -> None:
        """One item failed the call: each request is asked for by itself, and only those get an error that have one."""
        for items, future in taken:
            try:
                scores: Any = await loop.run_in_executor(None, self.scorer.scores, items)
                settle = future.set_result
            except Exception as failure:
                scores, settle = failure, future.set_exception
            if not future.done():
                settle(scores)
