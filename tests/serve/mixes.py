"""Requests of every dialect at random, what each must answer by the scores of guerdon score, and clients that go away."""
import json
import math
import socket
import struct

from serving import everything, parse, records_of, request

QUESTIONS = ['Is tea hot? ', 'Is the moon made of cheese, as they say? ', 'Why? ', '¿Qué hora es? ', 'A very ' * 30]
ANSWERS = ['Yes.', 'No.', 'Now and then.', 'Perhaps 🙂, perhaps not.', 'Nobody knows. ' * 12]
NEVER_EMPTY = [1, 1, 1, 2, 3, 5]


def float32(number):
    return struct.unpack('f', struct.pack('f', number))[0]


def sigmoid(score):
    return float32(1 / (1 + math.exp(-score)))


def talk(question, answer):
    return [{'role': 'user', 'content': question}, {'role': 'assistant', 'content': answer}]


class Known:
    """The scores of every question with every answer, as a text and as a conversation, by guerdon score."""

    def __init__(self, *flags):
        pairs = [(q, a) for q in QUESTIONS for a in ANSWERS]
        texts = records_of([{'text': q + a} for q, a in pairs], *flags)
        talks = records_of([{'messages': talk(q, a)} for q, a in pairs], *flags)
        self.text = {q + a: float32(one['score']) for (q, a), one in zip(pairs, texts)}
        self.talk = {pair: float32(one['score']) for pair, one in zip(pairs, talks)}
        self.tokens = {q + a: one['tokens'] for (q, a), one in zip(pairs, texts)}
        self.ids = {}  # of texts, when a server has been asked for them

    def learn_ids(self, server):
        for text, tokens in self.tokens.items():
            self.ids[text] = server.post('/tokenize', {'prompt': text})[1]['tokens']
            assert len(self.ids[text]) == tokens, text


class Draw:
    """What a request asks about."""

    def __init__(self, chance, known):
        self.chance, self.known = chance, known
        self.question = chance.choice(QUESTIONS)
        self.answers = chance.choices(ANSWERS, k=chance.choice(NEVER_EMPTY))
        self.answer = self.answers[0]
        self.texts = [chance.choice(QUESTIONS) + answer for answer in self.answers]
        self.raw = chance.random() < 0.5

    def same(self, score):
        return score if self.raw else sigmoid(score)

    def scores(self):
        return [self.known.text[text] for text in self.texts]

    def ids(self):
        return [self.known.ids[text] for text in self.texts]

    def joined(self):
        return [self.known.text[self.question + answer] for answer in self.answers]

    def talks(self):
        return [self.known.talk[self.question, answer] for answer in self.answers]

    def best_first(self):
        scores = self.talks()
        return sorted(((i, self.same(s)) for i, s in enumerate(scores)), key=lambda one: -scores[one[0]])


def column(answer, *path):
    """The numbers that a list of results has under a path, as float32: the others are compared by equality."""
    out = []
    for one in answer:
        for key in path:
            one = one[key]
        out.append(float32(one))
    return out


# Each: the path, the body, what must come of the answer, and how it is read.

def reward_texts(d):
    body = {'items': [{'text': text} for text in d.texts] + [{'messages': []}]}
    return '/v1/reward', body, d.scores(), lambda a: column(a['results'][:-1], 'score')


def reward_answers(d):
    body = {'items': [{'prompt': d.question, 'responses': d.answers}]}
    return '/v1/reward', body, d.joined(), lambda a: [float32(s) for s in a['results'][0]['scores']]


def reward_pair(d):
    pair = [d.answer, d.chance.choice(ANSWERS)]
    body = {'items': [{'prompt': d.question, 'chosen': pair[0], 'rejected': pair[1]}]}
    want = [d.known.text[d.question + answer] for answer in pair]
    return '/v1/reward', body, want, lambda a: [float32(a['results'][0][side]) for side in ('chosen', 'rejected')]


def reward_ids(d):
    return '/v1/reward', {'items': [{'ids': ids} for ids in d.ids()]}, d.scores(), lambda a: column(a['results'], 'score')


def reward_talks(d):
    body = {'items': [{'messages': talk(d.question, answer)} for answer in d.answers]}
    return '/v1/reward', body, d.talks(), lambda a: column(a['results'], 'score')


