# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists of which parts are replaced, that are sorted and turned round, and what a loop meets meanwhile."""

import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp


def replace_all(shared, names):
    while True:
        for number in 2, 1:
            shared[:] = [number] * 1000
            names.update(dict.fromkeys(range(100), number))


def append_range(shared, start, stop):
    for number in range(start, stop):
        shared.append(number)


def append_until(shared, stop):
    number = 0
    while not stop.is_set():
        shared.append(number)
        number += 1


class Order(unittest.TestCase):
    def setUp(self):
        self.manager = mp.Manager()
        self.addCleanup(self.manager.shutdown)

    def list(self, *items):
        return self.manager.list(items)

    def test_changing_all_of_it(self):
        shared, plain = self.list(*range(10)), list(range(10))
        for work in (
            lambda s: s.__setitem__(slice(2, 4), "abcd"),
            lambda s: s.__setitem__(slice(5, 5), [1, 2]),
            lambda s: s.__setitem__(slice(None, None, 2), [0] * 7),
            lambda s: s.__setitem__(slice(None, 2, -3), "wxyz"),
            lambda s: s.__setitem__(slice(-1, -20), [7]),
            lambda s: s.__delitem__(slice(None, None, 3)),
            lambda s: s.__delitem__(slice(-1, None, -4)),
            lambda s: s.extend(s),
            lambda s: s.sort(key=str, reverse=True),
            lambda s: s.reverse(),
            lambda s: s.__imul__(2),
            lambda s: s.__delitem__(slice(-3, None)),
        ):
            work(shared)
            work(plain)
            self.assertEqual(shared, plain)
        for wrong in (ValueError, lambda s: s.__setitem__(slice(None, None, 2), [1])), (TypeError, lambda s: s.sort()), (
            ValueError, lambda s: s.__delitem__(slice(0, 9, 0))), (TypeError, lambda s: s.__setitem__(slice(0, 9), 5)), (
            TypeError, lambda s: s.__imul__("a")), (ZeroDivisionError, lambda s: s.sort(key=lambda item: 1 / 0)):
            with self.assertRaises(wrong[0]):
                wrong[1](shared)
            self.assertEqual(shared, plain)
        shared *= 0
        self.assertEqual(shared, [])

    def test_sorting_keeps_the_order_of_what_is_alike(self):
        shared, plain = self.list("bb", "a", "cc", "d", "ee"), ["bb", "a", "cc", "d", "ee"]
        for reverse in True, False:
            shared.sort(key=len, reverse=reverse)
            plain.sort(key=len, reverse=reverse)
            self.assertEqual(shared, plain)

    def test_what_changes_each_time_is_not_sorted(self):
        shared = self.list(2, 1)
        with self.assertRaises(Shmobj.Busy):
            shared.sort(key=lambda item: shared.set(0, item) or item)

    def test_in_a_transaction_nobody_comes_in_between(self):
        manager = Shmobj.Manager()
        shared, stop = manager.list("numbers"), manager.event("stop")
        writer = mp.Process(target=append_until, args=(shared, stop))
        writer.start()
        for _ in range(20):
            with manager.transaction():
                shared.sort(key=lambda number: -number)
                self.assertEqual(shared, sorted(shared, reverse=True))
                shared *= 0
        stop.set()
        writer.join()

    def test_a_dicts_order_in_a_transaction(self):
        manager = Shmobj.Manager()
        shared, plain = manager.dict("names"), {}

        def work(names, turn):
            for key in range(0, 300, 3):
                names[key] = turn
                names.pop(key * 7 % 300, None)
                names[f"{key * 11 % 300}"] = key

        for turn in range(3):
            work(plain, turn)
            with manager.transaction():
                work(shared, turn)
                self.assertEqual((shared.items(), shared.keys()), (list(plain.items()), list(plain)))
            self.assertEqual((shared.items(), shared.keys()), (list(plain.items()), list(plain)))

    def test_a_loop_meets_one_moment(self):
        shared = self.list(*range(1000))
        met = []
        for number in shared:
            if number == 2:
                shared[:] = [-1] * 2000
            met.append(number)
        self.assertEqual((met, len(shared)), (list(range(1000)), 2000))

    def test_all_items_are_of_one_moment_while_another_process_replaces_them(self):
        shared, names = self.list(*[1] * 1000), self.manager.dict(dict.fromkeys(range(100), 1))
        writer = mp.Process(target=replace_all, args=(shared, names), daemon=True)
        writer.start()
        seen = set()
        while len(seen) < 2:
            for look in list, reversed, lambda s: s.copy(), lambda s: s[::-1], lambda s: s + []:
                items = list(look(shared))
                self.assertEqual((len(items), len(set(items))), (1000, 1))
                seen.update(items)
            for look in dict.items, dict.values:
                items = getattr(names, look.__name__)()
                self.assertEqual((len(items), len({item[1] if isinstance(item, tuple) else item for item in items})), (100, 1))
        writer.kill()
        writer.join()
        self.assertEqual(len(set(shared)), 1)

    def test_sorting_while_others_append_loses_nothing(self):
        shared = self.list()
        children = [mp.Process(target=append_range, args=(shared, start, start + 300)) for start in (0, 300)]
        for child in children:
            child.start()
        while any(child.is_alive() for child in children):
            shared.sort(reverse=True)
        for child in children:
            child.join()
        shared.sort()
        self.assertEqual(shared, list(range(600)))


if __name__ == "__main__":
    unittest.main()
