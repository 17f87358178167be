"""python -m guerdon: the commands that read records, on Parquet, Arrow and saved `datasets` too.

usage: python -m guerdon score|rank|filter|eval [FLAGS] FILE --output FILE  (flags of `guerdon COMMAND`, and --prefix P)
       python -m guerdon tokenize --model DIR --input FILE --output FILE
       python -m guerdon train --model DIR --train FILE [--eval [NAME=]FILE] --output DIR [FLAGS of `guerdon train`]
       python -m guerdon export OUT/log.jsonl --tensorboard DIR | --wandb PROJECT [--name RUN]

FILE may be .parquet, .arrow, a folder that `datasets` saved, or what the program guerdon reads.  The output has the
rows of the input with more columns (score, rank), those that are kept (filter), or a row for each item (rank
--group-by, tokenize).
"""

from __future__ import annotations

import sys
from typing import Sequence

from ._errors import Error, ItemError

COMMANDS = ('score', 'rank', 'filter', 'eval', 'tokenize', 'train')
ELSEWHERE = {
    'inspect': 'it reads no records: use guerdon.inspect(), or the program guerdon',
}


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ('-h', '--help', 'help'):
        print(__doc__)
        return 0 if arguments else 2
    command, rest = arguments[0], arguments[1:]
    if '--help' in rest:
        print(__doc__)
        return 0
    if command == 'export':
        from . import _export

        return _export.main(rest)
    if command in COMMANDS:
        try:
            from . import _learn, _tables
        except ImportError as missing:
            what = f'{missing.name} is needed for tables: pip install {missing.name}'
            raise Error(what, 'GD_EUNSUPPORTED') from missing
        return _learn.run(rest) if command == 'train' else _tables.run(command, _positional(rest))
    print(
        f'guerdon: python -m guerdon has no command {command}: '
        f'{ELSEWHERE.get(command, "the program guerdon may have it; here are " + ", ".join(COMMANDS) + " and export")}',
        file=sys.stderr,
    )
    return 2


def _positional(arguments: Sequence[str]) -> list[str]:
    """The input may come without its flag, as the first argument."""
    if arguments and not arguments[0].startswith('-'):
        return ['--input', *arguments]
    return list(arguments)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0; 1, some items failed; 2, a wrong command line; 3, it could not be done; 4, out of memory."""
    try:
        return _run(arguments)
    except ItemError as failure:
        print(f'guerdon: {failure}', file=sys.stderr)
        return 1
    except Error as failure:
        print(f'guerdon: {failure}', file=sys.stderr)
        return {'GD_EUSAGE': 2, 'GD_ENOMEM': 4}.get(failure.status, 3)
    except OSError as failure:  # of the files on the way: a disk that is full, a folder that can't be made
        where = f'{failure.filename}: ' if failure.filename else ''
        print(f'guerdon: {where}{failure.strerror or failure}', file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print('guerdon: interrupted', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
