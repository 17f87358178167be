"""Client against a server in this process that answers as `guerdon serve` does, with the scores of a model."""
import http.server
import json
import threading
import unittest

from common import MODEL, Case
from guerdon import BusyError, Client, Model, ServerError, TooLongError, UsageError

RECORDS = [{'prompt': 'Is tea hot? ', 'response': 'Yes.'}, {'text': 'a'}]
# One of these margins is another float32 where the digits of the scores are subtracted.
PAIRS = [{'prompt': 'Is tea hot? ', 'chosen': f'Yes, {i}.', 'rejected': f'No, {i}.'} for i in range(20)]


def line(item, record):
    """A result as the server writes it."""
    if item.error:
        return {'index': item.index, 'error': item.error, 'status': item.status}
    scores = [float(f'{score:.9g}') for score in item.scores]
    if 'responses' in record:
        return {'index': item.index, 'scores': scores, 'tokens': item.tokens}
    if 'chosen' in record:
        return {'index': item.index, 'chosen': scores[0], 'rejected': scores[1], 'margin': item.margin,
                'tokens': item.tokens}
    return {'index': item.index, 'score': scores[0], 'tokens': item.tokens[0]}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.server.asked.append((self.path, body))
        if self.server.troubles:
            return self.send(*self.server.troubles.pop(0))
        if self.headers.get('Authorization') != 'Bearer sesame':
            return self.send(401, {'error': {'message': 'the key is missing or wrong'}})
        if self.path == '/tokenize':
            return self.send(200, {'tokens': self.server.model.tokenize([body['prompt']])[0]})
        records = [one.get('ids', one) for one in body['items']]
        items = self.server.model.items(records)
        return self.send(200, {'results': [line(*both) for both in zip(items, body['items'])]})

    def do_GET(self):
        self.send(200, {'model_id': 'tiny'})

    def send(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in [('Content-Length', str(len(data))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Served(Case):
    def setUp(self):
        self.model = Model(MODEL)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.model, self.server.troubles, self.server.asked = self.model, [], []
        thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.client = Client(self.url, key='sesame', batch=2)
        for end in (self.model.close, thread.join, self.server.server_close, self.server.shutdown):
            self.addCleanup(end)

    def test_same_scores(self):
        texts = ['Is tea hot?', 'a', [1, 2, 3], RECORDS[0], 'naïve ☕']
        self.assertBits(self.client.score(texts), self.model.score(texts))
        self.assertEqual([len(body['items']) for _, body in self.server.asked], [2, 2, 1])
        ours, theirs = self.client.score_pairs(PAIRS), self.model.score_pairs(PAIRS)
        self.assertBits(ours.margins, theirs.margins)
        self.assertBits(ours.chosen, theirs.chosen)
        ours, theirs = self.client.rank('p', ['a', 'b', 'c', 'b']), self.model.rank('p', ['a', 'b', 'c', 'b'])
        self.assertBits(ours.scores, theirs.scores)
        self.assertEqual([ours.ranks, ours.order, ours.best, ours.ties, ours.tokens],
                         [theirs.ranks, theirs.order, theirs.best, theirs.ties, theirs.tokens])
        self.assertEqual(self.client.tokenize(['Is tea hot?']), self.model.tokenize(['Is tea hot?']))
        self.assertEqual(self.client.inspect(), {'model_id': 'tiny'})

    def test_eval(self):
        ours, theirs = self.client.eval(PAIRS), self.model.eval(PAIRS)
        for name in ('pairs', 'accuracy', 'margin', 'loss', 'ece', 'brier', 'ties'):
            self.assertEqual(ours[name], theirs[name], name)
        self.assertEqual(ours['details']['calibration'], theirs['details']['calibration'])

    def test_errors_of_items(self):
        items = self.client.items(['a' * 5000, 'a'])
        self.assertEqual([item.status for item in items], ['GD_ETOOLONG', 'GD_OK'])
        self.assertSays(TooLongError, 'item 1: the text has', self.client.score, ['a', 'a' * 5000])

    def test_what_is_asked(self):
        client = Client(self.url + '/', key='sesame', truncate='left', max_length=7, adapter='mine')
        client.score(['a'])
        self.assertEqual(self.server.asked[-1], ('/v1/reward', {
            'items': [{'text': 'a'}], 'truncate': 'left', 'max_length': 7, 'adapter': 'mine'}))

    def test_busy(self):
        busy = (503, {'error': 'too much waits'}, [('Retry-After', '0')])
        self.server.troubles = [busy, busy, (429, b'slow down', [('Retry-After', '0')])]
        self.assertBits(self.client.score(['a']), self.model.score(['a']))
        self.server.troubles = [(503, {'error': 'too much waits'}, [('Retry-After', '30')])]
        client = Client(self.url, key='sesame', patience=0)
        failure = self.assertSays(BusyError, '503 for 0 s: too much waits', client.score, ['a'])
        self.assertEqual(failure.status, 'GD_EBUSY')

    def test_troubles(self):
        stranger = Client(self.url)
        failure = self.assertSays(ServerError, '/v1/reward: 401: the key is missing or wrong', stranger.score, ['a'])
        self.assertEqual(failure.http_status, 401)
        for words, trouble in (
                ('500: out of order', (500, b'out of order')),
                ('400: malformed', (400, {'error': {'message': 'malformed'}})),
                ('the answer is not JSON', (200, b'<html>')),
                ('the answer has no "results" with 1 element', (200, {'results': []})),
                ('the answer has no "results" with 1 element', (200, [1]))):
            with self.subTest(trouble):
                self.server.troubles = [trouble]
                self.assertSays(ServerError, words, self.client.score, ['a'])

    def test_nobody_listens(self):
        with http.server.HTTPServer(('127.0.0.1', 0), Handler) as other:
            url = f'http://127.0.0.1:{other.server_port}'
        self.assertSays(ServerError, f'{url}/v1/reward: ', Client(url).score, ['a'])

    def test_arguments(self):
        for url in ('127.0.0.1:8080', 'ftp://host', 'http://', 'http://host:port', 'http://host:99999', None, 3):
            self.assertSays(UsageError, f'url={url!r}: expected a server', Client, url)
        for words, keywords in (
                ('batch=0: expected a whole number', {'batch': 0}), ('batch=True: expected', {'batch': True}),
                ("batch='9': expected", {'batch': '9'}), ('batch=1.5: expected', {'batch': 1.5}),
                ("timeout='9': expected a number of seconds", {'timeout': '9'}),
                ('patience=-1: expected a number of seconds', {'patience': -1}),
                ('patience=nan: expected a number of seconds', {'patience': float('nan')})):
            self.assertSays(UsageError, words, Client, self.url, **keywords)
        self.assertSays(UsageError, 'one item was given', self.client.score, 'abc')
        for call in (self.client.score, self.client.score_pairs, self.client.tokenize):
            self.assertSays(UsageError, 'None was given: expected a list', call, None)
        self.assertSays(UsageError, 'item 0 is 3: expected', self.client.score, [3])
        self.assertSays(UsageError, 'a server takes token ids alone', self.client.score_pairs, [([1], [2])])

    def test_needs_no_proxy_for_this_machine(self):
        import os
        from unittest import mock
        with mock.patch.dict(os.environ, {'http_proxy': 'http://127.0.0.1:1'}):
            self.assertBits(Client(self.url, key='sesame').score(['a']), self.model.score(['a']))


if __name__ == '__main__':
    unittest.main()
