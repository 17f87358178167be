"""Hooks that ask a server: the rewards are those of a model in this process."""

import http.server
import pickle
import threading
import unittest

from common import Case
from guerdon import Client, Model, ServerError
from guerdon.trl import reward_func
from hooks import CHAT, MODEL, TURNS, need, program_lines, program_scores, some_pairs
from test_client import Handler


class Server(Case):
    def setUp(self):
        self.model = Model(MODEL, **CHAT)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.model, self.server.troubles, self.server.asked = self.model, [], []
        thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        for end in (self.model.close, thread.join, self.server.server_close, self.server.shutdown):
            self.addCleanup(end)

    def test_rewards(self):
        reward = reward_func(url=self.url, key='sesame')
        wanted = program_scores([{'messages': TURNS}, {'text': 'a b'}], '--chat-format', 'chatml')
        for function in (reward, pickle.loads(pickle.dumps(reward))):
            found = function(prompts=[TURNS[:1], 'x', 'a '], completions=[TURNS[1:], None, 'b'])
            self.assertBits([found[0], found[2]], wanted)
            self.assertIsNone(found[1])
        self.assertEqual([len(body['items']) for _, body in self.server.asked], [2, 2])
        self.assertEqual(reward.__name__, 'guerdon')

    def test_wrong_key(self):
        with self.assertRaises(ServerError):
            reward_func(url=self.url, key='open')(['a'], ['b'])

    def test_tables(self):
        pa, data = need('pyarrow', 'guerdon.data')
        rows = [{'id': i, 'good': one['chosen'], **one} for i, one in enumerate(some_pairs())]
        for row in rows:
            del row['chosen']
        found = data.score(Client(self.url, key='sesame'), pa.Table.from_pylist(rows), fields='chosen=good')
        for name in ('chosen', 'rejected', 'margin'):
            self.assertBits(found[f'score_{name}'].to_pylist(), [line[name] for line in program_lines(some_pairs())])


if __name__ == '__main__':
    unittest.main()
