# SPDX-License-Identifier: LGPL-2.1-or-later
"""Value, Array and RLock of the multiprocessing drop-in, as the standard library's."""

import ctypes
import gc
import os
import signal
import threading
import unittest

from shmobj import multiprocessing as mp
from shmobj.multiprocessing import sharedctypes

LONG = 60
TIMES = 300


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_int)]


def count(number, numbers, point):
    for _ in range(TIMES):
        with number.get_lock():
            number.value += 1
        with numbers:
            numbers[0] += 1
            numbers[-1] -= 1
    with point.get_lock():
        point.x, point.y = point.x * 2, point.y + 1


def hold_for_ever(lock, held):
    lock.acquire()
    lock.acquire()
    held.set()
    signal.pause()


def consume(condition, lock, things):
    with lock, condition:
        condition.wait_for(lambda: things.value > 0)
        things.value -= 1
        condition.notify_all()


class Values(unittest.TestCase):
    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                shared = context.Value("i", 5), context.Array("l", [1, 2, 3]), context.Value(Point, 0.5, 7)
                children = [context.Process(target=count, args=shared) for _ in range(2)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                number, numbers, point = shared
                self.assertEqual([child.exitcode for child in children], [0, 0])
                self.assertEqual((number.value, numbers[:]), (5 + 2 * TIMES, [1 + 2 * TIMES, 2, 3 - 2 * TIMES]))
                self.assertEqual((point.x, point.y), (2.0, 9))

    def test_behave_as_the_standard_ones(self):
        text = mp.Array("c", b"hello")
        text.value = b"bye"
        self.assertEqual((text.value, text.raw, len(text)), (b"bye", b"bye\0o", 5))
        self.assertEqual(mp.Array("d", 3)[:], [0.0, 0.0, 0.0])
        self.assertEqual(mp.RawArray(Point, [(1, 2), (3, 4)])[1].y, 4)
        raw = mp.Value("d", 0.5, lock=False)
        self.assertIsInstance(raw, ctypes.c_double)
        own = mp.Lock()
        self.assertIs(mp.Value("i", lock=own).get_lock(), own)
        with self.assertRaises(AttributeError):
            mp.Value("i", lock=5)
        number = mp.RawValue("q", 2**40)
        copied = sharedctypes.copy(number)
        number.value = 1
        self.assertEqual((copied.value, sharedctypes.synchronized(number).value), (2**40, 1))
        with self.assertRaises(TypeError):
            mp.Value("i", "text")
        self.assertEqual(len(mp.Array("i", 0)), 0)

    def test_large_ones(self):
        large = mp.RawArray("d", 1_000_000)
        large[999_999] = 0.5
        self.assertEqual((large[0], large[999_999]), (0.0, 0.5))

    def test_a_thousand_cost_few_descriptors(self):
        before = len(os.listdir("/proc/self/fd"))
        values = [mp.RawValue("i", number) for number in range(1000)]
        self.assertLess(len(os.listdir("/proc/self/fd")) - before, 10)
        self.assertEqual([value.value for value in values], list(range(1000)))
        del values
        gc.collect()

    def test_children_allocate_for_themselves(self):
        mine = mp.RawValue("i", 1)
        child = mp.get_context("fork").Process(target=lambda: setattr(mp.RawValue("i"), "value", 99))
        child.start()
        child.join()
        other = mp.RawValue("i", 2)
        self.assertEqual((child.exitcode, mine.value, other.value), (0, 1, 2))


class RecursiveLock(unittest.TestCase):
    def test_its_thread_takes_it_again(self):
        lock = mp.RLock()
        with lock, lock:
            self.assertFalse(self.in_thread(lambda: lock.acquire(False)))
        self.assertTrue(self.in_thread(lambda: lock.acquire(False) and not lock.release()))
        with self.assertRaises(AssertionError):
            lock.release()

    def test_only_its_thread_gives_it_back(self):
        lock = mp.RLock()

        def release():
            with self.assertRaises(AssertionError):
                lock.release()
            return True

        with lock:
            self.assertTrue(self.in_thread(release))
            self.assertFalse(self.in_thread(lambda: lock.acquire(timeout=0.01)))

    def test_condition_gives_it_back_altogether(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                lock, things = context.RLock(), context.RawValue("i")
                condition = context.Condition(lock)
                children = [context.Process(target=consume, args=(condition, lock, things)) for _ in range(2)]
                for child in children:
                    child.start()
                for _ in range(2):
                    with condition, lock:
                        things.value += 1
                        condition.notify()
                        self.assertTrue(condition.wait_for(lambda: things.value == 0, LONG))
                        self.assertTrue(lock.is_owned())
                for child in children:
                    child.join()
                self.assertEqual([child.exitcode for child in children], [0, 0])
                with self.assertRaises(RuntimeError):
                    condition.notify()
                with condition:
                    self.assertIs(condition.wait(0.001), False)
                self.assertTrue(self.in_thread(lambda: lock.acquire(False) and not lock.release()))

    def in_thread(self, function):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(function()))
        thread.start()
        thread.join()
        return answers[0]

    def test_children_of_each_kind_and_their_death(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                lock, held = context.RLock(), context.Event()
                child = context.Process(target=hold_for_ever, args=(lock, held))
                child.start()
                self.assertTrue(held.wait(LONG))
                self.assertFalse(lock.acquire(False))
                child.kill()
                child.join()
                self.assertTrue(lock.acquire(timeout=LONG))
                lock.release()


if __name__ == "__main__":
    unittest.main()
