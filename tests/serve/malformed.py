"""What requests that no client should send are made of, and in which words they are refused."""
import json

LIMIT = 8192
KEY = 'a-key-of-the-test'
BODY = b'{"query":["tea"]}'
CHUNKED = b'11\r\n' + BODY + b'\r\n0\r\n\r\n'
CHUNKS = b'Transfer-Encoding: chunked'
LENGTH = b'Content-Length: 17'
AUTHORIZED = b'Authorization: Bearer ' + KEY.encode()
NOTHING = 0  # the connection is closed without an answer


def post(*headers, body=BODY, line=b'POST /get_reward HTTP/1.1', host=b'Host: t'):
    """The head has nothing that the case doesn't name, but for the key."""
    lines = [line, host, AUTHORIZED, b'Connection: close', *headers]
    return b'\r\n'.join(part for part in lines if part is not None) + b'\r\n\r\n' + body


def to(line):
    return post(LENGTH, line=line)


def with_body(body, path='/get_reward'):
    return post(b'Content-Length: %d' % len(body), body=body, line=b'POST %s HTTP/1.1' % path.encode())


def at(path, body):
    return with_body(json.dumps(body).encode(), path)


def chunked(*chunks, end=b'0\r\n\r\n'):
    return post(CHUNKS, body=b''.join(chunks) + end)


def keyed(*headers):
    """With these headers in place of the key."""
    return post(LENGTH).replace(AUTHORIZED + b'\r\n', b''.join(h + b'\r\n' for h in headers))


# What our own answers say
SEVERAL_LENGTHS = 'the request has several Content-Length headers, but one is expected'
SEVERAL_ENCODINGS = 'the request has several Transfer-Encoding headers, but one is expected'
BOTH = 'the request has both Content-Length and Transfer-Encoding, but only one of them is expected'
UNKNOWN_ENCODING = 'the Transfer-Encoding is not one that is understood; chunked is'
BLANK_IN_NAME = "the name of a header has a blank or another character that names don't have"
CONTROL = 'the value of a header has a control character'
TWO_LINES = ('the header Content-Length or Transfer-Encoding is expected to end with its line, and its name with a '
             'colon')
TOO_LARGE = f'the body has more than {LIMIT} bytes, the most that is accepted'
NO_PATH = 'there is nothing under this path; GET /openapi.json says what there is'
NO_METHOD = 'the method is not one that this path takes'
COMPRESSED = 'the body is compressed, but plain JSON is expected'
NO_KEY = 'a key is expected: Authorization: Bearer KEY'
EMPTY = 'the body is empty, but a JSON object is expected'
DEEP = 'the body: values are nested deeper than 512 levels'

# What libmicrohttpd's own answers have in them, which are pages.  (Version 0.9.75 writes the head of some of them
# twice, and then closes the connection.)
HTML_LENGTH = '<b>Content-Length</b>'
HTML_CHUNKS = 'chunked encod'
HTML_HOST = '<title>&quot;Host:&quot; header required</title>'
HTML_BIG = '<title>Request too big</title>'
HTML_MALFORMED = '<title>Request malformed</title>'
HTML_VERSION = '<title>Requested HTTP version is not supported</title>'
HTML_INTERNAL = '<title>Internal server error</title>'
HTML = (HTML_LENGTH, HTML_CHUNKS, HTML_HOST, HTML_BIG, HTML_MALFORMED, HTML_VERSION, HTML_INTERNAL)


# Whole answers, as the clients of a route read them

def openai(sentence, code=400, kind='invalid_request_error'):
    return {'error': {'message': sentence, 'type': kind, 'param': None, 'code': code}}


def sglang(sentence):
    return {'object': 'error', 'message': sentence, 'type': 'BadRequestError', 'param': None, 'code': 400}


def tei(sentence):
    return {'error': sentence, 'error_type': 'Validation'}


def detail(sentence):
    return {'detail': sentence}