def openrlhf(d):
    body = {'query': d.texts, 'prompts': d.texts, 'labels': [None] * len(d.texts)}
    return '/get_reward', body, d.scores(), lambda a: [float32(s) for s in a['rewards']]


def slime(d):
    body = {'prompt': d.question, 'response': d.answer, 'label': '42'}
    return '/rm', body, d.joined()[:1], lambda a: [float32(a)]


def slime_talk(d):
    body = {'prompt': talk(d.question, '')[:1], 'response': d.answer, 'label': None}
    return '/rm', body, d.talks()[:1], lambda a: [float32(a)]


def gym(d):
    answer = {'type': 'message', 'role': 'assistant', 'content': [{'type': 'output_text', 'text': d.answer}]}
    body = {'responses_create_params': {'input': d.question}, 'response': {'output': [answer]}}
    return '/verify', body, d.talks()[:1], lambda a: [float32(a['reward'])]


def gym_seed(_):
    return '/seed_session', {}, {}, lambda a: a


def vllm(path, key, *member):
    def one(d):
        body = {'input': d.ids() if d.chance.random() < 0.3 else d.texts, 'use_activation': not d.raw}
        return path, body, [d.same(s) for s in d.scores()], lambda a: column(a['data'], key, *member)
    return one


def vllm_talk(d):
    body = {'messages': talk(d.question, d.answer), 'use_activation': not d.raw}
    return '/classify', body, [d.same(d.talks()[0])], lambda a: column(a['data'], 'probs', 0)


def vllm_score(d):
    names = d.chance.choice([('text_1', 'text_2'), ('queries', 'documents'), ('queries', 'items'), ('data_1', 'data_2')])
    one = d.question if d.chance.random() < 0.5 else [d.question] * len(d.answers)
    body = {**dict(zip(names, (one, d.answers))), 'use_activation': not d.raw}
    path = d.chance.choice(['/score', '/v1/score'])
    return path, body, [d.same(s) for s in d.talks()], lambda a: column(a['data'], 'score')


def vllm_rerank(d):
    top = d.chance.randint(0, len(d.answers))
    path = d.chance.choice(['/rerank', '/v1/rerank', '/v2/rerank'])
    body = {'query': d.question, 'documents': d.answers, 'top_n': top, 'use_activation': not d.raw}
    want = d.best_first()[:top or None]
    return path, body, want, lambda a: [(one['index'], float32(one['relevance_score'])) for one in a['results']]


def sglang_classify(d):
    name, value = ('input_ids', d.ids()) if d.chance.random() < 0.3 else ('text', d.texts)
    return '/classify', {name: value}, d.scores(), lambda a: column(a, 'embedding', 0)


def sglang_talks(d):
    body = {'conv': [talk(d.question, answer) for answer in d.answers]}
    return '/classify', body, d.talks(), lambda a: column(a, 'embedding', 0)


def sglang_score(d):
    return '/v1/score', {'query': d.question, 'items': d.answers}, d.joined(), lambda a: column(a['scores'], 0)


def sglang_embeddings(d):
    return '/v1/embeddings', {'input': d.texts}, d.scores(), lambda a: column(a['data'], 'embedding', 0)


def sglang_v1_classify(d):
    return '/v1/classify', {'input': d.texts}, d.scores(), lambda a: column(a['data'], 'probs', 0)


def tei_rerank(d):
    body = {'query': d.question, 'texts': d.answers, 'raw_scores': d.raw}
    return '/rerank', body, d.best_first(), lambda a: [(one['index'], float32(one['score'])) for one in a]


def tei_predict(d):
    body = {'inputs': [[text] for text in d.texts], 'raw_scores': d.raw}
    return '/predict', body, [d.same(s) for s in d.scores()], lambda a: column(a, 0, 'score')


def tei_predict_pairs(d):
    body = {'inputs': [[d.question, answer] for answer in d.answers], 'raw_scores': d.raw}
    return '/predict', body, [d.same(s) for s in d.talks()], lambda a: column(a, 0, 'score')


def vllm_tokenize(d):
    text = d.texts[0]
    return '/tokenize', {'prompt': text}, d.known.ids[text], lambda a: a['tokens']


