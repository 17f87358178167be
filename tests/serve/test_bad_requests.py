"""Heads, bodies and connections that no client should send: each by its name, with its status and what is said."""
import tempfile
import unittest

from serving import Server, parse, request, sentence_of

LIMIT = 8192
KEY = 'a-key-of-the-test'
BODY = b'{"query":["tea"]}'
CHUNKED = b'11\r\n' + BODY + b'\r\n0\r\n\r\n'
NOTHING = 0  # the connection is closed without an answer
BY_THE_LIBRARY = None  # what is said is libmicrohttpd's, and no JSON


def post(*headers, body=BODY, line=b'POST /get_reward HTTP/1.1', host=b'Host: t'):
    """The head has nothing that the case doesn't name, but for the key."""
    lines = [line, host, b'Authorization: Bearer ' + KEY.encode(), b'Connection: close', *headers]
    return b'\r\n'.join(part for part in lines if part is not None) + b'\r\n\r\n' + body


def to(line):
    return post(b'Content-Length: 17', line=line)


def with_body(body):
    return post(b'Content-Length: %d' % len(body), body=body)


def keyed(*headers):
    return post(b'Content-Length: 17').replace(b'Authorization: Bearer ' + KEY.encode() + b'\r\n',
                                               b''.join(h + b'\r\n' for h in headers))


CHUNKS = b'Transfer-Encoding: chunked'
SEVERAL_LENGTHS = 'the request has several Content-Length headers, but one is expected'
BOTH = 'the request has both Content-Length and Transfer-Encoding, but only one of them is expected'
UNKNOWN_ENCODING = 'the Transfer-Encoding is not one that is understood; chunked is'
TOO_LARGE = f'the body has more than {LIMIT} bytes, the most that is accepted'
NO_PATH = 'there is nothing under this path; GET /openapi.json says what there is'
NO_METHOD = 'the method is not one that this path takes'
COMPRESSED = 'the body is compressed, but plain JSON is expected'
NO_KEY = 'a key is expected: Authorization: Bearer KEY'
EMPTY = 'the body is empty, but a JSON object is expected'

