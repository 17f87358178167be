"""Clients of a reward server: many requests at once, each on a connection of its own, as RL trainers send them."""
import asyncio
import json
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


class Crowd:
    """Connections that say little: so many idle ones, and others that open one after the other and send a part of a
    request's first line, slowly."""

    def __init__(self, port, idle, opened, per_second):
        self.port, self.idle, self.opened, self.per_second = port, idle, opened, per_second
        self.made = 0

    async def slow(self):
        try:
            _, writer = await asyncio.open_connection('127.0.0.1', self.port)
            self.made += 1
            for part in (b'GE', b'T /', b'heal'):
                writer.write(part)
                await asyncio.sleep(0.3)
            writer.close()
        except OSError:
            pass

    async def run(self, ready, stop):
        kept = [await asyncio.open_connection('127.0.0.1', self.port) for _ in range(self.idle)]
        ready.set()
        tasks = set()
        while self.made + len(tasks) < self.opened and not stop.is_set():
            tasks.add(asyncio.create_task(self.slow()))
            await asyncio.sleep(1 / self.per_second)
            tasks = {t for t in tasks if not t.done()}
        await asyncio.gather(*tasks)
        for _, writer in kept:
            writer.close()
