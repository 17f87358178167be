"""Clients of a reward server: many requests at once, each on a connection of its own, as RL trainers send them."""
import asyncio
import collections
import json
import socket
import threading
import time


def request(path, body):
    data = json.dumps(body).encode()
    head = (f'POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(data)}\r\nConnection: close\r\n\r\n')
    return head.encode() + data


async def ask(port, data):
    """The body of the answer; OSError unless its status is 200."""
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b'\r\n\r\n')
    if not head.startswith(b'HTTP/1.1 200 '):
        raise OSError((head.splitlines() or [b'no answer'])[0].decode())
    return json.loads(body)


async def all_of(port, path, bodies, at_once):
    turn = asyncio.Semaphore(at_once)

    async def one(body):
        async with turn:
            return await ask(port, request(path, body))
    return await asyncio.gather(*map(one, bodies))


def load(port, path, bodies, at_once):
    """Seconds until all requests are answered, and the answers in their order."""
    start = time.perf_counter()
    answers = asyncio.run(all_of(port, path, bodies, at_once))
    return time.perf_counter() - start, answers


class Crowd(threading.Thread):
    """Quiet connections: some of them idle; the others open one by one, and slowly send part of a first line."""

    PARTS, PAUSE = (b'GE', b'T /', b'heal'), 0.3

    def __init__(self, port, idle, opened, per_second):
        super().__init__()
        self.port, self.idle, self.opened, self.per_second = port, idle, opened, per_second
        self.made, self.ready, self.stop = 0, threading.Event(), threading.Event()

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port))

    def run(self):
        kept = [self.connect() for _ in range(self.idle)]
        slow = collections.deque()  # (when, connection, parts sent)
        self.ready.set()
        while not self.stop.is_set() and self.made < self.opened:
            now = time.monotonic()
            for _ in range(self.per_second // 20):
                slow.append((now, self.connect(), 0))
                self.made += 1
            while slow and slow[0][0] <= now:
                _, connection, sent = slow.popleft()
                if sent == len(self.PARTS):
                    connection.close()
                    continue
                connection.send(self.PARTS[sent])
                slow.append((now + self.PAUSE, connection, sent + 1))
            self.stop.wait(0.05)
        for connection in kept + [c for _, c, _ in slow]:
            connection.close()