KINDS = (reward_texts, reward_answers, reward_pair, reward_ids, reward_talks, openrlhf, slime, slime_talk, gym, gym_seed,
         vllm('/classify', 'probs', 0), vllm('/pooling', 'data', 0), vllm_talk, vllm_score, vllm_rerank,
         sglang_classify, sglang_talks, sglang_score, sglang_embeddings, sglang_v1_classify,
         tei_rerank, tei_predict, tei_predict_pairs, vllm_tokenize)

READS = ('/health', '/ping', '/info', '/metrics', '/v1/models', '/openapi.json', '/')


def in_chunks(chance, path, body, close):
    """The request with its body in chunks of any size."""
    data, parts = json.dumps(body).encode(), b''
    while data:
        size = chance.randint(1, len(data))
        parts += b'%x\r\n%s\r\n' % (size, data[:size])
        data = data[size:]
    head = request('POST', path, headers=['Transfer-Encoding: chunked'], close=close)
    return head + parts + b'0\r\n\r\n'


class Connection:
    """A connection that stays, with one request after the other."""

    def __init__(self, server):
        self.socket, self.rest = server.connect(), b''

    def receive(self):
        part = self.socket.recv(1 << 16)
        if not part:
            raise AssertionError(f'the connection ends within an answer: {self.rest[:200]}')
        self.rest += part

    def answer(self):
        while b'\r\n\r\n' not in self.rest:
            self.receive()
        status, headers, body = parse(self.rest)
        while len(body) < int(headers['content-length']):
            self.receive()
            status, headers, body = parse(self.rest)
        self.rest = body[int(headers['content-length']):]
        return status, body[:int(headers['content-length'])]


class Client:
    """One of many: `chance` decides what it does, and wrong answers go to `wrong`."""

    def __init__(self, server, chance, known, wrong, counts):
        self.server, self.chance, self.known, self.wrong, self.counts = server, chance, known, wrong, counts

    def draw(self, close):
        kind = self.chance.randrange(len(KINDS))
        path, body, want, read = KINDS[kind](Draw(self.chance, self.known))
        if self.chance.random() < 0.2:
            data = in_chunks(self.chance, path, body, close)
        else:
            data = request('POST', path, body, close=close)
        return kind, data, (path, body, want, read)

    def check(self, kind, asked, status, answer):
        path, body, want, read = asked
        if status != 200 or read(json.loads(answer)) != want:
            self.wrong.append((path, body, want, status, answer[:1000]))
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def ask(self):
        """Over a connection of its own, as verl does."""
        kind, data, asked = self.draw(close=True)
        status, _, answer = parse(self.server.send(data))
        self.check(kind, asked, status, answer)

    def ask_some(self):
        """One after the other, or all before the first answer, on one connection."""
        drawn = [self.draw(close=False) for _ in range(self.chance.randint(2, 4))]
        ahead = self.chance.random() < 0.5
        connection = Connection(self.server)
        with connection.socket as s:
            if ahead:
                s.sendall(b''.join(data for _, data, _ in drawn))
            for kind, data, asked in drawn:
                if not ahead:
                    s.sendall(data)
                self.check(kind, asked, *connection.answer())

    def go_away(self):
        """In the middle of the request, behind it, or while the answer comes; politely or not."""
        _, data, _ = self.draw(close=True)
        part = self.chance.random() < 0.3
        with self.server.connect() as s:
            if self.chance.random() < 0.3:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # a reset
            s.sendall(data[:self.chance.randrange(len(data))] if part else data)
            if self.chance.random() < 0.3:
                s.shutdown(socket.SHUT_WR)
            if part:
                return
            if self.chance.random() < 0.3:
                everything(s)
            elif self.chance.random() < 0.3:
                s.recv(1)

    def look(self):
        path = self.chance.choice(READS)
        status, _, body = self.server.ask('GET', path)
        if status != 200 or (path != '/ping' and not body):
            self.wrong.append((path, status, body[:1000]))

    def act(self):
        number = self.chance.random()
        if number < 0.15:
            self.go_away()
        elif number < 0.2:
            self.look()
        elif number < 0.6:
            self.ask_some()
        else:
            self.ask()
