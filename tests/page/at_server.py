#!/usr/bin/env python3
"""at_server.py PAGE.c GUERDON MODEL - looks at the page of the server as a person would, in a headless Chromium: with
the keyboard, at 400 pixels, dark and light, and when things go wrong. First guerdon serve answers, then a server here,
what was written down. PICTURES=DIR keeps pictures."""
import base64
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

import browser

KEY = 'a key'
RESULTS = {
    'scored': {'index': 0, 'scores': [1.25, -0.5, 1.125], 'ranks': [1, 3, 2], 'best': 0, 'margin': 0.125, 'ties': 0,
               'tokens': [17, 512, 20], 'truncated': True},
    'tied': {'index': 0, 'scores': [0.5, 0.5], 'ranks': [1, 1], 'best': 0, 'margin': 0.0, 'ties': 2, 'tokens': [9, 9]},
    'alone': {'index': 0, 'scores': [-2.5], 'ranks': [1], 'best': 0, 'margin': 0.0, 'ties': 0, 'tokens': [9]},
    'failed': {'index': 0, 'error': 'responses[0]: 600 tokens, but at most 512 are expected', 'status': 'GD_ETOOLONG'},
    'hostile': {'index': 0, 'error': '<img src=x onerror=alert(1)> is "no" text', 'status': 'GD_EFORMAT'},
    'dropped': {'index': 0, 'dropped': True},
}


