"""The rows of the table that are about the server: `make bench-serve`."""
import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import threading
import time
import urllib.request

import load
import python_rows
from tools import HERE, LIMITS, Missing, median

REQUESTS, AT_ONCE = 256, 64
IDLE, OPENED, PER_SECOND = 1000, 10000, 200
LONE = 100  # requests one after the other


def texts(tools):
    """Those of the first HH pairs; cut as the peers cut them."""
    return [text for _, text in zip(range(REQUESTS), tools.hh_texts())]


@contextlib.contextmanager
def guerdon(tools, directory):
    """Our server; its port."""
    command = [f'{tools.build}/guerdon', 'serve', '--model', directory, '--port', '0', *LIMITS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            said = []
            for line in server.stdout:
                said.append(line)
                if found := re.search(r'https?://[^ ]*:(\d+)', line):
                    threading.Thread(target=server.stdout.read, daemon=True).start()
                    yield int(found[1])
                    return
            raise Missing(f'guerdon serve failed: {"".join(said)[-200:].strip()}')
        finally:
            server.terminate()


@contextlib.contextmanager
def peer(tools, directory, dtype, batch):
    """A FastAPI server; its port."""
    tools.need_peers()
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [f'{tools.peers}/bin/python', f'{HERE}/peers/serve_rm.py', directory, dtype, str(batch), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            while True:
                try:
                    urllib.request.urlopen(f'http://127.0.0.1:{port}/health')
                    break
                except OSError:
                    if server.poll() is not None:
                        why = (server.stderr.read().strip() or 'no message').splitlines()[-1]
                        raise Missing(f'serve_rm.py failed: {why}') from None
                    time.sleep(0.2)
            yield port
        finally:
            server.terminate()


def rewards(port, some, in_one=1):
    """How many seconds requests of `in_one` texts each take, and their rewards."""
    bodies = [{'query': some[i:i + in_one]} for i in range(0, len(some), in_one)]
    load.load(port, '/get_reward', bodies[:1], 1)
    seconds, answers = load.load(port, '/get_reward', bodies, AT_ONCE)
    return seconds, [reward for answer in answers for reward in answer['rewards']]


def file_seconds(tools, directory, some):
    """guerdon score, which has its model open, for the same texts."""
    lines = [json.dumps({'text': t}) + '\n' for t in some]
    command = tools.score_command(directory, *LIMITS, '--input', '-', '--output', '-', '--format', 'jsonl', '--quiet')
    return tools.seconds_after(command, lines[:1], lines)


def throughput(tools):
    directory, some = tools.model('0.5b'), texts(tools)
    dtype = 'bf16' if 'avx512bf16' in tools.isas else 'f32'
    served, scored, theirs, why = [], [], {}, None
    for _ in range(tools.rounds):
        with guerdon(tools, directory) as port:
            served.append(rewards(port, some)[0])
        scored.append(file_seconds(tools, directory, some))
        # Its best setting: alone, as clients send them, or in requests of several, which they don't.
        for in_one in () if why else (1, 8):
            try:
                with peer(tools, directory, dtype, in_one) as port:
                    theirs.setdefault(in_one, []).append(rewards(port, some, in_one)[0])
            except Missing as reason:
                why = str(reason)
    rate = REQUESTS / median(served)
    part = median(scored) / median(served)
    best = max((REQUESTS / median(s) for s in theirs.values()), default=None)
    times = rate / best if best else None
    figure = f'{rate:.1f} texts/s, {part:.2f} of guerdon score; FastAPI + Transformers ({dtype}) ' + (
        f'{best:.1f}: {times:.2f}x' if times else f'not measured: {why}')
    reached = False if part < 0.9 or (times and times < 2.2) else None if times is None else True
    return figure, reached, {'served': served, 'scored': scored, 'theirs': theirs}


# The library's own call: one text after the other.
CALLS = '''
import json, sys, time
from guerdon import Model
model = Model({model!r})
model.score(['warm'])
for line in sys.stdin:
    start = time.perf_counter()
    model.score([json.loads(line)])
    print(time.perf_counter() - start, flush=True)
'''


def latency(tools):
    """A lone text of a few tokens, in turn over the server and by the library's call."""
    directory = tools.model('0.5b')
    python, env = python_rows.package(tools)
    served, called = [], []
    with guerdon(tools, directory) as port, subprocess.Popen(
            [python, '-c', CALLS.format(model=directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **env}) as program:
        for i in range(LONE + 1):
            text = f'Is tea hot? {i}'
            seconds = load.load(port, '/get_reward', [{'query': [text]}], 1)[0]
            program.stdin.write(json.dumps(text) + '\n')
            program.stdin.flush()
            took = float(program.stdout.readline())
            if i:  # the first touches memory for the first time
                served.append(seconds)
                called.append(took)
    added = median([s - c for s, c in zip(served, called)])
    return (f'{1000 * added:.2f} ms added to {1000 * median(called):.1f} ms', added <= 0.003,
            {'served': served, 'called': called})


def connections(tools):
    need = IDLE + OPENED // 4
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        if hard < need:
            raise Missing(f'a process may have only {hard} files open here')
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    directory, some = tools.model('0.5b'), texts(tools)
    parts, made = [], []
    with guerdon(tools, directory) as port:
        rewards(port, some[:AT_ONCE])
        for _ in range(tools.rounds):
            alone = rewards(port, some)[0]
            crowd = load.Crowd(port, IDLE, OPENED, PER_SECOND)
            crowd.start()
            crowd.ready.wait()
            parts.append(alone / rewards(port, some)[0])
            crowd.stop.set()
            crowd.join()
            made.append(crowd.made)
    return (f'{median(parts):.2f} of the rate without them; {IDLE} idle, {median(made):.0f} opened meanwhile',
            median(parts) >= 0.95, {'parts': parts, 'made': made})


ROWS = {
    'serve': ('server: 256 requests of one HH text, 64 at once, 0.5B',
              '>= 0.9 of guerdon score; >= 2.2x FastAPI + Transformers', throughput),
    'serve-latency': ('the same, one lone request', '<= 3 ms over the library call, median', latency),
    'serve-connections': ('the same, 10,000 connections opened slowly, 1,000 idle', '>= 0.95 of the rate without',
                          connections),
}
