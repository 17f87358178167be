"""The rows of the table that are about training: `make bench ROWS=train`."""
import json
import os
import sys

from tools import PAIRS, ROOT, Missing, median

STEPS, STEP_PAIRS = 4, 16  # the first step, which touches all memory for the first time, doesn't count
SEEDS, LEARNT, HELD_OUT = (1, 2, 3), 1024, 256  # of the comparison of accuracies
FLAGS = ('--lora-r', '32', '--batch-size', '4', '--grad-accum', '4', '--learning-rate', '1e-4', '--quiet')


def base(tools):
    """SmolLM2-135M, which ./quickstart gets."""
    path = f'{ROOT}/models/smollm2-135m'
    if not os.path.exists(f'{path}/model.safetensors'):
        raise Missing('no models/smollm2-135m; ./quickstart gets it')
    return path


def peers_dtype(tools):
    """The type in which TRL is fastest here."""
    return 'bf16' if 'avx512bf16' in tools.isas else 'f32'


def train(tools, model, *flags, steps=STEPS):
    """Trains for some steps: the lines of times.jsonl, without the first, and the peak memory in bytes."""
    out = f'{tools.work}/train-{len(os.listdir(tools.work))}'
    _, peak, _ = tools.watch([f'{tools.build}/guerdon', 'train', '--model', model, '--train',
                              tools.pairs(steps * STEP_PAIRS), '--output', out, *FLAGS, *flags])
    with open(f'{out}/times.jsonl', encoding='utf-8') as f:
        return [json.loads(line) for line in f][1 if steps > 1 else 0:], peak


def rate(lines, key='pairs'):
    return sum(line[key] for line in lines) / sum(line['seconds'] for line in lines)


def peak_rate(tools, threads):
    """GFLOP/s of a loop that uses nothing but registers, by the instruction set of the products, measured now."""
    out = tools.guerdon_bench(f'{ROOT}/tests/data/golden/qwen2', 'scoring', 2)
    rates = [p['gflops'] for p in out['peak'] if p['threads'] == threads]
    if not rates:
        raise Missing('the peak of these kernels is unknown')
    return max(rates)


def rounds(tools):
    """guerdon and TRL in turn, on the same pairs."""
    if 'train' in tools.cached:
        return tools.cached['train']
    model, dtype = base(tools), peers_dtype(tools)
    found = {'guerdon': [], 'peak': [], 'trl': [], 'why': None, 'dtype': dtype}
    for _ in range(tools.rounds):
        found['guerdon'].append(train(tools, model))
        found['peak'].append(peak_rate(tools, tools.threads()))
        if not found['why']:
            try:
                found['trl'].append(tools.peer('trl_train.py', model, PAIRS, STEPS * STEP_PAIRS, dtype)[0])
            except Missing as why:
                found['why'] = str(why)
    tools.cached['train'] = found
    return found


def trl_rate(one):
    return STEP_PAIRS * len(one['step_seconds'][1:]) / sum(one['step_seconds'][1:])


def speed(tools):
    found = rounds(tools)
    ours = median([rate(lines) for lines, _ in found['guerdon']])
    theirs = median([trl_rate(one) for one in found['trl']])
    times = ours / theirs if theirs else None
    figure = f'{ours:.2f} pairs/s; TRL ({found["dtype"]}) ' + (
        f'{theirs:.2f}: {times:.2f}x' if times else f'not measured: {found["why"]}')
    return figure, None if times is None else times >= 6, {'pairs_per_s': ours, 'trl': found['trl']}


def newest(tools):
    """Guerdon, then the newest TRL."""
    model, dtype = base(tools), peers_dtype(tools)
    ours = median([rate(train(tools, model)[0]) for _ in range(tools.rounds)])
    other = tools.peer('trl_train.py', model, PAIRS, STEPS * STEP_PAIRS, dtype, newest=True)[0]
    times = ours / trl_rate(other)
    return (f'{ours:.2f} pairs/s; TRL {other["trl"]} ({dtype}) {trl_rate(other):.2f}: {times:.2f}x', times >= 6,
            {'pairs_per_s': ours, 'trl': other})


def first_lines(source, count, to):
    with open(source, encoding='utf-8') as f, open(to, 'w', encoding='utf-8') as out:
        out.writelines(line for _, line in zip(range(count), f))
    return to


