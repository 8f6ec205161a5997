# SPDX-License-Identifier: LGPL-2.1-or-later
"""Barriers from Python, as multiprocessing's are used, and what happens when a party dies."""

import os
import signal
import threading
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def come(barrier, count, indexes, rounds):
    for number in range(rounds):
        count.add(1)
        indexes.append(barrier.wait(LONG))
        if count.get() < (number + 1) * barrier.parties:
            raise AssertionError("somebody had not come yet")
        barrier.wait(LONG)


def come_and_wait(barrier, broken):
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        broken.set()


class Add:
    """An action that other processes have, too."""

    def __init__(self, count):
        self.count = count

    def __call__(self):
        self.count.add(100)


class Barrier(unittest.TestCase):
    def await_parties(self, barrier, number):
        while barrier.n_waiting != number:
            pass

    def test_alone(self):
        barrier = mp.Barrier(1)
        self.assertEqual([barrier.wait(), barrier.wait(0)], [0, 0])
        self.assertEqual((barrier.parties, barrier.n_waiting, barrier.broken), (1, 0, False))
        with self.assertRaises(ValueError):
            mp.Barrier(0)

    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context, manager = mp.get_context(method), Shmobj.Manager.new(None)
                barrier, count, indexes = context.Barrier(3), manager.value(None, 0), manager.list()
                children = [context.Process(target=come, args=(barrier, count, indexes, 5)) for _ in range(2)]
                for child in children:
                    child.start()
                come(barrier, count, indexes, 5)
                for child in children:
                    child.join()
                    self.assertEqual(child.exitcode, 0)
                self.assertEqual(sorted(indexes), [0] * 5 + [1] * 5 + [2] * 5)

    def test_action(self):
        count = Shmobj.Manager.new(None).value(None, 0)
        barrier = mp.Barrier(2, Add(count))
        child = mp.Process(target=barrier.wait)
        child.start()
        barrier.wait(LONG)
        self.assertEqual(count.get(), 100)
        child.join()
        self.assertEqual(child.exitcode, 0)

    def test_an_action_that_fails_breaks_it(self):
        broken, barrier = mp.Event(), mp.Barrier(2, lambda: 1 / 0)
        child = threading.Thread(target=come_and_wait, args=(barrier, broken))
        child.start()
        self.await_parties(barrier, 1)
        with self.assertRaises(ZeroDivisionError):
            barrier.wait(LONG)
        child.join()
        self.assertTrue(broken.is_set() and barrier.broken)

    def test_time_out_breaks_it_until_reset(self):
        barrier = mp.Barrier(2, timeout=0.02)
        for _ in range(2):
            with self.assertRaises(threading.BrokenBarrierError):
                barrier.wait()
        self.assertIs(barrier.broken, True)
        self.assertIn("broken", repr(barrier))
        barrier.reset()
        self.assertIs(barrier.broken, False)

    def test_a_killed_party_breaks_it(self):
        broken, barrier = mp.Event(), mp.Barrier(3)
        children = [mp.Process(target=come_and_wait, args=(barrier, broken)) for _ in range(2)]
        for child in children:
            child.start()
        self.await_parties(barrier, 2)
        os.kill(children[0].pid, signal.SIGKILL)
        self.assertIs(broken.wait(LONG), True)
        with self.assertRaises(threading.BrokenBarrierError):
            barrier.wait()
        for child in children:
            child.join()

    def test_abort(self):
        broken, barrier = mp.Event(), mp.Manager().Barrier(2)
        child = mp.Process(target=come_and_wait, args=(barrier, broken))
        child.start()
        self.await_parties(barrier, 1)
        barrier.abort()
        self.assertIs(broken.wait(LONG), True)
        child.join()

    def test_by_name(self):
        manager = Shmobj.Manager.new(None)
        barrier = manager.barrier("b", 2)
        self.assertEqual((manager.barrier("b").parties, manager.lookup("b")), (2, "barrier"))
        thread = threading.Thread(target=manager.barrier("b").wait)
        thread.start()
        self.assertIn(barrier.wait(LONG), (0, 1))
        thread.join()
        with self.assertRaises(ValueError):
            manager.barrier("other")


if __name__ == "__main__":
    unittest.main()
