"""The rows of the table: what each one is, its target, and how it is measured."""
import json
import statistics
import time

import python_rows
import serve_rows
import train_rows
from tools import AVX2_ONLY, LIMITS, PAIRS, Missing, median

TEXT = 'Human: Is tea hot?\n\nAssistant: Yes, it usually is.'
# The linears of a model's layer: size, and how many of them.
LAYER = {
    '0.5b': {(896, 896): 2, (896, 128): 2, (896, 4864): 2, (4864, 896): 1},
    '7b': {(3584, 3584): 2, (3584, 18944): 2, (18944, 3584): 1},
}


class Row:
    def __init__(self, what, target, measure):
        self.what, self.target, self.measure = what, target, measure


def result(figure, reached, **details):
    return {'figure': figure, 'reached': reached, 'details': details}


def measure(name, tools):
    row = ROWS[name]
    try:
        out = row.measure(tools)
    except Missing as why:
        out = {'figure': None, 'reached': None, 'why': str(why)}
    return {'what': row.what, 'target': row.target, 'command': f'make bench ROWS={name}', **out}


def all_of(*parts):
    """False if any is false, else None if any is unknown, else True."""
    return False if False in parts else None if None in parts else True


def times(ours, theirs):
    return ours / theirs if ours and theirs else None


def factor(value):
    return 'not measured' if value is None else f'{value:.2f}x'


# ---- matrix products ----

def layer_rate(lines, model):
    """GFLOP/s of all of a layer's products together, and as a fraction of the peak."""
    work = sum(LAYER[model][line['k'], line['n']] * line['k'] * line['n'] for line in lines)
    taken = sum(LAYER[model][line['k'], line['n']] * line['k'] * line['n'] / line['gflops'] for line in lines)
    return work / taken, work / taken / lines[0]['peak'] if lines[0]['peak'] else None


def products(tools, isa, ours, vendor, vendor_operand, env=None):
    """Medians over rounds of {model: {m: (GFLOP/s, fraction of the peak, vendor's GFLOP/s)}}."""
    from itertools import product
    got = {}
    threads = str(tools.threads())
    for _ in range(tools.rounds):
        for model, m in product(LAYER, (256, 512)):
            args = ('--model', model, '--rows', str(m), '--threads', threads, '--seconds', '0.2')
            mine = layer_rate(tools.bench_gemm('--isa', isa, '--operand', ours, *args), model)
            try:
                theirs = layer_rate(tools.bench_gemm('--backend', vendor, '--operand', vendor_operand, *args, env=env),
                                    model)[0]
            except Missing:
                theirs = None
            got.setdefault((model, m), []).append((*mine, theirs))
    out = {}
    for (model, m), runs in got.items():
        rates, parts, vendors = zip(*runs)
        out.setdefault(model, {})[str(m)] = {
            'gflops': median(rates), 'of_peak': median(parts),
            vendor: None if None in vendors else median(vendors)}
    return out


def products_row(found, targets, vendor):
    parts, reached = [], []
    for model, target in targets.items():
        least = min(found[model].values(), key=lambda one: one['of_peak'])
        ahead = [None if one[vendor] is None else one['gflops'] / one[vendor] for one in found[model].values()]
        parts.append(f'{model}: {least["of_peak"]:.3f} of peak, {vendor} '
                     + ('not measured' if None in ahead else f'x {min(ahead):.2f}'))
        reached += [least['of_peak'] >= target, None if None in ahead else min(ahead) > 1]
    return '; '.join(parts), all_of(*reached)


def matmul_bf16(tools):
    if 'avx512bf16' not in tools.isas:
        raise Missing('this processor has no AVX512_BF16')
    found = products(tools, 'avx512bf16', 'bf16', 'onednn', 'bf16')
    return result(*products_row(found, {'7b': 0.95, '0.5b': 0.91}, 'onednn'), products=found)


def matmul_avx(tools):
    isas = [isa for isa in ('avx2', 'avx512') if isa in tools.isas]
    if not isas:
        raise Missing('this processor has neither AVX2 nor AVX-512')
    cores = {'avx2': 'Haswell', 'avx512': 'SkylakeX'}
    found = {isa: products(tools, isa, 'bf16', 'openblas', 'f32', {'OPENBLAS_CORETYPE': cores[isa]}) for isa in isas}
    rows = {isa: products_row(found[isa], {'7b': 0.9, '0.5b': 0.9}, 'openblas') for isa in isas}
    return result('; '.join(f'{isa} {rows[isa][0]}' for isa in isas), all_of(*(r[1] for r in rows.values())),
                  products=found)


