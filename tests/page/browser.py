"""browser.py - a headless Chromium that a test drives through a pipe: keys, sizes, colours, pictures, what it loads."""
import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
PATIENCE = 60  # seconds for an answer, before the test fails


def find():
    """The program, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page. Messages are JSON, with a NUL after each: DevTools' protocol on descriptors 3 and 4."""

    def __init__(self):
        self.home = tempfile.mkdtemp()
        theirs_in, self.out = os.pipe()
        self.come, theirs_out = os.pipe()
        command = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ['bash', '-c', command, 'bash', find(), '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-dev-shm-usage', '--remote-debugging-pipe', f'--user-data-dir={self.home}', 'about:blank'],
            pass_fds=(theirs_in, theirs_out), start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, 'TMPDIR': self.home, 'HOME': self.home})
        os.close(theirs_in)
        os.close(theirs_out)
        self.number, self.rest, self.events, self.session = 0, b'', [], None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log', 'Accessibility'):
            self.call(f'{domain}.enable')

    def close(self):
        os.close(self.out)
        self.process.terminate()
        self.process.wait()
        os.close(self.come)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        # What is left of its processes may still write there.
        until = time.monotonic() + PATIENCE
        while os.path.exists(self.home) and time.monotonic() < until:
            shutil.rmtree(self.home, ignore_errors=True)

    def receive(self):
        end = time.monotonic() + PATIENCE
        while b'\0' not in self.rest:
            if not select.select([self.come], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError('the browser does not answer')
            some = os.read(self.come, 1 << 20)
            if not some:
                raise EOFError('the browser has ended')
            self.rest += some
        message, self.rest = self.rest.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                break
            self.events.append(answer)
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

    def run(self, expression):
        """The value of an expression in the page; a promise is awaited."""
        result = self.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(f'{expression}: {result["exceptionDetails"]}')
        return result['result'].get('value')

    def wait(self, condition):
        """Until the expression is true, looked at whenever the page draws itself."""
        found = self.run('new Promise((done) => { let left = 2000; const look = () => { const value = (' + condition +
                         '); if (value || !left--) done(value); else requestAnimationFrame(look); }; look(); })')
        if not found:
            raise AssertionError(f'never true: {condition}')
        return found

    def open(self, address):
        self.events.clear()
        self.call('Page.navigate', url=address)
        while not any(event['method'] == 'Page.loadEventFired' for event in self.events):
            self.events.append(self.receive())

    def show(self, width, height, scheme):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setScrollbarsHidden', hidden=True)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def type(self, text):
        self.call('Input.insertText', text=text)

    def press(self, key, modifiers=0, code=None, text=''):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, modifiers=modifiers,
                      windowsVirtualKeyCode=code or 0, text=text if kind == 'keyDown' else '')

    def tab(self, back=False):
        self.press('Tab', modifiers=8 if back else 0, code=9)

    def enter(self, control=False):
        self.press('Enter', modifiers=2 if control else 0, code=13, text='\r')

    def space(self):
        self.press(' ', code=32, text=' ')

    def picture(self, path):
        shot = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(shot['data']))

    def requests(self):
        self.run('0')  # whatever has come before is in the list now
        return [event['params']['request']['url'] for event in self.events
                if event['method'] == 'Network.requestWillBeSent']

    def complaints(self):
        """What the console says: faults of the script, and what the policy refused."""
        self.run('0')
        return [event['params'] for event in self.events
                if event['method'] == 'Runtime.exceptionThrown' or
                (event['method'] == 'Log.entryAdded' and event['params']['entry']['source'] != 'network')]

    def unnamed(self):
        """Fields and buttons without a name that a screen reader could read."""
        roles = ('textbox', 'button', 'checkbox', 'combobox', 'spinbutton')
        nodes = self.call('Accessibility.getFullAXTree')['nodes']
        seen = [node for node in nodes if not node['ignored'] and node['role']['value'] in roles]
        return len(seen), [node for node in seen if not node.get('name', {}).get('value', '').strip()]
