"""The rows of the package for Python: how soon it gives a score, and what it adds to the library's own time."""
import json
import os
import time

from tools import ROOT, Missing, median

MODEL = f'{ROOT}/models/smollm2-135m'
TEXT = 'Human: Is tea hot?\n\nAssistant: Yes, it usually is.'
FIRST = 'from guerdon import Model\nModel({model!r}).score([{text!r}])'
# Short texts, on which whatever Python does for each of them weighs most.
MANY = '''
import json, time
import guerdon._model as module
from guerdon import Model

class Timed:
    """The library, whose scoring is timed."""
    def __init__(self, lib): self.lib, self.seconds = lib, 0
    def __getattr__(self, name): return getattr(self.lib, name)
    def gd_score_items(self, *arguments):
        start = time.perf_counter()
        try: return self.lib.gd_score_items(*arguments)
        finally: self.seconds += time.perf_counter() - start

module.lib = Timed(module.lib)
model = Model({model!r})
texts = [f'Is tea number {{i}} hot?' for i in range(1000)]
model.score(texts[:10])
module.lib.seconds = 0
start = time.perf_counter()
model.score(texts)
print(json.dumps([time.perf_counter() - start, module.lib.seconds]))
'''


def package(tools):
    """A command that runs Python with the package of this build, and its environment."""
    python, site = f'{tools.build}/venv/bin/python', f'{tools.work}/site'
    if not os.path.exists(python):
        raise Missing(f'there is no {python}, which tests/python/package.sh makes')
    if not os.path.isdir(MODEL):
        raise Missing('there is no models/smollm2-135m, which ./quickstart makes')
    if not os.path.isdir(site):
        tools.run([python, '-m', 'pip', 'install', '-q', '--no-build-isolation', '--no-deps', '--target', site,
                   f'{ROOT}/python'], env={'GUERDON_BUILD': tools.build})
    return python, {'PYTHONPATH': site}


def first_score(tools):
    python, env = package(tools)
    script = FIRST.format(model=MODEL, text=TEXT)
    tools.run([python, '-c', script], env=env)
    seconds = []
    for _ in range(max(tools.rounds, 5)):
        start = time.perf_counter()
        tools.run([python, '-c', script], env=env)
        seconds.append(time.perf_counter() - start)
    figure = median(seconds)
    return f'{figure:.2f} s', figure <= 0.5, {'seconds': seconds}


def overhead(tools):
    python, env = package(tools)
    runs = [json.loads(tools.run([python, '-c', MANY.format(model=MODEL)], env=env)) for _ in range(tools.rounds)]
    added = median([whole / inside - 1 for whole, inside in runs])
    return f'{100 * added:.2f} %', added <= 0.02, {'runs': [{'seconds': w, 'library': i} for w, i in runs]}


ROWS = {
    'python-start': ('Python: start, import guerdon and a first score of SmolLM2-135M', '<= 0.5 s', first_score),
    'python-overhead': ("Python: time added to the library's own, 1,000 short texts, SmolLM2-135M", '<= 2 %', overhead),
}