def matmul_tensor(tools):
    """The arithmetic of tensor cores, on one core."""
    targets = {isa: least for isa, least in (('avx512', 6), ('avx2', 2.5)) if isa in tools.isas}
    if not targets:
        raise Missing('this processor has neither AVX2 nor AVX-512')
    found = {}
    for _ in range(tools.rounds):
        for isa in targets:
            for numerics in ('tensor', 'tensor8'):
                lines = tools.bench_gemm('--isa', isa, '--numerics', numerics, '--model', '7b', '--rows', '256',
                                         '--threads', '1', '--seconds', '0.2')
                found.setdefault(isa, {}).setdefault(numerics, []).append(layer_rate(lines, '7b')[0] / 2)
    parts = [f'{isa} {median(rates["tensor"]):.1f}, tensor8 {median(rates["tensor8"]):.1f}'
             for isa, rates in found.items()]
    return result(f'{"; ".join(parts)} GMAC/s', all(median(found[isa]['tensor']) >= least
                                                    for isa, least in targets.items()), gmac_per_s=found)


def matmul_small(tools):
    bench = tools.whole_bench()
    by_m = {}
    for one in bench['matmul']['products']:
        if one['m'] > 64 or one['of_limit'] is None:
            continue
        count = one['weights'].count(',') + 1
        work = count * one['m'] * one['n'] * one['k']
        best, taken = by_m.get(one['m'], (0, 0))
        by_m[one['m']] = best + work / one['limit_gflops'], taken + work / one['gflops']
    if not by_m:
        raise Missing('the peak of these kernels is unknown')
    parts = {m: best / taken for m, (best, taken) in by_m.items()}
    return result(', '.join(f'M = {m}: {part:.2f}' for m, part in sorted(parts.items())), min(parts.values()) >= 0.7,
                  of_limit=parts)


# ---- whole scoring, and its peers ----

def score_rounds(tools, isa, dtypes, env):
    """guerdon and its peers on the first 16 pairs, in turn: lists of each one's output."""
    key = ('rounds', isa)
    if key in tools.cached:
        return tools.cached[key]
    model, pairs = tools.model('0.5b'), tools.pairs(16)
    flags = ('--input', pairs, *LIMITS, *(('--isa', isa) if isa else ()))
    seconds = tools.seconds_for(model, 4100, *flags)
    found = {'guerdon': [], 'llama': [], 'why': {}, **{d: [] for d in dtypes}}
    for _ in range(tools.rounds):
        found['guerdon'].append(tools.guerdon_bench(model, 'scoring', seconds, *flags))
        for dtype in dtypes:
            attempt(found, dtype, lambda: tools.peer('hf_score.py', model, PAIRS, 16, dtype, '1,8', env=env))
        if not env:
            attempt(found, 'llama', lambda: llama(tools))
    tools.cached[key] = found
    return found


def attempt(found, key, call):
    if key in found['why']:
        return
    try:
        found[key].append(call())
    except Missing as why:
        found['why'][key] = str(why)


def llama(tools):
    dtype = 'bf16' if 'avx512bf16' in tools.isas else 'f32'
    return tools.peer('llama_score.py', tools.model('0.5b-lm'), dtype, 1)


def fastest(found, dtypes, batch, key):
    """The best of the dtypes' medians; None without the peer."""
    rates = [median([line[key] for run in found[d] for line in run if line['batch'] == batch]) for d in dtypes]
    return max((r for r in rates if r), default=None)


def peer_dtypes(tools):
    """Without bf16 instructions, Transformers takes ten minutes for these texts in bf16: see slow_bf16()."""
    return ('bf16', 'f32') if 'avx512bf16' in tools.isas else ('f32',)


def slow_bf16(tools):
    """bf16 on a processor without bf16 instructions: one pair, once."""
    if 'avx512bf16' in tools.isas:
        return None
    try:
        return tools.peer('hf_score.py', tools.model('0.5b'), PAIRS, 1, 'bf16', '1')[0]['tokens_per_s']
    except Missing:
        return None