def accuracy(tools):
    """The same pairs, seeds and learning rate; TRL takes half an hour for each seed on two cores."""
    model, dtype = base(tools), peers_dtype(tools)
    tools.run([sys.executable, f'{ROOT}/bench/train_data.py', tools.work])
    pairs = first_lines(f'{tools.work}/hh-train.jsonl', LEARNT, f'{tools.work}/learnt.jsonl')
    held = first_lines(f'{tools.work}/hh-eval.jsonl', HELD_OUT, f'{tools.work}/held.jsonl')
    ours, theirs = [], []
    for seed in SEEDS:
        out = f'{tools.work}/accuracy-{seed}'
        tools.run([f'{tools.build}/guerdon', 'train', '--model', model, '--train', pairs, '--eval', held, '--output', out,
                   *FLAGS, '--warmup-steps', str(LEARNT // 160), '--seed', str(seed)])
        with open(f'{out}/log.jsonl', encoding='utf-8') as f:
            ours += [line['eval_accuracy'] for line in map(json.loads, f) if 'eval_accuracy' in line][-1:]
        theirs.append(tools.peer('trl_train.py', model, pairs, LEARNT, dtype, held, 1e-4, seed)[0]['eval_accuracy'])
    shown = [', '.join(f'{100 * a:.1f}' for a in some) for some in (ours, theirs)]
    return (f'{shown[0]} %; TRL {shown[1]} %', median(ours) >= min(theirs), {'guerdon': ours, 'trl': theirs})


def of_peak(tools):
    found = rounds(tools)
    parts = [rate(lines, 'linear_gflop') / peak for (lines, _), peak in zip(found['guerdon'], found['peak'])]
    gflops = median([rate(lines, 'linear_gflop') for lines, _ in found['guerdon']])
    return f'{median(parts):.3f} of peak, {gflops:.0f} GFLOP/s', median(parts) >= 0.7, {'of_peak': parts}


def memory(tools):
    found = rounds(tools)
    ours, theirs = median([peak for _, peak in found['guerdon']]), median([one['peak_bytes'] for one in found['trl']])
    figure = f'{ours / 2**20:.0f} MiB; TRL ' + (
        f'{theirs / 2**20:.0f} MiB: {ours / theirs:.2f}x' if theirs else f'not measured: {found["why"]}')
    return figure, None if theirs is None else ours <= 0.5 * theirs, {'peak_bytes': ours, 'trl_peak_bytes': theirs}


def threads(tools):
    if tools.threads() < 2:
        raise Missing('there is one core')
    rates = {'1': [], '2': []}
    for _ in range(max(2, tools.rounds)):
        for n, found in rates.items():
            found.append(rate(train(tools, base(tools), '--threads', n, steps=3)[0]))
    speed_up = median(rates['2']) / median(rates['1'])
    return f'{speed_up:.2f}x', speed_up >= 1.85, {'pairs_per_s': rates}


def streamed(tools):
    """One step of 16 pairs through layers of the 7B shape: all weights in memory, and --memory 6G."""
    directory = tools.model('7b14')
    lines, peak = train(tools, directory, '--memory', '6G', '--checkpoint-layers', 'on', steps=1)
    whole, _ = train(tools, directory, '--checkpoint-layers', 'on', steps=1)
    part = rate(lines) / rate(whole)
    return (f'{lines[0]["seconds"]:.0f} s, {peak / 2**30:.2f} GiB; {part:.2f} of the rate with all weights in memory',
            peak <= 6 << 30 and part >= 0.85, {'streamed': lines, 'resident': whole, 'peak_bytes': peak})


ROWS = {
    'train': ('training: SmolLM2-135M, r = 32, all projections, batch 4 x 4, HH pairs', '>= 6x TRL', speed),
    'train-newest': ('the same, against the newest TRL', '>= 6x TRL', newest),
    'train-peak': ('the same, linear layers on rows actually computed', '>= 0.70 of peak', of_peak),
    'train-memory': ('the same, peak memory', '<= 0.5x TRL', memory),
    'train-threads': ('training, threads', '2 threads >= 1.85x one thread', threads),
    'train-accuracy': ('accuracy on 256 held-out HH pairs after 1,024, r = 32, learning rate 1e-4, 3 seeds',
                       "within TRL's own spread, or better", accuracy),
    'train-7b': ('training: layers of the 7B shape, one step of 16 pairs, --memory 6G, layers computed again',
                 'peak resident <= 6 GiB, >= 0.85 of the resident rate', streamed),
}