CASES = (
    # where the body ends
    ('the same length twice', post(b'Content-Length: 17', b'Content-Length: 17'), 400, SEVERAL_LENGTHS),
    ('a length, then a smaller one', post(b'Content-Length: 17', b'Content-Length: 5'), 400, SEVERAL_LENGTHS),
    ('a length, then a larger one', post(b'Content-Length: 5', b'content-length: 17'), 400, SEVERAL_LENGTHS),
    ('lengths in one header', post(b'Content-Length: 17, 17'), 400, BY_THE_LIBRARY),
    ('a length with a sign', post(b'Content-Length: +17'), 400, BY_THE_LIBRARY),
    ('a length below nothing', post(b'Content-Length: -1'), 400, BY_THE_LIBRARY),
    ('a length in hexadecimal', post(b'Content-Length: 0x11'), 400, BY_THE_LIBRARY),
    ('a length in words', post(b'Content-Length: seventeen'), 400, BY_THE_LIBRARY),
    ('a length with a point', post(b'Content-Length: 17.0'), 400, BY_THE_LIBRARY),
    ('a length without a number', post(b'Content-Length: '), 400, BY_THE_LIBRARY),
    ('a length of 64 bits', post(b'Content-Length: 18446744073709551615'), 413, TOO_LARGE),
    ('a length of 65 bits', post(b'Content-Length: 18446744073709551616'), 413, BY_THE_LIBRARY),
    ('a length one above the limit', post(b'Content-Length: %d' % (LIMIT + 1)), 413, TOO_LARGE),
    ('a length longer than what comes', post(b'Content-Length: 18'), NOTHING, None),
    ('a length shorter than the body', post(b'Content-Length: 16'), 400,
     "the body: not valid JSON: the text ends where ',' or '}' is expected"),
    ('no length', post(), 400, EMPTY),
    ('a length of nothing', post(b'Content-Length: 0', body=b''), 400, EMPTY),
    ('a blank before the colon', post(b'Content-Length : 17'), 400, EMPTY),
    ('a length and chunks', post(CHUNKS, b'Content-Length: 17', body=CHUNKED), 400, BOTH),
    ('chunks and a length', post(b'Content-Length: 17', CHUNKS, body=CHUNKED), 400, BOTH),
    ('chunks twice', post(CHUNKS, CHUNKS, body=CHUNKED), 400,
     'the request has several Transfer-Encoding headers, but one is expected'),
    ('gzip in transfer', post(b'Transfer-Encoding: gzip'), 400, UNKNOWN_ENCODING),
    ('gzip, then chunks', post(b'Transfer-Encoding: gzip, chunked', body=CHUNKED), 400, UNKNOWN_ENCODING),
    ('chunks, then nothing', post(b'Transfer-Encoding: chunked, identity', body=CHUNKED), 400, UNKNOWN_ENCODING),
    ('no encoding in transfer', post(b'Transfer-Encoding: identity'), 400, UNKNOWN_ENCODING),
    ('an unknown encoding', post(b'Transfer-Encoding: xchunked', body=CHUNKED), 400, UNKNOWN_ENCODING),
    ('an encoding without a name', post(b'Transfer-Encoding: ', body=CHUNKED), 400, UNKNOWN_ENCODING),
    # chunks
    ('a chunk without a size', post(CHUNKS, body=b'\r\n' + BODY), 400, BY_THE_LIBRARY),
    ('a chunk below nothing', post(CHUNKS, body=b'-1\r\n' + BODY), 400, BY_THE_LIBRARY),
    ('a chunk of no number', post(CHUNKS, body=b'tea\r\n' + BODY), 400, BY_THE_LIBRARY),
    ('a chunk of 68 bits', post(CHUNKS, body=b'ffffffffffffffff1\r\n' + BODY), 413, BY_THE_LIBRARY),
    ('a chunk of 64 bits', post(CHUNKS, body=b'ffffffffffffffff\r\n' + BODY), NOTHING, None),
    ('a chunk that is longer than it says', post(CHUNKS, body=b'10\r\n' + CHUNKED[4:]), 400, BY_THE_LIBRARY),
    ('a chunk that is cut short', post(CHUNKS, body=CHUNKED[:9]), NOTHING, None),
    ('chunks without the last', post(CHUNKS, body=CHUNKED[:-5]), NOTHING, None),
    ('chunks above the limit', post(CHUNKS, body=(b'100\r\n' + b' ' * 256 + b'\r\n') * (LIMIT // 256 + 1) + b'0\r\n\r\n'),
     413, TOO_LARGE),
    # the line
    ('two words', b'GET /health\r\n\r\n', 400, BY_THE_LIBRARY),
    ('one word', b'tea\r\n\r\n', NOTHING, None),
    ('nothing but lines', b'\r\n\r\n\r\n\r\n', NOTHING, None),
    ('half a line', b'POST /get_rew', NOTHING, None),
    ('half a head', b'POST /get_reward HTTP/1.1\r\nHost: t\r\nContent-Le', NOTHING, None),
    ('HTTP 0.9', to(b'POST /get_reward HTTP/0.9'), 505, BY_THE_LIBRARY),
    ('HTTP 2.0', to(b'POST /get_reward HTTP/2.0'), 505, BY_THE_LIBRARY),
    ("HTTP 2's beginning", b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, BY_THE_LIBRARY),
    ('another protocol', to(b'POST /get_reward TEA/1.1'), 400, BY_THE_LIBRARY),
    ('no host', post(b'Content-Length: 17', host=None), 400, BY_THE_LIBRARY),
    ('a path of 60,000 bytes', to(b'POST /' + b'a' * 60000 + b' HTTP/1.1'), 414, BY_THE_LIBRARY),
    ('a header of 60,000 bytes', post(b'X: ' + b'a' * 60000, b'Content-Length: 17'), 431, BY_THE_LIBRARY),
    ('9,000 headers', post(*[b'X: y'] * 9000, b'Content-Length: 17'), 431, BY_THE_LIBRARY),
    ('TLS', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x00' * 64, NOTHING, None),
    ('zeros', b'\x00' * 64 + b'\r\n\r\n', NOTHING, None),
    # the path and the method
    ('an unknown path', to(b'POST /reward HTTP/1.1'), 404, NO_PATH),
    ('a path with a slash behind it', to(b'POST /get_reward/ HTTP/1.1'), 404, NO_PATH),
    ('a path with two slashes', to(b'POST //get_reward HTTP/1.1'), 404, NO_PATH),
    ('a path with a way back', to(b'POST /v1/../get_reward HTTP/1.1'), 404, NO_PATH),
    ('a path in capitals', to(b'POST /GET_REWARD HTTP/1.1'), 404, NO_PATH),
    ('a path with a wrong escape', to(b'POST /get_reward%zz HTTP/1.1'), 404, NO_PATH),
    ('a path with a zero behind it', to(b'POST /get_reward%00 HTTP/1.1'), 404, NO_PATH),
    ('a path with a zero, and more', to(b'POST /get_reward%00/x HTTP/1.1'), 404, NO_PATH),
    ('a path of a zero', to(b'POST %00 HTTP/1.1'), 404, NO_PATH),
    ('a path with an escaped slash behind it', to(b'POST /get_reward%2F HTTP/1.1'), 404, NO_PATH),
    ('a path with an escaped slash in it', to(b'POST /v1%2Freward HTTP/1.1'), 404, NO_PATH),
    ('a path with an escaped slash before it', to(b'POST %2Fget_reward HTTP/1.1'), 404, NO_PATH),
    ('a path with an escaped letter', to(b'POST /%67et_reward HTTP/1.1'), 404, NO_PATH),
    ('a path that is escaped twice', to(b'POST /get_reward%2500 HTTP/1.1'), 404, NO_PATH),
    ('a path with an escaped way back', to(b'POST /v1/%2e%2e/get_reward HTTP/1.1'), 404, NO_PATH),
    ('a path with a dot', to(b'POST /./get_reward HTTP/1.1'), 404, NO_PATH),
    ('a path with a new line', to(b'POST /get_reward%0a HTTP/1.1'), 404, NO_PATH),
    ('a path with lines of a head', to(b'POST /get_reward%0d%0aX:%20y HTTP/1.1'), 404, NO_PATH),
    ('a path with a blank', to(b'POST /get_reward%20 HTTP/1.1'), 404, NO_PATH),
    ('a path with too long a form of a slash', to(b'POST /v1%c0%afreward HTTP/1.1'), 404, NO_PATH),
    ('the same without escapes', to(b'POST /v1\xc0\xafreward HTTP/1.1'), 404, NO_PATH),
    ('a path that is no UTF-8', to(b'POST /get_reward%ff HTTP/1.1'), 404, NO_PATH),
    ('a path with half an escape', to(b'POST /get_reward%0 HTTP/1.1'), 404, NO_PATH),
    ('a path with a parameter', to(b'POST /get_reward;x HTTP/1.1'), 404, NO_PATH),
    ('a path with a backslash', to(b'POST \\get_reward HTTP/1.1'), 404, NO_PATH),
    ('a path with a fragment', to(b'POST /get_reward#tea HTTP/1.1'), 404, NO_PATH),
    ('an address for a proxy', to(b'POST http://t/get_reward HTTP/1.1'), 404, NO_PATH),
    ('a tunnel', to(b'CONNECT t:80 HTTP/1.1'), 404, NO_PATH),
    ('an asterisk', to(b'OPTIONS * HTTP/1.1'), 404, NO_PATH),
    ('a method in small letters', to(b'post /get_reward HTTP/1.1'), 405, NO_METHOD),
    ('an unknown method', to(b'BREW /get_reward HTTP/1.1'), 405, NO_METHOD),
    ('a method of 1,000 letters', to(b'B' * 1000 + b' /get_reward HTTP/1.1'), 405, NO_METHOD),
    ('GET where POST is taken', to(b'GET /get_reward HTTP/1.1'), 405, NO_METHOD),
    ('OPTIONS where POST is taken', to(b'OPTIONS /get_reward HTTP/1.1'), 405, NO_METHOD),
    ('POST where GET is taken', to(b'POST /health HTTP/1.1'), 405, NO_METHOD),
    ('DELETE where GET is taken', to(b'DELETE /v1/models HTTP/1.1'), 405, NO_METHOD),
    ('TRACE', to(b'TRACE /health HTTP/1.1'), 405, NO_METHOD),
    # keys
    ('no key', keyed(), 401, NO_KEY),
    ('an empty key', keyed(b'Authorization: Bearer '), 401, NO_KEY),
    ('a key of another kind', keyed(b'Authorization: Basic ' + KEY.encode()), 401, NO_KEY),
    ('a key without its kind', keyed(b'Authorization: ' + KEY.encode()), 401, NO_KEY),
    ('a key that begins right', keyed(b'Authorization: Bearer ' + KEY[:-1].encode()), 401, NO_KEY),
    ('a key that goes on', keyed(b'Authorization: Bearer ' + KEY.encode() + b'x'), 401, NO_KEY),
    ('a key in capitals', keyed(b'Authorization: Bearer ' + KEY.upper().encode()), 401, NO_KEY),
    ('a key of 20,000 bytes', keyed(b'Authorization: Bearer ' + b'a' * 20000), 401, NO_KEY),
    ('a wrong key, then the right one',
     keyed(b'Authorization: Bearer no', b'Authorization: Bearer ' + KEY.encode()), 401, NO_KEY),
    ('a key in the path', keyed().replace(b'/get_reward', b'/get_reward?api_key=' + KEY.encode()), 401, NO_KEY),
    # what the body is
    ('a body in gzip', post(b'Content-Encoding: gzip', b'Content-Length: 17'), 415, COMPRESSED),
    ('a body in br', post(b'Content-Encoding: br', b'Content-Length: 17'), 415, COMPRESSED),
    ('UTF-16', with_body('{"query":["tea"]}'.encode('utf-16')), 400, 'the body: not valid UTF-8 at byte 1'),
    ('Latin-1', with_body('{"query":["Tee für"]}'.encode('latin-1')), 400, 'the body: not valid UTF-8 at byte 17'),
    ('half a surrogate pair in UTF-8', with_body(b'{"query":["\xed\xa0\x80"]}'), 400,
     'the body: not valid UTF-8 at byte 12'),
    ('too long a form of a slash', with_body(b'{"query":["\xc0\xaf"]}'), 400, 'the body: not valid UTF-8 at byte 12'),
    ('a list', with_body(b'["tea"]'), 400, 'the body is a list, but a JSON object is expected'),
    ('a string', with_body(b'"tea"'), 400, 'the body is a string, but a JSON object is expected'),
    ('null', with_body(b'null'), 400, 'the body is null, but a JSON object is expected'),
    ('blanks', with_body(b' \r\n\t '), 400, 'the body: not valid JSON: the text ends where a value is expected'),
    ('a form', with_body(b'query=tea'), 400, 'the body: not valid JSON at line 1 column 1: a value is expected'),
    ('two objects', with_body(BODY + BODY), 400,
     'the body: not valid JSON at line 1 column 18: the end of the text is expected'),
    ('a field twice', with_body(b'{"query":["a"],"query":["b"]}'), 400, 'the body: the field "query" appears twice'),
    ('a comma too many', with_body(b'{"query":["tea"],}'), 400,
     "the body: not valid JSON at line 1 column 18: a field's name in quotes is expected"),
    ('single quotes', with_body(b"{'query':['tea']}"), 400,
     "the body: not valid JSON at line 1 column 2: a field's name in quotes is expected"),
    ('a remark', with_body(b'{"query":["tea"]/* hot */}'), 400,
     "the body: not valid JSON at line 1 column 17: ',' or '}' is expected"),
    ('a line in a string', with_body(b'{"query":["te\na"]}'), 400,
     'the body: not valid JSON at line 1 column 14: an escape sequence for a control character is expected'),
    ('a zero in the text', with_body(b'{"query":["te\x00a"]}'), 400,
     'the body: not valid JSON at line 1 column 14: an escape sequence for a control character is expected'),
    ('an unknown escape', with_body(b'{"query":["\\q"]}'), 400,
     'the body: not valid JSON at line 1 column 13: an escape sequence is expected'),
    ('600 lists in each other', with_body(b'{"query":' + b'[' * 600 + b']' * 600 + b'}'), 400,
     'the body: values are nested deeper than 512 levels'),
    ('2,000 lists in each other', with_body(b'{"query":' + b'[' * 2000 + b']' * 2000 + b'}'), 413,
     f'the body takes 260362 bytes of memory with all its values, but only 16 times --max-body, {LIMIT} bytes, are accepted'),
    ('a number of 4,000 digits', with_body(b'{"query":' + b'9' * 4000 + b'}'), 400,
     'the field "query" is a number too large for 64 bits, but a list is expected'),
)


class BadRequests(unittest.TestCase):
    def test_names(self):
        self.assertEqual(len({name for name, *_ in CASES}), len(CASES))

    def test_each(self):
        """And after each, the next client gets its score."""
        good = with_body(BODY)
        with tempfile.NamedTemporaryFile('w', suffix='.keys') as keys:
            keys.write(KEY + '\n')
            keys.flush()
            with Server('--max-body', str(LIMIT), '--api-key-file', keys.name, '--timeout', '1') as s:
                score = parse(s.send(good))
                self.assertEqual(score[0], 200)
                for name, data, status, sentence in CASES:
                    with self.subTest(name):
                        got, _, answer = parse(s.send(data, half=status == NOTHING))
                        self.assertEqual(got, status, answer[:200])
                        if sentence:
                            self.assertEqual(sentence_of(answer), sentence)
                        else:
                            self.assertNotEqual(answer[:1], b'{')
                        self.assertEqual(parse(s.send(good))[2], score[2])
                self.assertEqual(s.end()[0], 0)

    def test_what_follows_a_doubtful_end_is_no_request(self):
        """A second request on such a connection may be what another client of a proxy never sent."""
        hidden = request('POST', '/get_reward', {'query': ['hidden']})
        heads = (b'Content-Length: 17\r\nContent-Length: 17', b'Content-Length: 17\r\nTransfer-Encoding: chunked',
                 b'Transfer-Encoding: tea')
        with Server() as s:
            for head in heads:
                got = s.send(b'POST /get_reward HTTP/1.1\r\nHost: t\r\n' + head + b'\r\n\r\n' + BODY + hidden)
                self.assertEqual(got.count(b'HTTP/1.1 '), 1, head)
                self.assertEqual(parse(got)[0], 400, head)
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
