"""Client against `guerdon serve` itself: the scores of Model, bit for bit, from many threads at once."""
import os
import re
import subprocess
import tempfile
import threading
import unittest

from common import MODEL, PROGRAM, Case
from guerdon import Client, Model, ServerError, TooLongError

TEXTS = [f'Is tea number {i} hot?' for i in range(128)]
PAIRS = [('Is tea hot? ', f'Yes, {i}.', f'No, {i}.') for i in range(20)]


def can_serve():
    """Whether the program was built with a server."""
    said = subprocess.run([PROGRAM, 'serve', '--model', 'none'], capture_output=True, check=False).stderr
    return b'needs libmicrohttpd' not in said


@unittest.skipUnless(can_serve(), 'this build has no server: libmicrohttpd is missing')
class Served(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        key = os.path.join(cls.folder.name, 'key')
        with open(key, 'w', encoding='utf-8') as file:
            file.write('open-sesame-please\n')
        os.chmod(key, 0o600)
        cls.process = subprocess.Popen([PROGRAM, 'serve', '--model', MODEL, '--port', '0', '--api-key-file', key],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = cls.process.stdout.readline()
        cls.url = re.fullmatch(r'listening on (http://\S+)\n', line)[1]
        cls.client = Client(cls.url, key='open-sesame-please')
        cls.model = Model(MODEL)

    @classmethod
    def tearDownClass(cls):
        cls.model.close()
        cls.process.terminate()
        cls.process.communicate(timeout=60)
        cls.folder.cleanup()

    def test_same_scores(self):
        items = [*TEXTS[:3], [40, 82, 1315], {'prompt': 'Is tea ', 'response': 'hot?'}]
        self.assertBits(self.client.score(items), self.model.score(items))
        self.assertBits(self.client.score_pairs(PAIRS).margins, self.model.score_pairs(PAIRS).margins)
        ours, theirs = self.client.rank('p', ['a', 'b', 'c', 'b']), self.model.rank('p', ['a', 'b', 'c', 'b'])
        self.assertBits(ours.scores, theirs.scores)
        self.assertEqual([ours.ranks, ours.order, ours.tokens], [theirs.ranks, theirs.order, theirs.tokens])
        self.assertEqual(self.client.tokenize(TEXTS[:2]), self.model.tokenize(TEXTS[:2]))
        self.assertEqual(self.client.pieces(TEXTS[:2]), self.model.pieces(TEXTS[:2]))
        self.assertEqual(len(self.client.score([])), 0)
        self.assertTrue(self.client.inspect())

    def test_results_are_the_same(self):
        items = ['a' * 5000, 'a', {'prompt': 'p', 'responses': ['a', 'b']}, {'text': 'a', 'chosen': 'b'}]
        for ours, theirs in zip(self.client.items(items), self.model.items(items), strict=True):
            self.assertEqual((ours.status, ours.tokens, ours.truncated),
                             (theirs.status, theirs.tokens, theirs.truncated))
            self.assertBits(ours.scores, theirs.scores)
        self.assertSays(TooLongError, 'item 0: ', self.client.score, items[:2])

    def test_how(self):
        short = Client(self.url, key='open-sesame-please', truncate='left', max_length=4)
        with Model(MODEL, truncate='left', max_length=4) as model:
            self.assertBits(short.score(TEXTS), model.score(TEXTS))
            self.assertEqual([item.truncated for item in short.items(TEXTS)], [True] * len(TEXTS))

    def test_key(self):
        failure = self.assertSays(ServerError, '401', Client(self.url).score, ['a'])
        self.assertEqual(failure.http_status, 401)

    def test_threads(self):
        wanted, found = self.model.score(TEXTS), [None] * len(TEXTS)

        def work(number):
            for at in range(number, len(TEXTS), 64):
                found[at] = self.client.score([TEXTS[at]])[0]

        threads = [threading.Thread(target=work, args=(i,)) for i in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertBits(found, wanted)


if __name__ == '__main__':
    unittest.main()
