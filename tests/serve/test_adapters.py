"""Several adapters over one model: each request gets the bits that guerdon score gives with its adapter."""
import json
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

from serving import DATA, GUERDON, PATIENCE, Server, scores_of

TEXTS = [f'{"Is tea hot? " * (i % 7 + 1)}{i * 7919 % 97}' for i in range(40)]
FOLDERS = {None: 'qwen2-lora', 'final': 'train-ga1/final', 'other': 'train-ga4/final', 'step0': 'train-ga1/step0'}


def folder(name):
    return f'{DATA}/golden/{FOLDERS[name]}'


FLAGS = ['--adapter', folder(None), '--adapter', f'final={folder("final")}', '--adapter', f'other={folder("other")}',
         '--adapter', folder('step0') + '/']


def wanted():
    return {name: dict(zip(TEXTS, scores_of(TEXTS, '--adapter', folder(name)))) for name in FOLDERS}


def bodies(texts, name):
    """What each kind of client sends for an adapter, and where its answer has the scores."""
    of = {'model': name} if name else {}
    yield ('/v1/reward', {'items': [{'text': t} for t in texts], **({'adapter': name} if name else {})},
           lambda a: [one['score'] for one in a['results']])
    yield ('/classify', {'input': texts, 'use_activation': False, **of}, lambda a: [d['probs'][0] for d in a['data']])
    yield '/pooling', {'input': texts, 'use_activation': False, **of}, lambda a: [d['data'][0] for d in a['data']]
    yield '/v1/embeddings', {'input': texts, **of}, lambda a: [d['embedding'][0] for d in a['data']]


class Adapters(unittest.TestCase):
    def test_each_has_its_scores(self):
        want = wanted()
        with Server(*FLAGS) as s:
            for name in FOLDERS:
                for path, body, scores in bodies(TEXTS[:5], name):
                    status, answer = s.post(path, body)
                    self.assertEqual((status, scores(answer) if status == 200 else answer),
                                     (200, [want[name][t] for t in TEXTS[:5]]), f'{path} {name}')
            # its clients can't name one
            self.assertEqual(s.post('/get_reward', {'query': TEXTS})[1]['rewards'], [want[None][t] for t in TEXTS])

    def test_clients_of_all_at_once(self):
        want, wrong = wanted(), []

        def client(s, seed):
            chance = random.Random(seed)
            for _ in range(8):
                name, texts = chance.choice(list(FOLDERS)), chance.sample(TEXTS, chance.randint(1, 4))
                path, body, scores = chance.choice(list(bodies(texts, name)))
                status, answer = s.post(path, body)
                if status != 200 or scores(answer) != [want[name][t] for t in texts]:
                    wrong.append((path, name, status, answer))

        with Server(*FLAGS, '--batch-tokens', '150') as s:
            clients = [threading.Thread(target=client, args=(s, seed)) for seed in range(32)]
            for c in clients:
                c.start()
            for c in clients:
                c.join()
            self.assertEqual(wrong, [])
            self.assertGreater(s.metric('rows_saved_total'), 0)

    def test_says_which(self):
        with Server(*FLAGS) as s:
            models = json.loads(s.ask('GET', '/v1/models')[2])['data']
            self.assertEqual([(m['id'], m['parent']) for m in models],
                             [('qwen2', None), ('final', 'qwen2'), ('other', 'qwen2'), ('step0', 'qwen2')])
            self.assertEqual(json.loads(s.ask('GET', '/info')[2])['adapters'], ['final', 'other', 'step0'])
            hashes = set()
            for name in FOLDERS:
                answer = s.post('/v1/reward', {'items': [], **({'adapter': name} if name else {})})[1]
                self.assertEqual((answer['model'], answer['adapter']), ('qwen2', name))
                hashes.add(answer['adapter_hash'])
            self.assertEqual(len(hashes), 4)
            self.assertNotIn(None, hashes)
            for field in ('model', 'adapter'):
                self.assertEqual(s.post('/v1/reward', {'items': [], field: 'absent'})[0], 404)

    def test_the_first_is_for_those_that_name_none(self):
        """Also if it has a name, and the base no head of its own."""
        text = TEXTS[:1]
        want = {name: scores_of(text, '--adapter', folder(name), model='golden/qwen2-causal') for name in FOLDERS}
        flags = ['--adapter', f'other={folder("other")}', '--adapter', f'final={folder("final")}']
        with Server(*flags, model='golden/qwen2-causal') as s:
            for asked, name in ((None, 'other'), ('other', 'other'), ('final', 'final')):
                answer = s.post('/v1/reward', {'items': [{'text': text[0]}], **({'adapter': asked} if asked else {})})[1]
                self.assertEqual((answer['adapter'], [answer['results'][0]['score']]), (name, want[name]))

    def test_tokens_are_those_of_the_adapter(self):
        with tempfile.TemporaryDirectory() as parent:
            own = shutil.copytree(folder('final'), f'{parent}/own')
            for name in ('tokenizer.json', 'tokenizer_config.json'):
                with open(f'{DATA}/golden/qwen2/{name}', encoding='utf-8') as f, \
                        open(f'{own}/{name}', 'w', encoding='utf-8') as out:
                    out.write(f.read().replace('<|im_end|>', '<|the_end|>'))
            with Server('--adapter', folder(None), '--adapter', own) as s:
                for name, end in (('qwen2', '<|im_end|>'), ('own', '<|the_end|>')):
                    answer = s.post('/tokenize', {'prompt': f'tea{end}', 'model': name, 'return_token_strs': True})[1]
                    self.assertEqual(answer['token_strs'], ['t', 'e', 'a', end])

    def test_bad_ones(self):
        final = folder('final')
        with tempfile.TemporaryDirectory() as empty:
            for flags, sentence in (
                    ([f'a={final}', f'a={folder(None)}'], 'two adapters have the name "a"'),
                    ([final, final, f'{final}/'], 'two adapters have the name "final"'),
                    ([f'qwen2={final}'], 'an adapter has the name of the model, "qwen2"'),
                    (['a='], '--adapter is "a="'),
                    ([final, '/'], 'the name "" has 0 characters'),
                    ([f'{"a" * 64}={final}'], f'the name "{"a" * 64}" has 64 characters'),
                    ([final, f'a={empty}'], f'{empty}/adapter_config.json: '),
                    ([final, f'a={DATA}/golden/qwen2'], 'this is a model, not an adapter'),
                    ([final, f'a={DATA}/golden/gemma2-lora'], 'gemma2-lora/adapter_model.safetensors: '),
                    ([final] * 65, 'has more than 64 values')):
                command = [GUERDON, 'serve', '--model', f'{DATA}/golden/qwen2', '--port', '0']
                done = subprocess.run([*command, *(part for f in flags for part in ('--adapter', f))],
                                      capture_output=True, text=True, timeout=PATIENCE)
                self.assertNotEqual(done.returncode, 0, flags)
                self.assertIn(sentence, done.stderr)
                self.assertEqual(done.stdout, '')

    def test_a_folder_with_an_equals_sign(self):
        with tempfile.TemporaryDirectory() as parent:
            shutil.copytree(folder('final'), f'{parent}/lr=1e-5')
            with Server('--adapter', folder(None), '--adapter', 'lr=1e-5', cwd=parent) as s:
                self.assertEqual(json.loads(s.ask('GET', '/info')[2])['adapters'], ['lr=1e-5'])


if __name__ == '__main__':
    unittest.main()
