# SPDX-License-Identifier: LGPL-2.1-or-later
"""Semaphores from Python, as multiprocessing's are used, and what happens when a holder dies."""

import asyncio
import os
import pickle
import signal
import threading
import time
import unittest

import ctrl_c
import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def visit(semaphore, inside, most, times):
    for _ in range(times):
        with semaphore:
            now = inside.add(1)
            if now > most.get():
                most.set(now)
            inside.add(-1)


def hold(semaphore, units, held):
    for _ in range(units):
        semaphore.acquire()
    held.set()
    time.sleep(LONG)


class Semaphore(unittest.TestCase):
    def hold(self, semaphore, units):
        held = mp.Event()
        child = mp.Process(target=hold, args=(semaphore, units, held))
        child.start()
        self.assertIs(held.wait(LONG), True)
        return child

    def test_take_and_give_back(self):
        semaphore = mp.Semaphore(2)
        self.assertIs(semaphore.acquire(), True)
        with semaphore as taken:
            self.assertIs(taken, True)
            self.assertIs(semaphore.acquire(False), False)
            self.assertIs(semaphore.acquire(block=True, timeout=0.02), False)
            self.assertEqual((semaphore.get_value(), semaphore.get_held()), (0, 2))
        self.assertIn("value=1", repr(semaphore))
        semaphore.release(5)
        self.assertEqual((semaphore.get_value(), semaphore.get_held()), (6, 0))
        self.assertEqual(mp.Semaphore().get_value(), 1)

    def test_bounded(self):
        semaphore = mp.BoundedSemaphore(2)
        with self.assertRaises(ValueError):
            semaphore.release()
        with semaphore, self.assertRaises(ValueError):
            semaphore.release(2)
        self.assertEqual(semaphore.get_value(), 2)
        self.assertIn("maximum=2", repr(semaphore))

    def test_what_cannot_be(self):
        for call in (lambda: mp.Semaphore(-1), lambda: Shmobj.Semaphore(value=3, maximum=2), lambda: mp.Semaphore().release(0)):
            with self.assertRaises(ValueError):
                call()
        with self.assertRaises(OverflowError):
            mp.Semaphore().release(-1)
        with self.assertRaises(TypeError):
            mp.Semaphore().acquire(True, "soon")

    def test_an_exception_in_the_body_releases(self):
        semaphore = Shmobj.Semaphore(value=1)
        with self.assertRaises(ZeroDivisionError), semaphore:
            1 / 0
        self.assertEqual(semaphore.get_value(), 1)

    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                manager = Shmobj.Manager.new(None)
                inside, most = manager.value(None, 0), manager.value(None, 0)
                semaphore = context.BoundedSemaphore(2)
                children = [context.Process(target=visit, args=(semaphore, inside, most, 300)) for _ in range(4)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                    self.assertEqual(child.exitcode, 0)
                self.assertIn(most.get(), (1, 2))
                self.assertEqual((inside.get(), semaphore.get_value()), (0, 2))

    def test_a_killed_holder_gives_back(self):
        semaphore = mp.Semaphore(3)
        child = self.hold(semaphore, 3)
        self.assertIs(semaphore.acquire(False), False)
        os.kill(child.pid, signal.SIGKILL)
        for _ in range(3):
            self.assertIs(semaphore.acquire(timeout=LONG), True)
        child.join()

    def test_signals_do_not_come_back(self):
        semaphore = Shmobj.Semaphore(value=2, recovers=False)
        child = self.hold(semaphore, 2)
        child.kill()
        child.join()
        self.assertIs(semaphore.acquire(timeout=0.02), False)
        self.assertEqual((semaphore.get_recovers(), semaphore.get_value()), (False, 0))

    def test_ctrl_c_interrupts_a_wait_at_once(self):
        semaphore = mp.Semaphore(0)
        with ctrl_c.pressed(self, LONG / 2):
            semaphore.acquire()

    def test_cancellable(self):
        semaphore, stop = mp.Semaphore(0), Gio.Cancellable()
        threading.Timer(0.02, stop.cancel).start()
        with self.assertRaises(Shmobj.Cancelled):
            semaphore.acquire(cancellable=stop)
        threading.Timer(0.02, semaphore.release).start()
        self.assertIs(semaphore.acquire(cancellable=Gio.Cancellable()), True)

    def test_by_name(self):
        manager = Shmobj.Manager.new(None)
        semaphore = manager.semaphore("s", value=3, maximum=5)
        self.assertEqual(manager.semaphore("s").get_value(), 3)
        self.assertEqual(manager.semaphore("s", 1).get_maximum(), 5)
        self.assertIs(manager.semaphore("s").acquire(), True)
        self.assertEqual(semaphore.get_held(), 1)
        self.assertEqual(manager.lookup("s"), "semaphore")
        self.assertEqual([tuple(one)[:2] for one in manager.list_objects()], [("s", "semaphore")])
        with self.assertRaises(Shmobj.WrongKind):
            manager.lock("s")
        with self.assertRaises(ValueError):
            manager.semaphore("t", value=9, maximum=5)
        self.assertEqual(manager.semaphore().get_value(), 1)
        self.assertEqual(mp.Manager().BoundedSemaphore(2).get_maximum(), 2)
        self.assertEqual(mp.Manager().Semaphore(2).get_value(), 2)

    def test_through_a_connection(self):
        ours, theirs = mp.Pipe()
        semaphore = mp.Semaphore(2)
        ours.send({"places": semaphore})
        self.assertIs(theirs.recv()["places"].acquire(), True)
        self.assertEqual(semaphore.get_value(), 1)
        with self.assertRaises(Exception):
            pickle.dumps(semaphore)  # only to a process that is being started


class Coroutines(unittest.IsolatedAsyncioTestCase):
    async def test_acquire_async(self):
        semaphore = mp.Semaphore(0)
        self.assertIs(await semaphore.acquire_async(0), False)
        self.assertIs(await semaphore.acquire_async(0.02), False)
        waiting = [asyncio.create_task(semaphore.acquire_async()) for _ in range(5)]
        await asyncio.sleep(0)
        semaphore.release(5)
        self.assertEqual(await asyncio.gather(*waiting), [True] * 5)
        self.assertEqual(semaphore.get_held(), 5)


if __name__ == "__main__":
    unittest.main()