def rates_of(found, dtypes):
    runs = [run['scoring'] for run in found['guerdon']]
    llamas = [line['tokens_per_s'] for run in found['llama'] for line in run]
    return {
        'tokens_per_s': median([r['alone']['tokens_per_s'] for r in runs]),
        'of_peak': median([r['alone']['of_peak'] for r in runs]),
        'linear_gflops': median([r['alone']['linear_gflops'] for r in runs]),
        'pairs_per_s': median([r['shared']['pairs_per_s'] for r in runs]),
        'transformers_1': fastest(found, dtypes, 1, 'tokens_per_s'),
        'transformers_8': fastest(found, dtypes, 8, 'tokens_per_s'),
        'transformers_pairs_1': fastest(found, dtypes, 1, 'pairs_per_s'),
        'transformers_pairs_8': fastest(found, dtypes, 8, 'pairs_per_s'),
        'llama': median(llamas), 'dtypes': list(dtypes), 'why': found['why'],
    }


def reaches(value, target):
    return None if value is None else value >= target


def scoring(tools):
    dtypes = peer_dtypes(tools)
    r = rates_of(score_rounds(tools, None, dtypes, None), dtypes)
    one, eight = times(r['tokens_per_s'], r['transformers_1']), times(r['tokens_per_s'], r['transformers_8'])
    third = times(r['tokens_per_s'], r['llama'])
    figure = (f'{r["of_peak"]:.3f} of peak, {r["tokens_per_s"]:.0f} tokens/s; Transformers ({", ".join(dtypes)}) batch 1 '
              f'{factor(one)}, batch 8 {factor(eight)}; llama.cpp {factor(third)}')
    return result(figure, all_of(r['of_peak'] >= 0.85, reaches(one, 1.5), reaches(eight, 2.4), reaches(third, 1.6)),
                  **r, transformers_bf16_one_pair=slow_bf16(tools))


def pairs(tools):
    dtypes = peer_dtypes(tools)
    r = rates_of(score_rounds(tools, None, dtypes, None), dtypes)
    one = times(r['pairs_per_s'], r['transformers_pairs_1'])
    eight = times(r['pairs_per_s'], r['transformers_pairs_8'])
    return result(f'{r["pairs_per_s"]:.2f} pairs/s; Transformers ({", ".join(dtypes)}) batch 1 {factor(one)}, '
                  f'batch 8 {factor(eight)}', all_of(reaches(one, 2.2), reaches(eight, 3.6)), **r)


def avx2(tools):
    if 'avx2' not in tools.isas:
        raise Missing('this processor has no AVX2')
    tools.need_peers()
    best = tools.isas[-1] == 'avx2'
    r = rates_of(score_rounds(tools, None if best else 'avx2', ('f32',), None if best else AVX2_ONLY), ('f32',))
    if not r['transformers_1']:
        raise Missing(r['why'].get('f32', 'no peer'))
    peer = max(r['transformers_1'], r['transformers_8'] or 0)
    peer_pairs = max(r['transformers_pairs_1'], r['transformers_pairs_8'] or 0)
    alone, shared = r['tokens_per_s'] / peer, r['pairs_per_s'] / peer_pairs
    return result(f'{factor(alone)} without sharing, {factor(shared)} on pairs, against Transformers fp32 at its better '
                  'batch size', alone >= 1.4 and shared >= 2.1, **r)


def best_of(tools):
    model = tools.model('0.5b')
    words = ' '.join(tools.hh_texts()).split()
    prompt = tools.words_of(model, words, 400)
    at, records = len(prompt.split()), []
    for _ in range(16):
        answer = tools.words_of(model, words[at:], 100)
        at += len(answer.split())
        records.append({'prompt': prompt + '\n\nAssistant:', 'response': ' ' + answer})
    path = tools.write('answers', records)
    out = tools.guerdon_bench(model, 'scoring', tools.seconds_for(model, 8100, '--input', path), '--input', path)
    s = out['scoring']
    if out['texts']['count'] != 16:
        raise Missing(f'only {out["texts"]["count"]} of 16 answers fit into the time')
    part = s['speed_up'] / s['tokens_per_row']
    return result(f'{s["speed_up"]:.2f}x of {s["tokens_per_row"]:.2f}: {part:.3f}', part >= 0.9, **s)


# ---- the rest ----

def tokenizer(tools):
    directory = tools.model('0.5b')
    try:
        runs = [json.loads(tools.run([f'{tools.build}/bench_tokenizer', '--model', directory, '--input', PAIRS]))
                for _ in range(tools.rounds)]
    except FileNotFoundError:
        raise Missing('bench_tokenizer is not built')
    rate = median([run['mb_per_s'] for run in runs])
    same = same_ids(tools, directory)
    return result(f'{rate:.1f} MB/s, ids ' + {None: 'not compared', True: 'the same', False: 'NOT the same'}[same],
                  all_of(rate >= 60, same), mb_per_s=[run['mb_per_s'] for run in runs], same_ids=same)


