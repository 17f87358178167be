"""The server as its clients see it: its guards, its queue and its end."""
import json
import os
import random
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from serving import PATIENCE, Server, everything, parse, parse_all, request, scores_of, sentence_of

TEXTS = [f'{"Is tea hot? " * (i % 7 + 1)}{i * 7919 % 97}' for i in range(120)]


def room_for_descriptors(count):
    """Of this process and of the servers that it starts."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < count:
        raise unittest.SkipTest(f'only {most} descriptors are allowed here, but {count} are needed')
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), most))


class Answers(unittest.TestCase):
    def test_says_what_it_is(self):
        with Server('--served-name', 'mine') as s:
            self.assertEqual(s.ask('GET', '/health')[0], 200)
            self.assertEqual(s.ask('GET', '/ping')[0], 200)
            models = json.loads(s.ask('GET', '/v1/models')[2])
            self.assertEqual(models['data'][0]['id'], 'mine')
            paths = json.loads(s.ask('GET', '/openapi.json')[2])['paths']
            self.assertIn('post', paths['/v1/reward'])
            self.assertIn('get', paths['/health'])
            status, headers, body = s.ask('HEAD', '/health')
            self.assertEqual((status, body), (200, b''))
            self.assertNotEqual(headers['content-length'], '0')

    def test_scores_are_those_of_score(self):
        want = scores_of(TEXTS)
        with Server() as s:
            for i in (0, 7, 119):
                self.assertEqual(s.post('/get_reward', {'query': [TEXTS[i]]})[1]['rewards'], [want[i]])
            self.assertEqual(s.post('/get_reward', {'query': TEXTS})[1]['rewards'], want)

    def test_requests_on_one_connection(self):
        want = scores_of(TEXTS[:3])
        with Server() as s, s.connect() as c:
            for i in range(3):
                c.sendall(request('POST', '/get_reward', {'query': [TEXTS[i]]}, close=False))
            c.sendall(request('GET', '/health'))
            answers = parse_all(everything(c))
            self.assertEqual([a[0] for a in answers], [200] * 4)
            self.assertEqual([json.loads(a[1])['rewards'][0] for a in answers[:3]], want)

    def test_many_clients(self):
        """64 at once, some of which go away before their answer: the others get the bits of guerdon score."""
        want, wrong = dict(zip(TEXTS, scores_of(TEXTS))), []

        def client(s, seed):
            chance = random.Random(seed)
            for _ in range(6):
                texts = chance.sample(TEXTS, chance.randint(1, 5))
                if chance.random() < 0.25:
                    with s.connect() as c:
                        c.sendall(request('POST', '/get_reward', {'query': texts}))
                    continue
                status, answer = s.post('/get_reward', {'query': texts})
                if status != 200 or answer['rewards'] != [want[t] for t in texts]:
                    wrong.append((status, answer))

        with Server('--batch-tokens', '200') as s:
            clients = [threading.Thread(target=client, args=(s, seed)) for seed in range(64)]
            for c in clients:
                c.start()
            for c in clients:
                c.join()
            self.assertEqual(wrong, [])
            s.wait_for('queue_requests', 0)
            self.assertGreater(s.metric('rows_saved_total'), 0)

    def test_counts(self):
        with Server() as s:
            s.post('/get_reward', {'query': TEXTS[:2]})
            s.post('/get_reward', {'query': 1})
            text = s.ask('GET', '/metrics')[2].decode()
            self.assertIn('guerdon_requests_total{dialect="openrlhf",status="200"} 1\n', text)
            self.assertIn('guerdon_requests_total{dialect="openrlhf",status="400"} 1\n', text)
            self.assertIn('guerdon_texts_total 2\n', text)
            self.assertIn('guerdon_scoring_seconds_count 1\n', text)


class Guards(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, text, mode=0o600):
        path = f'{self.folder.name}/{name}'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def test_keys(self):
        with Server('--api-key-file', self.file('keys', '# ours\nfirst-key-1\r\n\nsecond-key-2\n')) as s:
            for key, status in (('first-key-1', 200), ('second-key-2', 200), ('first-key', 401), ('first-key-12', 401),
                                ('', 401), ('# ours', 401), ('second-key-2 ', 401)):
                headers = [f'Authorization: Bearer {key}']
                self.assertEqual(s.post('/get_reward', {'query': ['x']}, headers)[0], status, key)
                self.assertEqual(s.ask('GET', '/metrics', None, headers)[0], status, key)
            status, headers, _ = s.ask('POST', '/get_reward', {'query': ['x']})
            self.assertEqual((status, headers['www-authenticate']), (401, 'bearer'))
            self.assertEqual(s.ask('POST', '/get_reward', {}, ['Authorization: Basic Zmlyc3Q='])[0], 401)
            self.assertEqual(s.ask('GET', '/health')[0], 200)
            self.assertEqual(s.ask('GET', '/ping')[0], 200)

    def test_pages_of_other_sites(self):
        """A page in somebody's browser can't use a server that asks no key; our own page can."""
        keys = self.file('keys', 'a-good-key\n')
        with Server() as s, Server('--api-key-file', keys) as locked:
            for origin, status in (('http://test', 200), ('HTTP://TEST', 200), ('http://evil.test', 403), ('null', 403),
                                   ('http://test:81', 403), ('http://test.evil', 403), ('', 403)):
                got = s.post('/get_reward', {'query': ['x']}, [f'Origin: {origin}'])
                self.assertEqual(got[0], status, origin)
                got = locked.post('/get_reward', {'query': ['x']},
                                  [f'Origin: {origin}', 'Authorization: Bearer a-good-key'])
                self.assertEqual(got[0], 200, origin)

    def test_pages_of_names_that_lead_here(self):
        """The name of a site may have become our address after its page was loaded: DNS rebinding."""
        keys = self.file('keys', 'a-good-key\n')
        with Server() as s, Server('--api-key-file', keys) as locked:
            for host, status in (('evil.test', 403), ('EVIL.test:80', 403), ('127.0.0.1.evil.test', 403), ('1.2', 200),
                                 ('localhost.evil', 403), ('local.', 403), ('127.0.0.1:8080', 200), ('[::1]:8080', 200),
                                 ('localhost:8080', 200), ('gpu1', 200), ('mac.local:80', 200), ('a.LOCALHOST', 200)):
                ask = request('POST', '/get_reward', {'query': ['x']}, [f'Origin: http://{host}'])
                ask = ask.replace(b'Host: test\r\n', f'Host: {host}\r\n'.encode())
                self.assertEqual(parse(s.send(ask))[0], status, host)
                self.assertEqual(parse(s.send(ask.replace(f'Origin: http://{host}\r\n'.encode(), b'')))[0], 200, host)
                with_key = ask.replace(b'Origin:', b'Authorization: Bearer a-good-key\r\nOrigin:')
                self.assertEqual(parse(locked.send(with_key))[0], 200, host)

    def test_bodies(self):
        limit = 1000
        fits = b'{"query":["' + b'x' * 500 + b'"]}'
        large = b'{"query":["' + b'x' * limit + b'"]}'
        cases = (
            (b'', 400), (b'{', 400), (b'[]', 400), (b'"x"', 400), (b'null', 400), (b'{"query":["x"],"query":["y"]}', 400),
            (b'{"query":["\xff"]}', 400), (b'{"query":["\xed\xa0\x80"]}', 400), (b'\xef\xbb\xbf{"query":["x"]}', 400),
            (b'{"query":["x"]} x', 400), (b'{"query":[' + b'[' * 900, 413), (b'{"query":["\x00"]}', 400),
            (b'{\x00}', 400), (large, 413), (b'x' * (limit + 1), 413), (fits, 200), (b' \n{"query":["x"]}\n ', 200),
        )
        with Server('--max-body', str(limit)) as s:
            for body, status in cases:
                got = s.ask('POST', '/get_reward', body)
                self.assertEqual(got[0], status, body[:40])
                if status != 200:
                    self.assertRegex(sentence_of(got[2]), r'^\S.* \S', body[:40])
            self.assertEqual(s.ask('GET', '/health')[0], 200)

    def test_chunks(self):
        def chunked(*parts):
            head = b'POST /get_reward HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
            return head + b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in parts) + b'0\r\n\r\n'

        body = b'{"query":["tea"]}'
        with Server('--max-body', '1000', '--timeout', '2') as s:
            for data in (chunked(body), chunked(*(body[i:i + 1] for i in range(len(body))))):
                self.assertEqual(parse(s.send(data))[0], 200)
            self.assertEqual(parse(s.send(chunked(*[b' ' * 100] * 11)))[0], 413)
            # A body without end loses its connection.
            self.assertEqual(parse(s.send(chunked(*[b' ' * 1000] * 50)))[0], 0)
            for data in (chunked(body)[:-9], chunked(body)[:-5], chunked(body)[:100]):
                self.assertEqual(parse(s.send(data, half=True))[0], 0, data[-20:])
            self.assertIn(parse(s.send(chunked(body).replace(b'11\r\n', b'zz\r\n')))[0], (0, 400))
            self.assertEqual(s.ask('GET', '/health')[0], 200)

    def test_all_bodies_together(self):
        """Clients within their own limits can't fill the memory, and others are served when they have gone."""
        with Server('--max-body', '100000') as s:
            part = request('POST', '/get_reward', b'x' * 99000)[:-10]
            waiting = [s.connect() for _ in range(20)]
            for c in waiting:
                c.sendall(part)
            until, status = time.monotonic() + PATIENCE, 0
            while status != 503:  # until enough of it has been read
                self.assertLess(time.monotonic(), until)
                status, headers, body = s.ask('POST', '/get_reward', b' ' * 99000)
                self.assertIn(status, (400, 503))
            self.assertEqual(headers['retry-after'], '1')
            self.assertIn('the bodies of other requests', sentence_of(body))
            self.assertEqual(s.post('/get_reward', {'query': TEXTS[:1]})[0], 200)
            for c in waiting:
                c.close()
            s.wait_for('connections', 1)
            self.assertEqual(s.ask('POST', '/get_reward', b' ' * 99000)[0], 400)  # read, and found empty

    def test_values_take_more_than_their_text(self):
        def body(zeros):
            return {'query': [f'{i} ' * 200 for i in range(40)], 'zeros': [0] * zeros}

        with Server('--max-body', '100000', '--batch-tokens', '64', '--isa', 'generic') as s, s.connect() as c:
            status, _, answer = s.ask('POST', '/get_reward', {'query': ['tea'], 'zeros': [0] * 33000})
            self.assertEqual(status, 413)
            self.assertIn('16 times --max-body, 100000 bytes', sentence_of(answer))
            # What only looks like values, in a text, takes no more than the text.
            self.assertEqual(s.post('/get_reward', {'query': ['tea'], 'note': '"[{,:' * 12000})[0], 200)
            c.sendall(request('POST', '/get_reward', body(20000)))
            s.wait_for('queue_requests', 1)
            status, _, answer = s.ask('POST', '/get_reward', body(20000))
            self.assertEqual(status, 503)
            self.assertIn('the bodies of other requests', sentence_of(answer))

    def test_heads(self):
        ok = request('GET', '/health')
        cases = (
            (b'GET /health\r\n\r\n', (0, 400)),
            (b'\r\n\r\n\r\n', (0, 400)),
            (b'GET  /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', (0, 200, 400, 404)),
            (b'GET /health HTTP/9.9\r\nHost: t\r\n\r\n', (0, 400, 505)),
            (b'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', (0, 400)),  # without a host
            (b'BREW /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', (405,)),
            (b'POST /health HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n', (405,)),
            (b'GET /get_reward HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', (405,)),
            (b'GET /../health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', (404,)),
            (b'GET /health%00 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n', (404,)),
            (b'GET /' + b'a' * 60000 + b' HTTP/1.1\r\nHost: t\r\n\r\n', (0, 400, 413, 414, 431)),
            (b'GET /health HTTP/1.1\r\nHost: t\r\nX: ' + b'a' * 60000 + b'\r\n\r\n', (0, 413, 431)),
            (b'GET /health HTTP/1.1\r\nHost: t\r\n' + b'X: y\r\n' * 9000 + b'\r\n', (0, 413, 431)),
            (b'GET /health HTTP/1.1\r\nHost: t\r\n: y\r\nConnection: close\r\n\r\n', (0, 200, 400)),
            (b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n', (0, 400, 413)),
            (b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n\r\n', (0, 400, 413)),
            (b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Length: abc\r\n\r\n{}', (0, 400)),
            (b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close'
             b'\r\n\r\n{}', (415,)),
            (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x00' * 64, (0, 400)),  # TLS
            (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (0, 400, 404, 405, 505)),
        )
        with Server('--timeout', '2') as s:  # for what looks as if more came
            for data, statuses in cases:
                self.assertIn(parse(s.send(data, half=True))[0], statuses, data[:60])
                self.assertEqual(parse(s.send(ok))[0], 200, data[:60])
            self.assertEqual(s.ask('PUT', '/get_reward', {})[1]['allow'], 'post')

    def test_overload(self):
        """What comes when enough waits is refused, and told when to come again."""
        texts = [f'{i} ' * 200 for i in range(40)]
        with Server('--max-queue', '40', '--batch-tokens', '64', '--isa', 'generic') as s, s.connect() as c:
            c.sendall(request('POST', '/get_reward', {'query': texts}))
            while not s.metric('queue_items'):
                self.assertFalse(s.metric('items_total'))
            status, headers, body = s.ask('POST', '/get_reward', {'query': texts[:39]})
            self.assertEqual((status, headers['retry-after']), (503, '1'))
            self.assertIn('40', sentence_of(body))
            self.assertEqual(s.ask('POST', '/get_reward', {'query': ['x'] * 41})[0], 413)

    def test_a_client_that_goes_away_loses_its_place(self):
        texts = [f'{i} ' * 300 for i in range(200)]
        with Server('--batch-tokens', '64', '--isa', 'generic') as s:
            for half in (False, True, False, True):
                before = s.metric('cancelled_total')
                c = s.connect()
                c.sendall(request('POST', '/get_reward', {'query': texts}))
                s.wait_for('queue_requests', 1)
                if half:
                    c.shutdown(socket.SHUT_WR)
                else:
                    c.close()
                s.wait_for('queue_requests', 0)
                c.close()
                self.assertEqual(s.metric('cancelled_total'), before + 1)
            self.assertLess(s.metric('items_total'), 200)

    def test_a_client_that_goes_away_while_it_sends_leaves_nothing(self):
        """Its end may come with a part of the request, which libmicrohttpd then doesn't see."""
        whole = request('POST', '/get_reward', {'query': ['tea ' * 500]})
        with Server('--timeout', '3600') as s:
            for size in (10, 60, len(whole) - 1):
                for how in (socket.SHUT_WR, None):
                    for _ in range(20):
                        with s.connect() as c:
                            c.sendall(whole[:size])
                            if how is not None:
                                c.shutdown(how)
            s.wait_for('connections', 1)
            self.assertEqual(s.metric('items_total'), 0)

    def test_slow_clients(self):
        with Server('--timeout', '1') as s:
            for said in (b'', b'GET /hea', b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{'):
                with s.connect() as c:
                    c.sendall(said)
                    self.assertEqual(parse(everything(c))[0], 0, said)
            self.assertEqual(s.ask('GET', '/health')[0], 200)

    def test_idle_connections_cost_nothing(self):
        """A thousand of them: no thread, and no score; and their descriptors come back."""
        want = scores_of(TEXTS[:20])
        room_for_descriptors(2200)
        with Server() as s:
            before = s.descriptors()
            self.assertEqual(s.post('/get_reward', {'query': TEXTS[:20]})[1]['rewards'], want)
            idle = [s.connect() for _ in range(1000)]
            s.wait_for('connections', 1001)
            self.assertEqual(s.post('/get_reward', {'query': TEXTS[:20]})[1]['rewards'], want)
            self.assertLess(len(os.listdir(f'/proc/{s.process.pid}/task')), 12 + os.cpu_count())
            self.assertGreaterEqual(s.descriptors(), before + 1000)
            for c in idle:
                c.close()
            s.wait_for('connections', 1)
            s.settle(before)

    def test_ten_thousand_connections(self):
        """Opened one after the other, a few hundred at a time; some say half a request, and some send one and go."""
        want, alive = scores_of(TEXTS[:1]), []
        begin = request('POST', '/get_reward', {'query': TEXTS[:1]})
        room_for_descriptors(2200)
        with Server() as s:
            before = s.descriptors()
            self.assertEqual(s.post('/get_reward', {'query': TEXTS[:1]})[1]['rewards'], want)
            for i in range(10000):
                alive.append(s.connect())
                if i % 3:
                    alive[-1].sendall(begin[:len(begin) // 2] if i % 3 == 1 else begin)
                if len(alive) == 400:
                    alive.pop(i * 7919 % 400).close()
                if i % 1000 == 999:
                    self.assertEqual(s.post('/get_reward', {'query': TEXTS[:1]})[1]['rewards'], want)
            for c in alive:
                c.close()
            s.wait_for('connections', 1)
            s.wait_for('queue_requests', 0)
            s.settle(before)

    def test_more_connections_than_are_accepted_wait(self):
        want = scores_of(TEXTS[:1])
        with Server('--max-connections', '20') as s:
            taken = [s.connect() for _ in range(20)]
            with s.connect() as c:
                c.sendall(request('POST', '/get_reward', {'query': TEXTS[:1]}))
                taken.pop().close()  # room for one more
                self.assertEqual(json.loads(parse(everything(c))[2])['rewards'], want)
            for c in taken:
                c.close()

    def test_tls(self):
        cert, key = f'{self.folder.name}/cert.pem', f'{self.folder.name}/key.pem'
        try:
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout',
                            key, '-out', cert], check=True, capture_output=True)
        except FileNotFoundError:
            self.skipTest('no openssl to make a certificate with')
        with Server('--tls-cert', cert, '--tls-key', key) as s:
            self.assertTrue(s.tls)
            self.assertEqual(s.post('/get_reward', {'query': TEXTS[:1]})[1]['rewards'], scores_of(TEXTS[:1]))
            self.assertNotIn('warning', s.end()[1])
        os.chmod(key, 0o644)
        with Server('--tls-cert', cert, '--tls-key', key) as s:
            self.assertIn(f'warning: {key} is open to other users', s.end()[1])

    def test_bad_settings(self):
        good = self.file('good', 'a-good-key\n')
        cases = (
            (('--port', 'x'), 2, '--port is "x", but a number from 0 to 65535 is expected'),
            (('--port', '65536'), 2, '--port is "65536", but a number from 0 to 65535 is expected'),
            (('--port', '-1'), 2, '--port is "-1", but'),
            (('--host', '203.0.113.7'), 3, '203.0.113.7, port 0: '),
            (('--host', 'no such host'), 2, '--host is "no such host", but an address of this machine is expected'),
            (('--api-key-file', f'{self.folder.name}/none'), 3, '/none: No such file or directory'),
            (('--api-key-file', self.file('short', 'short\n')), 3, '/short:1: a key of 8 to 4096 printable'),
            (('--api-key-file', self.file('blank', 'good-key-1\nhas a blank\n')), 3, '/blank:2: a key of 8 to'),
            (('--api-key-file', self.file('empty', '# none\n')), 3, '/empty: the file has no key'),
            (('--tls-cert', good), 2, '--tls-cert and --tls-key are both needed, but only --tls-cert is given'),
            (('--tls-cert', good, '--tls-key', good), 3, '/good: a certificate in PEM format is expected'),
            (('text',), 2, 'serve takes only flags, not text'),
        )
        for flags, status, said in cases:
            s = Server(*flags)
            done = subprocess.run(s.command, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, status, (flags, done.stderr))
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stdout, '')

    def test_says_when_a_port_is_taken_or_anyone_may_come(self):
        with Server() as s:
            again = subprocess.run([*s.command[:-1], str(s.port)], capture_output=True, text=True)
            self.assertEqual(again.returncode, 3)
            self.assertIn('another program listens there', again.stderr)
        with Server('--host', '0.0.0.0') as s:
            self.assertIn('warning: other machines can reach', s.end()[1])
        with Server('--host', '0.0.0.0', '--api-key-file', self.file('keys', 'a-good-key\n')) as s:
            self.assertNotIn('warning', s.end()[1])


    def test_says_when_others_can_read_the_keys(self):
        for mode in (0o600, 0o400, 0o700, 0o640, 0o604, 0o620, 0o601):
            path = self.file(f'keys{mode:o}', 'a-good-key\n', mode)
            with Server('--api-key-file', path) as s:
                said = s.end()[1]
            warning = (f'warning: {path} is open to other users of this machine (mode {mode:o}), who could use its keys; '
                       'chmod 600 leaves it to its owner\n')
            self.assertEqual(warning in said, mode & 0o77 != 0, said)

    def test_keys_are_in_a_file(self):
        """What a pipe brings, or a device, is not read."""
        fifo = f'{self.folder.name}/fifo'
        os.mkfifo(fifo, 0o600)
        for path in (fifo, '/dev/null', '/dev/stdin', self.folder.name):
            s = Server('--api-key-file', path)
            done = subprocess.run(s.command, input='a-good-key\n', capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 3, (path, done.stderr))
            self.assertIn(f'{path}: ', done.stderr)


class Ends(unittest.TestCase):
    def test_answers_what_it_has_accepted(self):
        texts = [f'{i} ' * 200 for i in range(30)]
        want = scores_of(texts)
        with Server('--batch-tokens', '64', '--isa', 'generic') as s, s.connect() as c:
            c.sendall(request('POST', '/get_reward', {'query': texts}))
            s.wait_for('queue_requests', 1)
            s.process.send_signal(signal.SIGTERM)
            status, _, body = parse(everything(c))
            self.assertEqual((status, json.loads(body)['rewards']), (200, want))
            self.assertEqual(s.process.wait(60), 0)
            with self.assertRaises(OSError):
                s.connect()

    def refused(self, server):
        """New connections are, at the latest when it listens no more."""
        while True:
            try:
                server.connect().close()
            except ConnectionResetError:
                pass
            except ConnectionRefusedError:
                return

    def test_answers_what_waits_and_refuses_what_comes(self):
        """What is computed, what waits, and what half has arrived; a connection that was open before; and a new one."""
        waiting = [[f'{i} {j} ' * 60 for j in range(2)] for i in range(12)]
        want = scores_of([text for texts in waiting for text in texts])
        with Server('--batch-tokens', '64', '--isa', 'generic') as s:
            late, begun = s.connect(), s.connect()
            last = request('POST', '/get_reward', {'query': waiting[0]})
            begun.sendall(last[:-5])
            open_ones = [s.connect() for _ in waiting]
            for c in (late, begun, *open_ones):
                self.addCleanup(c.close)
            for c, texts in zip(open_ones, waiting):
                c.sendall(request('POST', '/get_reward', {'query': texts}))
            s.wait_for('queue_requests', len(waiting))
            s.process.send_signal(signal.SIGTERM)
            s.process.stderr.readline()  # it has begun to close
            self.refused(s)
            late.sendall(request('POST', '/get_reward', {'query': ['late']}))
            begun.sendall(last[-5:])
            for c in (late, begun):
                status, headers, body = parse(everything(c))
                self.assertEqual((status, headers['connection'], headers['retry-after']), (503, 'close', '1'))
                self.assertEqual(sentence_of(body), 'the server is closing')
            got = [parse(everything(c)) for c in open_ones]
            self.assertEqual([status for status, _, _ in got], [200] * len(waiting))
            self.assertEqual([score for _, _, body in got for score in json.loads(body)['rewards']], want)
            self.assertEqual(s.process.wait(60), 0)

    def test_a_second_signal_is_impatient(self):
        texts = [f'{i} ' * 300 for i in range(400)]
        with Server('--batch-tokens', '64', '--isa', 'generic') as s, s.connect() as c:
            c.sendall(request('POST', '/get_reward', {'query': texts}))
            s.wait_for('queue_requests', 1)
            s.process.send_signal(signal.SIGTERM)
            s.process.stderr.readline()
            s.process.send_signal(signal.SIGINT)
            status = parse(everything(c))[0]
            self.assertIn(status, (0, 503))
            self.assertEqual(s.process.wait(60), 130)

    def test_killed_and_started_again(self):
        """While it computes, with connections of every kind: the port is free at once, and all is as before."""
        want = scores_of(TEXTS[:1])
        with tempfile.NamedTemporaryFile('w', suffix='.keys') as keys:
            keys.write('a-good-key\n')
            keys.flush()
            key, flags = ['Authorization: Bearer a-good-key'], ('--api-key-file', keys.name)
            with Server(*flags) as s:
                idle, half = s.connect(), s.connect()
                half.sendall(b'POST /get_reward HT')
                with s.connect() as c:
                    c.sendall(request('POST', '/get_reward', {'query': [text * 20 for text in TEXTS]}, key))
                    while not s.ask('GET', '/metrics', None, key)[2].count(b'guerdon_queue_requests 1\n'):
                        pass
                    s.process.kill()
                    self.assertEqual(everything(c), b'')
                s.process.wait()
            for _ in range(3):  # its connections are still there
                with Server(*flags, '--port', str(s.port)) as again:
                    self.assertEqual(again.post('/get_reward', {'query': TEXTS[:1]})[0], 401)
                    self.assertEqual(again.post('/get_reward', {'query': TEXTS[:1]}, key)[1]['rewards'], want)
                    again.process.kill()
            idle.close()
            half.close()


if __name__ == '__main__':
    unittest.main(verbosity=2)
