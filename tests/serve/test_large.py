"""Large bodies, which are read in a thread of their own: nobody waits for them, and nothing of them stays."""
import select
import signal
import threading
import time
import unittest

from serving import PATIENCE, Server, everything, parse, request, scores_of, sentence_of

TEXT = 'Is tea hot?'
TRIES = 10


def zeros(count, text=TEXT, end=b'0]}'):
    """Two bytes of a body for each, and 48 bytes of memory."""
    return b'{"query":["' + text.encode() + b'"],"zeros":[' + b'0,' * (count - 1) + end


def bytes_to_read(server, client):
    """How many have come for the server that it has not read."""
    ports = [f'{port:04X}' for port in (server.port, client.getsockname()[1])]
    with open('/proc/net/tcp', encoding='ascii') as f:
        for line in f:
            _, local, other, _, queues, *_ = line.split()
            if [local[-4:], other[-4:]] == ports:
                return int(queues.split(':')[1], 16)
    return 0


class Large(unittest.TestCase):
    def answered_in_between(self, server, count):
        """Whether others get answers between the end of a large body, which lacks a bracket, and its own answer."""
        data = request('POST', '/get_reward', zeros(count, end=b'0]'))
        with server.connect() as c:
            c.sendall(data[:-1])
            while bytes_to_read(server, c):
                self.assertEqual(server.ask('GET', '/health')[0], 200)
            c.sendall(data[-1:])
            for _ in range(3):  # the first one may come to the server together with the last byte
                self.assertEqual(server.ask('GET', '/health')[0], 200)
            between = not select.select([c], [], [], 0)[0]
            self.assertEqual(parse(everything(c))[0], 400)
        return between

    def test_others_do_not_wait(self):
        with Server() as s:
            for count in (4000000, 500000):  # the second one is large by its values alone
                self.assertTrue(any(self.answered_in_between(s, count) for _ in range(TRIES)), count)

    def test_answers(self):
        with Server() as s:
            score, = scores_of([TEXT])
            self.assertEqual(s.post('/get_reward', zeros(700000))[1]['rewards'], [score])
            self.assertEqual(s.post('/get_reward', zeros(30000))[1]['rewards'], [score])
            self.assertEqual(s.post('/get_reward', {'query': [TEXT], 'note': 'x' * 2000000})[1]['rewards'], [score])
            many = {'query': [f'{TEXT} {i}' for i in range(40)], 'note': 'x' * 2000000}
            self.assertEqual(s.post('/get_reward', many)[1]['rewards'], scores_of(many['query']))
            for body, sentence in ((b' ' * 2000000, 'the body: not valid JSON: the text ends where a value is expected'),
                                   (b'[' + zeros(700000) + b']', 'the body is a list, but a JSON object is expected'),
                                   (b'{"query":"' + b'x' * 2000000 + b'"}',
                                    'the field "query" is a string, but a list is expected')):
                status, _, answer = s.ask('POST', '/get_reward', body)
                self.assertEqual((status, sentence_of(answer)), (400, sentence))
            self.assertEqual(s.post('/verify', b'{"x":"' + b'x' * 2000000 + b'"}')[0], 400)
            self.assertEqual(s.post('/rerank', b'{"texts":[],"query":"' + b'x' * 2000000 + b'"}'), (200, []))

    def test_what_they_take_is_given_back(self):
        """One body takes nearly all that all bodies may, and the next one can: also after clients that went away."""
        body = zeros(600000)
        with Server('--max-body', str(2 << 20)) as s:
            for go in (False, True, False, True, False):
                if go:
                    with s.connect() as c:
                        c.sendall(request('POST', '/get_reward', body))
                until, status = time.monotonic() + PATIENCE, 503
                while status == 503 and time.monotonic() < until:
                    status, headers, _ = s.ask('POST', '/get_reward', body)
                self.assertEqual(status, 200)
            self.assertEqual(s.end()[0], 0)

    def test_a_client_that_goes_away_loses_its_place(self):
        body = {'query': [f'{i} ' * 300 for i in range(200)], 'note': 'x' * 2000000}
        with Server('--batch-tokens', '64', '--isa', 'generic') as s:
            with s.connect() as c:
                c.sendall(request('POST', '/get_reward', body))
                s.wait_for('queue_requests', 1)
            s.wait_for('queue_requests', 0)
            self.assertEqual(s.metric('cancelled_total'), 1)
            self.assertLess(s.metric('items_total'), 200)

    def test_what_they_would_take_is_known_before_they_are_read(self):
        with Server('--max-body', str(2 << 20)) as s:
            status, _, answer = s.ask('POST', '/get_reward', zeros(900000, end=b'this is no JSON'))
            self.assertEqual(status, 413)
            self.assertIn('16 times --max-body', sentence_of(answer))

    def test_many_at_once(self):
        score, = scores_of([TEXT])
        got = []

        def client(s, size):
            got.append(s.post('/get_reward', zeros(size))[1]['rewards'])

        with Server('--max-body', str(64 << 20)) as s:
            clients = [threading.Thread(target=client, args=(s, size)) for size in (1000, 100000, 50000, 10) * 4]
            for c in clients:
                c.start()
            for c in clients:
                c.join()
            self.assertEqual(got, [[score]] * 16)

    def test_the_end(self):
        """What has arrived is answered; after a second signal, what is not read need not be."""
        data = request('POST', '/get_reward', zeros(2000000))
        for impatient in (False, True):
            with Server('--max-body', str(64 << 20)) as s:
                clients = [s.connect() for _ in range(5)]
                for c in clients:
                    c.sendall(data)
                while any(bytes_to_read(s, c) for c in clients):
                    self.assertEqual(s.ask('GET', '/health')[0], 200)
                s.process.send_signal(signal.SIGTERM)
                s.process.stderr.readline()
                if impatient:
                    s.process.send_signal(signal.SIGTERM)
                statuses = {parse(everything(c))[0] for c in clients}
                self.assertLessEqual(statuses, {200, 503, 0} if impatient else {200, 503})
                self.assertIn(s.process.wait(PATIENCE), (0, 130) if impatient else (0,))
                for c in clients:
                    c.close()


if __name__ == '__main__':
    unittest.main(verbosity=2)
