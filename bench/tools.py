"""The tools that measure the rows of the table: our programs, the peers, models, texts."""
import glob
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import model

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PAIRS = f'{ROOT}/tests/data/hh-rlhf/harmless-base-test.jsonl.gz'
TOKENIZER = f'{ROOT}/tests/data/qwen2.5/tokenizer.json'
LIMITS = ('--max-length', '512', '--truncate', 'right')  # as for the peers
# For libraries that choose by processor: use nothing beyond AVX2.
AVX2_ONLY = {'ATEN_CPU_CAPABILITY': 'avx2', 'ONEDNN_MAX_CPU_ISA': 'AVX2', 'MKL_ENABLE_INSTRUCTIONS': 'AVX2'}


class Missing(Exception):
    """The reason why something can't be measured here."""


def median(values):
    return statistics.median(values) if values else None


class Tools:
    def __init__(self, build, peers, models, rounds):
        self.build, self.peers, self.rounds = os.path.abspath(build), peers, rounds
        self.models = os.path.abspath(models or f'{build}/bench-models')
        self.work = tempfile.mkdtemp(prefix='guerdon-bench-')
        self.bench = None  # guerdon bench's result, once a row has needed it
        self.isas = json.loads(self.guerdon('backends', '--json'))['cpu']['isa']
        self.cached = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.work)

    # ---- running ----

    def run(self, command, env=None):
        """Standard output, or Missing with the last line of standard error."""
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})})
        if done.returncode:
            why = (done.stderr.strip() or 'no message').splitlines()[-1]
            raise Missing(f'{os.path.basename(command[0])} failed: {why}')
        return done.stdout

    def watch(self, command):
        """Seconds, the largest resident size in bytes, standard output."""
        with open(f'{self.work}/out', 'w+') as out, open(f'{self.work}/err', 'w+') as err:
            start = time.perf_counter()
            pid = os.posix_spawn(command[0], command, os.environ,
                                 file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                                               (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
            _, status, usage = os.wait4(pid, 0)
            seconds = time.perf_counter() - start
            out.seek(0)
            err.seek(0)
            if os.waitstatus_to_exitcode(status):
                raise Missing(f'{os.path.basename(command[0])} failed: {err.read().strip()[-200:]}')
            return seconds, usage.ru_maxrss * 1024, out.read()

    def seconds_after(self, command, first, rest):
        """Seconds from a program's answers to the lines `first` until it has answered the lines `rest` and ended."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            program.stdin.write(''.join(first).encode())
            program.stdin.flush()
            for _ in first:
                program.stdout.readline()
            start = time.perf_counter()
            answers, said = program.communicate(''.join(rest).encode())
            seconds = time.perf_counter() - start
        if program.returncode or answers.count(b'\n') != len(rest):
            raise Missing(f'{os.path.basename(command[0])} failed: {said.decode().strip()[-200:]}')
        return seconds

    def guerdon(self, *args):
        return self.run([f'{self.build}/guerdon', *args])

    def score_command(self, directory, *args):
        return [f'{self.build}/guerdon', 'score', '--model', directory, *args]

    def guerdon_bench(self, directory, only, seconds, *args, report=None):
        """The result of guerdon bench, restricted to some of its parts."""
        out = f'{self.work}/bench.json'
        self.guerdon('bench', '--model', directory, '--seconds', str(max(1, round(seconds))), '--json', out, '--quiet',
                     *(['--only', only] if only else []), *(['--report', report] if report else []), *args)
        with open(out, encoding='utf-8') as f:
            return json.load(f)

    def seconds_for(self, directory, tokens, *args):
        """Seconds that guerdon bench needs to score this many tokens, alone and shared, twice."""
        key = (directory, args)
        if key not in self.cached:
            quick = self.guerdon_bench(directory, 'scoring', 6, *args)
            self.cached[key] = quick['scoring']['alone']['rows_per_s']
        return 4.4 * tokens / self.cached[key] + 5

    def bench_gemm(self, *args, env=None):
        out = self.run([f'{self.build}/bench_gemm', '--json', *args], env)
        return [json.loads(line) for line in out.splitlines()]

    def need_peers(self):
        if not self.peers:
            raise Missing('no peers: set PEERS=ENV, made by bench/peers/setup')

    def peer(self, script, *args, env=None, newest=False):
        """The lines of JSON that a script in bench/peers prints, in the environment of the newest TRL or the other."""
        self.need_peers()
        python = f'{self.peers}{"-newest" if newest else ""}/bin/python'
        if not os.path.exists(python):
            raise Missing(f'no {python}; bench/peers/setup makes it')
        out = self.run([python, f'{HERE}/peers/{script}', *map(str, args)], env)
        return [json.loads(line) for line in out.splitlines() if line.startswith('{')]

    # ---- models and texts ----

    def model(self, name):
        """The directory of a random model; those of the 7B shape must exist: they are never made."""
        path = f'{self.models}/{name}'
        if not os.path.exists(f'{path}/model.safetensors'):
            if name.startswith('7b'):
                raise Missing(f'no {name} model; to make it: python3 bench/model.py {name} {path} {TOKENIZER} (15 GB; '
                              '7b14, half of its layers, 8 GB)')
            shape, _, kind = name.partition('-')
            print(f'   making {path}', flush=True)
            model.make(shape, path, TOKENIZER, kind == 'lm')
        return path

    def chill(self, directory):
        """Evicts the weights from the page cache."""
        for path in glob.glob(f'{directory}/*.safetensors'):
            with open(path, 'rb') as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def warm(self, directory):
        """Reads the weights into the page cache, as far as they fit."""
        for path in glob.glob(f'{directory}/*.safetensors'):
            with open(path, 'rb', buffering=0) as f:
                while f.read(1 << 24):
                    pass

    def disk_rate(self, directory):
        """Bytes per second of reading uncached weights, at most 4 GiB of them."""
        self.chill(directory)
        done, start = 0, time.perf_counter()
        with open(glob.glob(f'{directory}/*.safetensors')[0], 'rb', buffering=0) as f:
            while done < 1 << 32 and (got := len(f.read(1 << 24))):
                done += got
        return done / (time.perf_counter() - start)

    def pairs(self, count):
        """The first pairs of HH, in a file."""
        path = f'{self.work}/pairs-{count}.jsonl'
        if not os.path.exists(path):
            with gzip.open(PAIRS, 'rt', encoding='utf-8') as f, open(path, 'w', encoding='utf-8') as out:
                for _, line in zip(range(count), f):
                    pair = json.loads(line)
                    out.write(json.dumps({k: pair[k] for k in ('chosen', 'rejected')}) + '\n')
        return path

    def hh_texts(self):
        with gzip.open(PAIRS, 'rt', encoding='utf-8') as f:
            for line in f:
                pair = json.loads(line)
                yield pair['chosen']
                yield pair['rejected']

    def write(self, name, records):
        path = f'{self.work}/{name}.jsonl'
        with open(path, 'w', encoding='utf-8') as f:
            for record in records:
                f.write(json.dumps(record) + '\n')
        return path

    def tokens(self, directory, texts):
        """The number of tokens of each text."""
        path = self.write('count', ({'text': t} for t in texts))
        out = self.guerdon('tokenize', '--model', directory, '--input', path)
        return [len(json.loads(line)['ids']) for line in out.splitlines()]

    def words_of(self, directory, words, wanted):
        """The first words that make about `wanted` tokens, joined."""
        counts = self.tokens(directory, [' '.join(words[:n]) for n in range(1, wanted + 1)])
        best = min(range(len(counts)), key=lambda i: abs(counts[i] - wanted))
        return ' '.join(words[:best + 1])

    def threads(self):
        return len(os.sched_getaffinity(0))

    # ---- shared between rows ----

    def whole_bench(self):
        """guerdon bench on the 0.5B model, all parts: its page is shown with the table."""
        if not self.bench:
            self.bench = self.guerdon_bench(self.model('0.5b'), None, 200, '--input', self.pairs(64), *LIMITS)
        return self.bench

    def machine(self):
        """One line that describes the machine, and one with its current limits."""
        out = self.guerdon_bench(f'{ROOT}/tests/data/golden/qwen2', 'scoring', 1)
        m = out['machine']
        caches = ', '.join(f'L{c["level"]} {c["type"].lower()} {c["bytes"] >> 10} KiB' for c in m['caches'])
        peaks = ', '.join(f'{p["isa"]} {p["gflops"]:.0f}' for p in out['peak'] if p['threads'] == m['cores'])
        return (f'{m["cpu"]}, {m["cores"]} cores{", virtual machine" if m["virtual_machine"] else ""}, '
                f'{" ".join(f for f in m["flags"] if f.startswith(("avx", "amx", "asimd")))}; {caches}; '
                f'{m["memory_bytes"] / 2**30:.1f} GiB; {m["kernel"]}; guerdon {out["guerdon"]}',
                f'peak of all cores in GFLOP/s: {peaks}; reading memory: {out["bandwidth"][-1]["read_gb_per_s"]:.1f} GB/s')

    def page(self, bench):
        """The page of guerdon bench, without measuring anything again."""
        source, out = f'{self.work}/from.json', f'{self.work}/page.html'
        with open(source, 'w', encoding='utf-8') as f:
            json.dump(bench or {'format': 'guerdon-bench/1'}, f)
        self.guerdon('bench', '--from', source, '--report', out)
        with open(out, encoding='utf-8') as f:
            return f.read()
