# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lock and Event from Python, as multiprocessing's are used, and what happens when a holder dies."""

import os
import signal
import time
import unittest

import ctrl_c
import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def count(lock, memory, times):
    for _ in range(times):
        with lock:
            memory.buf[:8] = (int.from_bytes(memory.buf[:8], "little") + 1).to_bytes(8, "little")


def hold(lock, held):
    lock.acquire()
    held.set()
    time.sleep(LONG)


def wait_and_set(start, done):
    start.wait()
    done.set()


class Lock(unittest.TestCase):
    def test_take_and_give_back(self):
        lock = mp.Lock()
        self.assertIs(lock.acquire(), True)
        self.assertTrue(lock.locked())
        self.assertIs(lock.acquire(block=False), False)
        self.assertIs(lock.acquire(True, 0.02), False)
        lock.release()
        self.assertFalse(lock.locked())
        with lock as taken:
            self.assertIs(taken, True)
            self.assertIn("locked", repr(lock))
        self.assertFalse(lock.locked())

    def test_releasing_what_is_free(self):
        with self.assertRaises(Shmobj.Error):
            mp.Lock().release()

    def test_an_exception_in_the_body_releases(self):
        lock = Shmobj.Lock()
        with self.assertRaises(ZeroDivisionError), lock:
            1 / 0
        self.assertIs(lock.acquire(False), True)
        lock.release()

    def test_children_of_each_kind_exclude_each_other(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                lock, memory = context.Lock(), Shmobj.SharedMemory(size=8)
                children = [context.Process(target=count, args=(lock, memory, 2000)) for _ in range(3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                self.assertEqual(int.from_bytes(memory.buf[:8], "little"), 6000)

    def test_a_killed_holder_frees_it(self):
        lock, held = mp.Lock(), mp.Event()
        child = mp.Process(target=hold, args=(lock, held))
        child.start()
        self.assertTrue(held.wait(LONG))
        self.assertIs(lock.acquire(False), False)
        os.kill(child.pid, signal.SIGKILL)
        self.assertIs(lock.acquire(timeout=LONG), True)
        self.assertTrue(lock.get_abandoned())
        lock.release()
        child.join()
        with lock:
            self.assertFalse(lock.get_abandoned())

    def test_ctrl_c_interrupts_a_wait_at_once(self):
        lock, held = mp.Lock(), mp.Event()
        child = mp.Process(target=hold, args=(lock, held))
        child.start()
        held.wait(LONG)
        with ctrl_c.pressed(self, LONG / 2):
            lock.acquire()
        child.kill()
        child.join()


class Event(unittest.TestCase):
    def test_set_and_clear(self):
        event = mp.Event()
        self.assertIs(event.is_set(), False)
        self.assertIs(event.wait(0), False)
        self.assertIs(event.wait(0.02), False)
        event.set()
        self.assertIs(event.is_set(), True)
        self.assertIs(event.wait(), True)
        self.assertIn("set", repr(event))
        event.clear()
        self.assertIs(event.is_set(), False)

    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                start, done = context.Event(), context.Event()
                child = context.Process(target=wait_and_set, args=(start, done))
                child.start()
                start.set()
                self.assertIs(done.wait(LONG), True)
                child.join()
                self.assertEqual(child.exitcode, 0)

    def test_set_in_a_signal_handler(self):
        # multiprocessing's own event can deadlock here
        event = mp.Event()
        old = signal.signal(signal.SIGALRM, lambda *_: event.set())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            self.assertIs(event.wait(LONG), True)
        finally:
            signal.signal(signal.SIGALRM, old)


if __name__ == "__main__":
    unittest.main()
