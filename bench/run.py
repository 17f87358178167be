#!/usr/bin/env python3
"""make bench: the table of bench/README.md, measured on this machine in one run.

usage: run.py --build DIR [--rows NAME,NAME...] [--peers ENV] [--models DIR] [--output FILE.json] [--rounds N]

  --build DIR    where guerdon, bench_gemm and bench_tokenizer were built
  --rows NAMES   some rows, by name or by the beginning of one (matmul: all three) (default: all)
  --peers ENV    a Python environment made by bench/peers/setup; without it, rows that need a peer are 'not measured'
  --models DIR   random models; missing ones are made, except DIR/7b (15 GB), which you make yourself:
                 python3 bench/model.py 7b DIR/7b tests/data/qwen2.5/tokenizer.json
  --output FILE  the results, as JSON; FILE.html and FILE.md beside it (default: bench/results/latest.json)
  --rounds N     rounds of whatever takes turns with a peer; figures are medians (default: 3)

A row that this machine can't measure keeps its figure in FILE, with that machine's description.
"""
import argparse
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import report  # noqa: E402
import rows  # noqa: E402
import tools  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', required=True)
    p.add_argument('--rows', default='')
    p.add_argument('--peers', default='')
    p.add_argument('--models', default='')
    p.add_argument('--output', default='')
    p.add_argument('--rounds', default='')
    return p.parse_args()


def chosen(names):
    """The rows selected by `names`, in the table's order."""
    wanted = [n for n in names.replace(',', ' ').split() if n]
    known = list(rows.ROWS)
    for name in wanted:
        if not any(k.startswith(name) for k in known):
            sys.exit(f'run.py: there is no row {name}; the rows are {", ".join(known)}')
    return [k for k in known if not wanted or any(k.startswith(n) for n in wanted)]


def merge(old, new):
    """A row without a new figure keeps its old one."""
    if old and new.get('figure') is None and old.get('figure') is not None:
        return {**old, 'kept': new['why']}
    return new


def main():
    args = arguments()
    names = chosen(args.rows)
    args.output = args.output or f'{HERE}/results/latest.json'
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    try:
        with open(args.output, encoding='utf-8') as f:
            results = json.load(f)
    except FileNotFoundError:
        results = {'format': 'guerdon-table/1', 'rows': {}}
    with tools.Tools(args.build, args.peers, args.models, int(args.rounds or 3)) as t:
        machine, results['peak'] = t.machine()
        for name in names:
            start = time.time()
            print(f'-- {name}: {rows.ROWS[name].what}', flush=True)
            new = rows.measure(name, t)
            new.update(when=time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), machine=machine)
            results['rows'][name] = merge(results['rows'].get(name), new)
            print(f'   {new["figure"] or "not measured: " + new["why"]} ({time.time() - start:.0f} s)', flush=True)
            if t.bench:
                results['bench'] = t.bench
            with open(args.output, 'w', encoding='utf-8') as f:
                json.dump(results, f, indent=1)
        page = t.page(results.get('bench'))
    stem = args.output.removesuffix('.json')
    with open(f'{stem}.md', 'w', encoding='utf-8') as f:
        f.write(report.markdown(results))
    with open(f'{stem}.html', 'w', encoding='utf-8') as f:
        f.write(report.html(results, page))
    print(report.markdown(results))
    print(f'{stem}.json, {stem}.html, {stem}.md')


if __name__ == '__main__':
    main()
