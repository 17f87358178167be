"""Many clients at once, which speak every dialect at random and may go away: every score has the bits of guerdon score."""
import random
import threading
import unittest

from mixes import KINDS, Client, Known
from serving import Server

FLAGS = ('--chat-format', 'chatml')
CLIENTS, TURNS = 64, 8


class Mixes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.known = Known(*FLAGS)
        with Server(*FLAGS) as s:
            cls.known.learn_ids(s)

    def run_clients(self, server, seed):
        """What went wrong, and how often each kind of request was answered."""
        wrong, counts = [], {}

        def live(number):
            client = Client(server, random.Random(f'{seed} {number}'), self.known, wrong, counts)
            for _ in range(TURNS):
                try:
                    client.act()
                except (AssertionError, LookupError, OSError, TypeError, ValueError) as failure:
                    wrong.append(f'seed {seed}, client {number}: {failure!r}')

        clients = [threading.Thread(target=live, args=(number,)) for number in range(CLIENTS)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        return wrong, counts

    def check(self, *flags, seed):
        with Server(*FLAGS, *flags) as s:
            wrong, counts = self.run_clients(s, seed)
            self.assertEqual(wrong[:3], [], f'{len(wrong)} in all')
            self.assertEqual(sorted(counts), list(range(len(KINDS))))
            s.wait_for('queue_requests', 0)
            s.wait_for('connections', 1)  # the one that asks
            self.assertGreater(s.metric('rows_saved_total'), 0)
            self.assertGreater(s.metric('cancelled_total') + s.metric('clients_gone_total'), 0)
            self.assertEqual(s.end()[0], 0)

    def test_small_batches(self):
        self.check('--batch-tokens', '64', seed=1)

    def test_large_batches(self):
        self.check(seed=2)

    def test_one_thread(self):
        self.check('--threads', '1', '--batch-tokens', '200', seed=3)


if __name__ == '__main__':
    unittest.main(verbosity=2)