def same_ids(tools, directory):
    """Whether the Python package tokenizers gives the same ids for every text; None without it."""
    texts = list(tools.hh_texts())
    path = tools.write('texts', ({'text': t} for t in texts))
    try:
        theirs = tools.peer('hf_ids.py', directory, path)[0]['sha256']
    except Missing:
        return None
    import hashlib
    digest = hashlib.sha256()
    for line in tools.guerdon('tokenize', '--model', directory, '--input', path).splitlines():
        digest.update(json.dumps(json.loads(line)['ids']).encode())
    return digest.hexdigest() == theirs


def start(tools):
    command = tools.score_command(tools.model('0.5b'), TEXT)
    tools.watch(command)  # puts the file into the page cache
    runs = [tools.watch(command)[0] for _ in range(2 * tools.rounds + 1)]
    try:
        begin = time.perf_counter()
        tools.peer('hf_score.py', tools.model('0.5b'), PAIRS, 1, 'f32', '1')
        theirs = time.perf_counter() - begin
    except Missing:
        theirs = None
    return result(f'{median(runs):.2f} s' + (f' (Transformers, one pair: {theirs:.1f} s)' if theirs else ''),
                  median(runs) <= 0.7, seconds=runs, transformers=theirs)


def scored_tokens(out):
    return sum(sum(json.loads(line)['tokens']) for line in out.splitlines())


def memory(tools):
    directory, path = tools.model('7b'), tools.pairs(32)
    command = tools.score_command(directory, '--input', path, *LIMITS, '--quiet')
    disk = tools.disk_rate(directory)
    tools.chill(directory)
    cold_seconds, cold_peak, cold = tools.watch(command + ['--memory', '2G'])
    tools.warm(directory)
    seconds, peak, out = tools.watch(command + ['--memory', '2G'])
    rate = scored_tokens(out) / seconds
    whole, _, same = tools.watch(command)
    resident = scored_tokens(same) / whole
    if out != same or cold != same:
        return result('the scores differ', False)
    peak = max(peak, cold_peak)
    cold_rate = scored_tokens(cold) / cold_seconds
    return result(f'{peak / 2**30:.2f} GiB, {rate / resident:.2f} of the resident rate ({rate:.1f} of {resident:.1f} '
                  f'tokens/s); {cold_rate:.1f} with the file not in the page cache, from a disk of {disk / 1e9:.2f} GB/s',
                  peak <= 2 * 2**30 and rate >= 0.9 * resident, peak_bytes=peak, tokens_per_s=rate,
                  resident_tokens_per_s=resident, cold_tokens_per_s=cold_rate, disk_bytes_per_s=disk)


def resident(tools):
    directory = tools.model('0.5b')
    said = json.loads(tools.guerdon('inspect', '--model', directory, '--json'))
    _, peak, _ = tools.watch(tools.score_command(directory, '--input', tools.pairs(16), *LIMITS, '--quiet'))
    limit = said['weights_bytes'] * 1.05 + said['memory']['batch_bytes']
    return result(f'{peak / 2**20:.0f} MiB of {limit / 2**20:.0f} allowed', peak <= limit, peak_bytes=peak,
                  limit_bytes=limit, inspect=said['memory'])


def crosscheck(tools):
    """Both arithmetics over all texts, each step of 8 rows in float64, and the comparison."""
    limit = 2**30
    seconds, peak, out = tools.watch([f'{tools.build}/guerdon', 'crosscheck', '--model', tools.model('0.5b'), '--input',
                                      tools.pairs(16), *LIMITS, '--left', 'cpu:exact', '--right', 'cpu:tensor', '--memory',
                                      str(limit), '--json', '--quiet'])
    said = json.loads(out)
    return result(f'{seconds:.0f} s for {said["rows"]} rows, {peak / 2**20:.0f} MiB; {said["verdict"]}',
                  seconds < 240 and peak <= limit and said['verdict'] == 'within', seconds=seconds, peak_bytes=peak,
                  crosscheck=said)


def threads(tools):
    if tools.threads() < 2:
        raise Missing('there is one core')
    directory, flags = tools.model('0.5b'), ('--input', tools.pairs(2), *LIMITS)
    rates = {'1': [], '2': []}
    for _ in range(2):
        for n, found in rates.items():
            seconds = tools.seconds_for(directory, 600, *flags, '--threads', n)
            out = tools.guerdon_bench(directory, 'scoring', seconds, *flags, '--threads', n)
            found.append(out['scoring']['alone']['rows_per_s'])
    speed_up = median(rates['2']) / median(rates['1'])
    return result(f'{speed_up:.2f}x', speed_up >= 1.9, rows_per_s=rates)


