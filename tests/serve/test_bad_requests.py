"""Heads, bodies and connections that no client should send: each by its name, with its status and what is said."""
import json
import sys
import tempfile
import unittest

from bad_heads import HEADS
from bad_texts import ROUTES, TEXTS
from malformed import BODY, CHUNKED, CHUNKS, HTML, KEY, LENGTH, LIMIT, NOTHING, chunked, post, to, with_body
from serving import Server, parse, request, sentence_of

CASES = HEADS + TEXTS + ROUTES

ODD = (
    post(LENGTH).replace(b'\r\n', b'\n'),
    post(b'Content-Length: 0000000017'),
    post(b'content-length:17'),
    b'\r\n' + post(LENGTH),  # as some clients end the request before
    to(b'POST /get_reward?a=b HTTP/1.1'),
    to(b'POST /get_reward HTTP/1.2'),
    post(LENGTH, host=None, line=b'POST /get_reward HTTP/1.0'),
    post(b'Transfer-Encoding: CHUNKED', body=CHUNKED),
    chunked(b'11;name="value"\r\n' + BODY + b'\r\n'),
    chunked(b'0' * 40 + b'11\r\n' + BODY + b'\r\n'),
    chunked(*(b'1\r\n%c\r\n' % c for c in BODY)),
    chunked(b'11\r\n' + BODY + b'\r\n', end=b'0\r\nContent-Length: 5\r\n\r\n'),
    post(CHUNKS, body=CHUNKED + b'tea'),
    post(b'Content-Type: text/plain; charset=latin-1', LENGTH),
    post(b'Content-Encoding: identity', LENGTH),
    post(b'X: \xe9\xff', LENGTH),
    post(b'X: ' + b'a' * 20000, LENGTH),
    post(b'Upgrade: h2c', b'HTTP2-Settings: AAMAAABkAAQAAP__', LENGTH),
    post(b'Expect: tea', LENGTH),
    post(b'Range: bytes=0-5', LENGTH),
    post(b'X-HTTP-Method-Override: DELETE', LENGTH),
)

# Heads whose body a proxy may see where libmicrohttpd sees none, or none where it does, or another one
DOUBTFUL = (
    b'Content-Length: 17\r\nContent-Length: 17',
    b'Content-Length: 17\r\nTransfer-Encoding: chunked',
    b'Transfer-Encoding: tea',
    b'Content-Length : 17',
    b'Content-Length\t: 17',
    b'Content-Length:\r\n 17',
    b'Content-Length: 1\r\n 7',
    b'Content_Length: 17',
    b'Transfer-Encoding : chunked',
    b'Transfer-Encoding:\r\n chunked',
    b'Transfer-Encoding: \x0bchunked',
    b'X: a\rContent-Length: 17',
    b'X: tea',
)


class BadRequests(unittest.TestCase):
    def test_names(self):
        self.assertEqual(len({name for name, *_ in CASES}), len(CASES))

    def check(self, answer, said):
        """Ours in every word; a page of libmicrohttpd's by some; else nothing."""
        if isinstance(said, dict):
            self.assertEqual(json.loads(answer), said)
        elif not said:
            self.assertEqual(answer, b'')
        elif said in HTML:
            self.assertIn(said, answer.decode())
        else:
            self.assertEqual(sentence_of(answer), said)

    def test_each(self):
        """And after each, the next client gets its score."""
        good = with_body(BODY)
        with tempfile.NamedTemporaryFile('w', suffix='.keys') as keys:
            keys.write(KEY + '\n')
            keys.flush()
            with Server('--max-body', str(LIMIT), '--api-key-file', keys.name, '--timeout', '1') as s:
                score = parse(s.send(good))
                self.assertEqual(score[0], 200)
                for name, data, status, said in CASES:
                    with self.subTest(name):
                        got, _, answer = parse(s.send(data, half=status == NOTHING))
                        self.assertEqual(got, status, answer[:200])
                        self.check(answer, said)
                        self.assertEqual(parse(s.send(good))[2], score[2])
                self.assertEqual(s.end()[0], 0)
        print(f'{len(CASES)} bad requests', end=' ... ', file=sys.stderr, flush=True)

    def test_odd_but_clear(self):
        """What only looks wrong gets its score."""
        with Server('--timeout', '1') as s:
            score = parse(s.send(with_body(BODY)))[2]
            for data in ODD:
                got = parse(s.send(data))
                self.assertEqual((got[0], got[2]), (200, score), data[:200])
            # An offer to wait with the body is taken.
            first, _, rest = parse(s.send(post(b'Expect: 100-continue', LENGTH)))
            self.assertEqual((first, parse(rest)[0]), (100, 200))

    def test_what_follows_a_doubtful_end_is_no_request(self):
        """A second request on such a connection may be what another client of a proxy never sent."""
        hidden = request('POST', '/get_reward', {'query': ['hidden']})
        with Server() as s:
            for head in DOUBTFUL:
                for body in (BODY, b''):
                    got = s.send(b'POST /get_reward HTTP/1.1\r\nHost: t\r\n' + head + b'\r\n\r\n' + body + hidden)
                    self.assertEqual((got.count(b'HTTP/1.1 '), parse(got)[0]), (1, 400), head)
            self.assertEqual(s.metric('texts_total'), 0)

    def test_a_limit_that_no_product_holds(self):
        with Server('--max-body', str(1 << 60)) as s:
            self.assertEqual(s.post('/get_reward', {'query': ['tea']})[0], 200)

    def test_allow(self):
        with Server() as s:
            self.assertEqual(s.ask('POST', '/health', {})[1]['allow'], 'get, head')
            self.assertEqual(s.ask('GET', '/get_reward')[1]['allow'], 'post')


if __name__ == '__main__':
    unittest.main(verbosity=2)