def read_source(path):
    """The page and its policy, as the compiler would see them."""
    with open(path, encoding='ascii') as file:
        source = file.read()
    page = bytes(map(int, re.findall(r'\d+', re.search(r'sv_page\[\] = \{(.*?)\};', source, re.S).group(1))))
    policy = ''.join(re.findall(r'"([^"]*)"', source.split('sv_page_policy[] =')[1]))
    return page, policy


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind='application/json'):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        if kind.startswith('text/html'):
            self.send_header('Content-Security-Policy', self.server.policy)
        self.end_headers()
        self.wfile.write(body)

    def say(self, status, sentence):
        self.answer(status, json.dumps({'error': {'message': sentence, 'type': 'x', 'code': status}}).encode())

    def refused(self):
        if not self.server.keyed or self.headers.get('Authorization') == f'Bearer {KEY}':
            return False
        self.say(401, 'the header Authorization has no key')
        return True

    def do_GET(self):
        if self.path == '/':
            self.answer(200, self.server.page, 'text/html; charset=utf-8')
        elif self.path != '/v1/models':
            self.say(404, 'there is nothing under this path')
        elif not self.refused():
            models = [{'id': 'tiny', 'parent': None, 'max_model_len': 512},
                      {'id': 'tea', 'parent': 'tiny', 'max_model_len': 512}]
            self.answer(200, json.dumps({'object': 'list', 'data': models}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        if self.refused():
            return
        self.server.bodies.append(body)
        what = self.server.what
        if what == 'broken':
            self.answer(200, b'{"results":')
        elif what == 'bad gateway':
            self.answer(502, b'<html>', 'text/plain')
        elif what == 'busy':
            self.say(503, '65,536 items wait already, the most that may; try again later')
        else:
            answer = {'object': 'reward', 'model': 'tiny', 'adapter': body.get('adapter'), 'model_hash': 'c0ffee',
                      'adapter_hash': None, 'results': [RESULTS[what]]}
            self.answer(200, json.dumps(answer).encode())


class Test:
    def __init__(self, page, policy):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.server.page, self.server.policy = page, policy
        self.server.bodies, self.server.keyed, self.server.what = [], False, 'scored'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f'http://127.0.0.1:{self.server.server_address[1]}/'
        self.browser = browser.Browser()
        self.failures = 0

    def check(self, what, good, seen=''):
        if not good:
            self.failures += 1
            print(f'FAILED: {what}: {seen}')

    def equal(self, what, seen, wanted):
        self.check(what, seen == wanted, f'{seen!r}, but {wanted!r} is expected')

    def open(self, width=1000, scheme='light'):
        self.browser.show(width, 900, scheme)
        self.browser.open(self.address)
        if not self.server.keyed:
            self.browser.wait('at("adapter").length > 0')

    def score(self, what):
        self.server.what = what
        self.browser.run('score()')

    def text(self, name):
        return self.browser.run(f'at("{name}").innerText')

    def fill(self, prompt, *answers):
        self.browser.run(f'while (at("answers").children.length < {len(answers)}) addAnswer();'
                         f'while (at("answers").children.length > {len(answers)}) at("answers").lastChild.remove();'
                         f'at("prompt").value = {json.dumps(prompt)}; {json.dumps(answers)}.forEach((text, i) => '
                         '{ at(`answer-${i + 1}`).value = text; });')

    # ---- what is looked at ----

    def keyboard_alone(self):
        """Tab, typing and Ctrl+Enter; the focus goes to the result, and to a neighbour of an answer that goes."""
        b = self.browser
        self.server.what = 'scored'
        self.open()
        for text in ('Is tea hot?', 'Yes.'):
            b.tab()
            b.type(text)
        b.tab()
        self.equal('the button after an answer', b.run('document.activeElement.getAttribute("aria-label")'),
                   'Remove answer 1')
        b.tab()
        b.type('No.')
        b.tab()
        b.tab()
        b.enter()
        b.type('It depends on “the” tea.\nOn its age.')
        self.equal('the answer that was added', b.run('document.activeElement.id'), 'answer-3')
        b.enter(control=True)
        b.wait('!at("result").hidden')
        self.equal('the focus', b.run('document.activeElement.id'), 'result')
        self.equal('the request', self.server.bodies[-1], {'items': [{
            'prompt': [{'role': 'user', 'content': 'Is tea hot?'}],
            'responses': ['Yes.', 'No.', 'It depends on “the” tea.\nOn its age.']}]})
        self.equal('the summary', self.text('summary'), 'Answer 1 is the best, by a margin of 0.125000.')
        rows = b.run('[...document.querySelectorAll("#rows tr")].map((row) => [...row.children].map((cell) => '
                     'cell.innerText.trim().split("\\n").join("|")))')
        self.equal('the rows', rows, [['1', 'Yes.', '1.25000', '–', '17'],
                                      ['3', 'No.|it is cut off, to 512 tokens', '-0.500000', '1.75000', '512'],
                                      ['2', 'It depends on “the” tea. On its age.', '1.12500', '0.125000', '20']])
        b.run('at("answer-3").focus()')
        b.tab()
        b.space()
        self.equal('the focus after an answer is removed', b.run('document.activeElement.id'), 'answer-2')
        self.equal('the answers left', b.run('at("answers").children.length'), 2)
        self.equal('how a checkbox is used', b.run('at("turns").focus(), at("turns").checked'), True)
        b.space()
        self.equal('a checkbox after the space bar', b.run('at("turns").checked'), False)
        b.enter(control=True)
        b.wait('at("state").textContent === ""')
        self.equal('a prompt that is a text', self.server.bodies[-1]['items'][0]['prompt'], 'Is tea hot?')

    def sizes_and_colours(self):
        b = self.browser
        long = 'Tea is hot while it is fresh, ' * 9 + 'x' * 200
        backs = {}
        for width in (1000, 400):
            for scheme in ('light', 'dark'):
                self.open(width, scheme)
                self.fill('Is tea hot? ' + 'y' * 300, long, 'No.', 'Well.')
                b.run('at("truncate").value = "left"')
                self.score('scored')
                wide, seen = b.run('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
                self.check(f'{width} pixels, {scheme}', wide <= seen <= width, f'the page is {wide} wide')
                backs[scheme] = b.run('getComputedStyle(document.body).backgroundColor')
                if os.environ.get('PICTURES'):
                    b.picture(f'{os.environ["PICTURES"]}/page-{width}-{scheme}.png')
        self.check('dark and light', backs['dark'] != backs['light'], backs)
        rows = self.text('rows')
        self.check('where it was cut', 'its beginning is cut off, to 512 tokens' in rows, rows)

    def sentences(self):
        """Whatever goes wrong, a sentence says so, and no mark-up of a stranger is shown as such."""
        wanted = {'failed': 'responses[0]: 600 tokens, but at most 512 are expected',
                  'hostile': RESULTS['hostile']['error'],
                  'dropped': 'The server leaves out texts that are too long, and this one is.',
                  'busy': '65,536 items wait already, the most that may; try again later',
                  'broken': 'The server\'s answer is not JSON.',
                  'bad gateway': 'The server answered with status 502, and no sentence.'}
        self.open()
        self.score('scored')
        self.equal('no answer', self.text('wrong'), 'There is no answer to score yet.')
        self.fill('<b>p</b>', '<img src=x onerror=alert(1)>')
        for what, sentence in wanted.items():
            self.score('alone')
            self.check('a result', not self.browser.run('at("result").hidden'))
            self.score(what)
            self.equal(what, self.text('wrong'), sentence)
            self.check(f'{what}: an old result', self.browser.run('at("result").hidden'))
        if os.environ.get('PICTURES'):
            self.browser.picture(f'{os.environ["PICTURES"]}/page-wrong.png')
        self.score('alone')
        self.equal('one answer', self.text('summary'), 'Its score is -2.50000.')
        self.check('an error that is over', self.browser.run('at("wrong").hidden'))
        self.equal('mark-up in an answer', self.browser.run('document.querySelectorAll("#rows img").length'), 0)
        self.fill('p', 'a', 'a')
        self.score('tied')
        self.equal('a tie', self.text('summary'), '2 answers share the best score; answer 1 is the first of them.')
        self.browser.run('at("length").value = "0"')
        self.score('tied')
        self.check('a limit of 0', self.text('wrong').startswith('Most tokens: '), self.text('wrong'))

    def key(self):
        """It is asked for, sent to this server alone, and kept nowhere."""
        b = self.browser
        self.server.keyed = True
        self.open()
        self.fill('p', 'a')
        self.score('alone')
        self.equal('no key', self.text('wrong'), 'The server wants a key: the header Authorization has no key')
        b.run('at("key").focus()')
        b.type('nö\u2615')
        self.score('alone')
        self.check('a key of odd characters', 'key' in self.text('wrong'), self.text('wrong'))
        b.run('at("key").value = ""; at("key").focus()')
        b.type(KEY)
        b.enter(control=True)
        b.wait('!at("result").hidden')
        b.wait('at("adapter").length === 2')
        b.run('at("adapter").value = "tea"; at("truncate").value = "right"; at("length").value = "99"')
        self.score('alone')
        body = self.server.bodies[-1]
        self.equal('how it is scored', [body.get(name) for name in ('adapter', 'truncate', 'max_length')],
                   ['tea', 'right', 99])
        kept = b.run('JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href])')
        self.equal('what is kept', json.loads(kept), [0, 0, '', self.address])
        b.call('Page.reload')
        b.wait('document.readyState === "complete" && typeof at === "function"')
        self.equal('the key after a reload', b.run('at("key").value'), '')
        self.server.keyed = False

    def nothing_else(self):
        """No request goes anywhere else, the policy holds, and all that can be used has a name."""
        b = self.browser
        self.open()
        self.fill('p', 'a', 'b')
        self.score('tied')
        seen = [address for address in b.requests() if not address.startswith(('data:', self.address))]
        self.equal('other addresses', seen, [])
        self.equal('complaints', b.complaints(), [])
        count, unnamed = b.unnamed()
        self.check('fields and buttons', count >= 11, count)
        self.equal('without a name', unnamed, [])
        b.run('document.body.append(Object.assign(document.createElement("script"), '
              '{ textContent: "window.alien = 1" }))')
        b.run('fetch("http://127.0.0.1:1/").catch(() => {})')
        self.equal('a script that is not the page\'s', b.run('String(window.alien)'), 'undefined')
        self.check('what the policy refuses', len(b.complaints()) >= 2, b.complaints())

    def gone(self):
        self.open()
        self.fill('p', 'a')
        self.server.shutdown()
        self.server.server_close()
        self.browser.call('Network.emulateNetworkConditions', offline=True, latency=0, downloadThroughput=-1,
                          uploadThroughput=-1)
        self.browser.run('score()')
        self.equal('no server', self.text('wrong'), 'The server does not answer: is it still running?')

    def real(self, guerdon, model):
        """The scores on the page are those of guerdon rank."""
        b, prompt, answers = self.browser, 'Is tea hot? ', ['Yes.', 'No, it is not.', 'Ask “her”.']
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/in.jsonl', 'w', encoding='utf-8') as file:
                json.dump({'prompt': prompt, 'responses': answers}, file)
            with open(f'{folder}/key', 'w', encoding='ascii') as file:
                file.write('the-right-key\n')
            ranked = json.loads(subprocess.run(
                [guerdon, 'rank', '--model', model, '--input', f'{folder}/in.jsonl', '--quiet'],
                check=True, capture_output=True).stdout)
            command = [guerdon, 'serve', '--model', model, '--port', '0', '--api-key-file', f'{folder}/key']
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
                line = server.stdout.readline()
                if not line and 'needs libmicrohttpd' in server.stderr.read():
                    print('built without libmicrohttpd, so guerdon serve was not looked at')
                    return
                try:
                    b.open(line.split()[-1] + '/')
                    b.run('at("turns").checked = false; at("key").value = "the-wrong-key"')
                    self.fill(prompt, *answers)
                    b.run('score()')
                    self.check('a wrong key', 'The server wants a key: ' in self.text('wrong'), self.text('wrong'))
                    b.run('at("key").value = "the-right-key"; score()')
                    b.wait('at("adapter").length > 0')
                    seen = b.run('[...document.querySelectorAll("#rows tr")].map((row) => [+row.cells[0].innerText, '
                                 'row.cells[2].innerText.trim(), +row.cells[4].innerText])')
                    shown = b.run(f'{json.dumps(ranked["scores"])}.map(shown)')
                    self.equal('the scores of guerdon serve', seen,
                               [list(row) for row in zip(ranked['ranks'], shown, ranked['tokens'])])
                    self.equal('complaints', b.complaints(), [])
                finally:
                    server.kill()

    def run(self, guerdon, model):
        try:
            self.real(guerdon, model)
            for look in (self.keyboard_alone, self.sizes_and_colours, self.sentences, self.key, self.nothing_else,
                         self.gone):
                look()
        finally:
            self.browser.close()
        return 1 if self.failures else 0


def check_digests(page, policy):
    """The policy has the digests of the script and the style, as browsers compute them."""
    for tag in ('script', 'style'):
        inside = re.search(f'<{tag}>(.*?)</{tag}>', page.decode(), re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        if f"{tag}-src 'sha256-{digest}'" not in policy:
            print(f'FAILED: the policy lacks the digest of the {tag}, {digest}: {policy}')
            return False
    return True


def main():
    page, policy = read_source(sys.argv[1])
    if not check_digests(page, policy):
        return 1
    if not browser.find():
        print('SKIPPED: the digests are right, but there is no Chromium to look at the page')
        return 77
    return Test(page, policy).run(*sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