def of_others(measure, tools):
    figure, reached, details = measure(tools)
    return result(figure, reached, **details)


def growth(tools):
    """The same texts again and again, so that only their number grows. Measured from the answers to the first thousand
    rows, by which time the model is open and its weights are loaded, to the program's end."""
    directory, lines, have = tools.model('small'), [], 0
    texts = list(tools.hh_texts())[:32]
    for text, tokens in zip(texts, tools.tokens(directory, texts)):
        if have < 1000 and tokens <= 512:
            lines.append(json.dumps({'text': text}) + '\n')
            have += tokens
    command = tools.score_command(directory, '--input', '-', '--share-prefix', 'off', '--batch-tokens', str(have),
                                  '--quiet')
    runs, seconds = {1: 9, 10: 5, 100: 3}, {}
    for turn in range(max(runs.values())):
        for repeats in runs:
            if turn < runs[repeats]:
                seconds.setdefault(repeats, []).append(tools.seconds_after(command, lines, lines * repeats))
    per_row = {have * repeats: statistics.median(taken) / (have * repeats) for repeats, taken in seconds.items()}
    spread = max(per_row.values()) / min(per_row.values()) - 1
    fit = tools.whole_bench()['length'].get('fit') or {}
    figure = f'{100 * spread:.1f} % from {have} to {max(per_row)} rows'
    if fit.get('seconds_per_row_and_key', 0) > 0:
        figure += (f'; 0.5B: {1e6 * fit["seconds_per_row"]:.0f} us a row, '
                   f'{1e6 * fit["seconds_per_row_and_key"]:.3f} us more for each key')
    return result(figure, spread <= 0.1, seconds_per_row=per_row, attention=fit)


ROWS = {
    'matmul-bf16': Row('matmul, M >= 256 rows, AVX512_BF16',
                       '>= 0.95 (7B shapes) and >= 0.91 (0.5B) of peak; ahead of oneDNN', matmul_bf16),
    'matmul-avx': Row('the same, AVX2 and AVX-512F', '>= 0.90 of their peak; ahead of OpenBLAS', matmul_avx),
    'matmul-tensor': Row('matmul, 7B shapes, M = 256 rows, arithmetic of tensor cores, one core',
                         '>= 6 (AVX-512) and >= 2.5 (AVX2) GMAC/s', matmul_tensor),
    'matmul-small': Row('matmul, M = 1..64', '>= 0.70 of the smaller of peak and bandwidth x intensity', matmul_small),
    'scoring': Row('whole scoring, 0.5B, 32 texts without sharing, linear layers',
                   '>= 0.85 of peak; >= 1.5x Transformers at batch 1, >= 2.4x at batch 8, >= 1.6x llama.cpp', scoring),
    'pairs': Row('the same, pairs, with prefix sharing', '>= 2.2x Transformers at batch 1, >= 3.6x at batch 8', pairs),
    'best-of-16': Row('best of 16: answers of about 100 tokens to a prompt of 400',
                      '>= 0.9 of the token ratio faster than --share-prefix off', best_of),
    'avx2': Row('AVX2 alone against Transformers in fp32', '>= 1.4x without sharing, >= 2.1x on pairs', avx2),
    'tokenizer': Row('tokenizer, one thread, warm, HH text', '>= 60 MB/s, same ids', tokenizer),
    'start': Row('start: guerdon score of one short text, 0.5B in page cache', '<= 0.7 s', start),
    'memory': Row('memory: 7B shape, 64 HH texts, --memory 2G',
                  'peak resident <= 2.0 GiB, >= 0.90 of the resident rate', memory),
    'resident': Row('memory, resident', '<= weights + 5 % + what inspect announced', resident),
    'crosscheck': Row('cross-check of 32 HH texts, 0.5B, exact against tensor, --memory 1G',
                      'under 4 minutes, peak resident <= 1 GiB', crosscheck),
    'threads': Row('threads', '2 threads >= 1.9x one thread', threads),
    'growth': Row('cost growth', 'time per row constant within 10 % from 1,000 to 100,000 rows', growth),
    **{name: Row(what, target, lambda tools, measure=measure: of_others(measure, tools))
       for name, (what, target, measure) in {**train_rows.ROWS, **serve_rows.ROWS, **python_rows.ROWS}.items()},
}
