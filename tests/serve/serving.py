"""A server of guerdon for tests, and clients that send it any bytes: also those that no library for HTTP would."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

GUERDON = os.environ['GUERDON']
DATA = os.environ['TEST_DATA']
PATIENCE = 60  # seconds after which a test has failed, where anything takes a moment


class Server:
    """guerdon serve on a free port, which ends with the block."""

    def __init__(self, *flags, model='golden/qwen2', env=None, cwd=None):
        port = () if '--port' in flags else ('--port', '0')
        self.command = [GUERDON, 'serve', '--model', f'{DATA}/{model}', *flags, *port]
        self.env, self.cwd = {**os.environ, **(env or {})}, cwd

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=self.env, cwd=self.cwd)
        line = self.process.stdout.readline()
        found = re.fullmatch(r'listening on (https?)://(.*):(\d+)\n', line)
        if not found:
            raise AssertionError(f'{line}{self.process.communicate()[1]}')
        self.tls, self.host, self.port = found[1] == 'https', found[2].strip('[]'), int(found[3])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, number=signal.SIGTERM):
        """The exit status after a signal, and what was said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        return connection

    def send(self, data, half=False):
        """All that comes back for these bytes; half: after our side of the connection is closed."""
        with self.connect() as c:
            try:
                c.sendall(data)
                if half:
                    c.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have said what it had to say
            return everything(c)

    def ask(self, method, path, body=None, headers=()):
        """The status, the headers and the body of an answer."""
        return parse(self.send(request(method, path, body, headers)))

    def post(self, path, body, headers=()):
        status, _, answer = self.ask('POST', path, body, headers)
        return status, json.loads(answer) if answer else None

    def metric(self, name):
        found = re.search(rf'^guerdon_{re.escape(name)} (\S+)$', self.ask('GET', '/metrics')[2].decode(), re.M)
        return float(found[1]) if found else None

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def settle(self, count):
        """Until it has so many descriptors: a connection that has been answered takes a moment to go."""
        until = time.monotonic() + PATIENCE
        while self.descriptors() != count:
            if time.monotonic() > until:
                raise AssertionError(f'{self.descriptors()} descriptors are open, but {count} are expected')

    def wait_for(self, name, value):
        """Until a metric has this value."""
        until = time.monotonic() + PATIENCE
        while self.metric(name) != value:
            if time.monotonic() > until:
                raise AssertionError(f'{name} is {self.metric(name)}, but {value} is expected')


def everything(connection):
    got = b''
    try:
        while part := connection.recv(1 << 16):
            got += part
    except (ConnectionError, ssl.SSLError):
        pass
    return got


def request(method, path, body=None, headers=(), close=True):
    data = body if isinstance(body, bytes) else b'' if body is None else json.dumps(body).encode()
    lines = [f'{method} {path} HTTP/1.1', 'Host: test', *headers]
    if body is not None:
        lines.append(f'Content-Length: {len(data)}')
    if close:
        lines.append('Connection: close')
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + data


def parse(answer):
    head, _, body = answer.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    found = re.match(r'HTTP/1\.[01] (\d{3})', lines[0])
    headers = dict(line.lower().split(': ', 1) for line in lines[1:] if ': ' in line)
    return int(found[1]) if found else 0, headers, body


def sentence_of(body):
    """What an answer says is wrong, in the form of OpenAI or of FastAPI."""
    answer = json.loads(body)
    return answer['detail'] if 'detail' in answer else answer['error']['message']


def parse_all(answers):
    """Those of several requests on one connection."""
    out = []
    while answers:
        status, headers, rest = parse(answers)
        length = int(headers['content-length'])
        out.append((status, rest[:length]))
        answers = rest[length:]
    return out


def records_of(records, *flags, model='golden/qwen2'):
    """What guerdon score writes for records."""
    lines = ''.join(json.dumps(record) + '\n' for record in records)
    out = subprocess.run([GUERDON, 'score', '--model', f'{DATA}/{model}', '--input', '-', '--format', 'jsonl', '--quiet',
                          *flags], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def scores_of(texts, *flags, model='golden/qwen2'):
    """What guerdon score says of texts."""
    return [one['score'] for one in records_of([{'text': t} for t in texts], *flags, model=model)]
