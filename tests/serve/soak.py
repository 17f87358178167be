"""Does a server grow?  Clients of every dialect at random, with bad requests and clients that go away among them, for
some minutes: soak.py [MINUTES [FILE.html]].  The samples of its memory, descriptors and threads make a table and a plot;
the exit status is 1 if one of them has a trend, if a score is wrong, or if the end doesn't leave what the beginning had."""
import os
import random
import statistics
import sys
import threading
import time

from bad_heads import HEADS
from bad_texts import ROUTES, TEXTS
from malformed import NOTHING
from mixes import Client, Known
from serving import Server

FLAGS = ('--chat-format', 'chatml')
LIMITS = ('--max-body', '1M', '--timeout', '5', '--batch-tokens', '256')
CLIENTS, EVERY, WARM_UP = 24, 2.0, 0.2  # seconds; the share of the time that is not judged
BAD = [data for _, data, status, _ in HEADS + TEXTS + ROUTES if status != NOTHING]

# What is sampled, and by how much its trend may grow over the whole time.  How many connections are open at a moment
# varies; when all clients have gone, there must be as many descriptors and threads as at the beginning.
KINDS = (('memory, KiB', 1024), ('descriptors', CLIENTS), ('threads', 0.5))


def sample(pid):
    with open(f'/proc/{pid}/statm', encoding='ascii') as f:
        pages = int(f.read().split()[1])
    return (pages * os.sysconf('SC_PAGE_SIZE') // 1024, len(os.listdir(f'/proc/{pid}/fd')),
            len(os.listdir(f'/proc/{pid}/task')))


def trend(times, values):
    """The growth from the first to the last time by Theil and Sen: the median of the slopes between all pairs."""
    slopes = [(values[j] - values[i]) / (times[j] - times[i]) for i in range(len(times)) for j in range(i)]
    return statistics.median(slopes) * (times[-1] - times[0])


class Load:
    """The clients, until stop() is called."""

    def __init__(self, server, known):
        self.server, self.known = server, known
        self.wrong, self.done, self.over = [], 0, threading.Event()
        self.threads = [threading.Thread(target=self.live, args=(number,)) for number in range(CLIENTS)]
        for one in self.threads:
            one.start()

    def act(self, client, chance):
        if chance.random() < 0.15:
            self.server.send(chance.choice(BAD))
        else:
            client.act()

    def live(self, number):
        chance, counts = random.Random(number), {}
        client = Client(self.server, chance, self.known, self.wrong, counts)
        while not self.over.is_set() and len(self.wrong) < 10:
            try:
                self.act(client, chance)
            except (AssertionError, LookupError, OSError, TypeError, ValueError) as failure:
                self.wrong.append(f'client {number}: {failure!r}')
            self.done += 1

    def stop(self):
        self.over.set()
        for one in self.threads:
            one.join()


def observe(server, load, seconds):
    """(time, requests so far, what sample() says), every two seconds."""
    began, rows = time.monotonic(), []
    while (now := time.monotonic() - began) < seconds and len(load.wrong) < 10:
        rows.append((now, load.done, *sample(server.process.pid)))
        load.over.wait(EVERY)
    return rows


def show(rows):
    print(f'{"minute":>6} {"requests":>9}   ' + '   '.join(f'{name + ", least to most":>28}' for name, _ in KINDS))
    for minute in range(int(rows[-1][0] // 60) + 1):
        part = [row for row in rows if row[0] // 60 == minute]
        spans = [f'{min(c)} to {max(c)}' for c in list(zip(*part))[2:]]
        print(f'{minute + 1:>6} {part[-1][1] - part[0][1]:>9}   ' + '   '.join(f'{span:>28}' for span in spans))


def plot(path, rows):
    """A curve for each kind, from nothing up."""
    out = ['<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Soak</title><style>:root{color-scheme:light dark}'
           'body{font-family:sans-serif;margin:1rem}svg{width:100%;max-width:50rem}</style><h1>guerdon serve, soaked</h1>']
    for i, (name, _) in enumerate(KINDS):
        most = max(row[2 + i] for row in rows)
        points = ' '.join(f'{row[0] / rows[-1][0] * 800:.1f},{205 - row[2 + i] / most * 200:.1f}' for row in rows)
        out.append(f'<h2>{name}: at most {most}, in {rows[-1][0] / 60:.1f} minutes</h2><svg viewBox="0 0 800 210" role="img" '
                   f'aria-label="{name}"><polyline points="{points}" fill="none" stroke="currentColor"/></svg>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n')


def judge(rows):
    """What grew, in sentences."""
    judged = rows[int(len(rows) * WARM_UP):]
    times, faults = [row[0] for row in judged], []
    for i, (name, allowed) in enumerate(KINDS):
        values = [row[2 + i] for row in judged]
        grown = trend(times, values)
        print(f'{name}: the median is {statistics.median(values)}, the trend {round(grown, 1) + 0.0:+} in '
              f'{(times[-1] - times[0]) / 60:.1f} minutes, of which {allowed} is accepted')
        if grown > allowed:
            faults.append(f'{name}: grown by {grown:.1f}')
    return faults


def soak(minutes, page):
    known = Known(*FLAGS)
    with Server(*FLAGS, *LIMITS) as server:
        before = sample(server.process.pid)
        known.learn_ids(server)
        load = Load(server, known)
        rows = observe(server, load, minutes * 60)
        load.stop()
        show(rows)
        faults = load.wrong[:3] + judge(rows)
        server.wait_for('queue_requests', 0)
        server.wait_for('connections', 1)
        try:
            server.settle(before[1])
        except AssertionError as failure:
            faults.append(f'when all have gone, {failure}')
        threads = sample(server.process.pid)[2]
        if threads != before[2]:
            faults.append(f'there were {before[2]} threads at the beginning, and are {threads} at the end')
        status, said = server.end()
        if status:
            faults.append(f'the exit status is {status}: {said}')
        if page:
            plot(page, rows)
    return faults


if __name__ == '__main__':
    found = soak(float(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2] if len(sys.argv) > 2 else None)
    for fault in found:
        print(f'soak: {fault}')
    sys.exit(1 if found else 0)
