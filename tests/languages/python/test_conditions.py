# SPDX-License-Identifier: LGPL-2.1-or-later
"""Condition from Python, as multiprocessing's and threading's are used, and what happens when who waits dies."""

import asyncio
import os
import signal
import threading
import time
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def await_waiters(condition, n):
    end = time.monotonic() + LONG
    while condition.get_waiters() != n:
        if time.monotonic() > end:
            raise AssertionError(f"{condition.get_waiters()} wait, not {n}")
        time.sleep(0.001)


def take(condition, things):
    """Waits for one of the things and takes it."""
    with condition:
        while things.buf[0] == 0:
            condition.wait()
        things.buf[0] -= 1


def bring(condition, things, n=1):
    with condition:
        things.buf[0] += n
        condition.notify(n)


def play(condition, memory, mine, times):
    """Says that it is the other one's turn, whenever it is ours."""
    for _ in range(times):
        with condition:
            condition.wait_for(lambda: memory.buf[0] == mine)
            memory.buf[0] = 1 - mine
            condition.notify()


class Condition(unittest.TestCase):
    def setUp(self):
        self.condition = mp.Condition()
        self.things = Shmobj.SharedMemory.new(8)

    def start(self, function, *args):
        process = mp.get_context("fork").Process(target=function, args=(self.condition, self.things, *args))
        process.start()
        return process

    def finish(self, *processes):
        for process in processes:
            process.join(LONG)
            self.assertEqual(process.exitcode, 0)

    def test_needs_the_lock(self):
        with self.assertRaises(RuntimeError):
            self.condition.notify()
        with self.assertRaises(RuntimeError):
            self.condition.notify_all()
        with self.assertRaises((RuntimeError, Shmobj.Error)):
            self.condition.wait(0)
        self.assertFalse(self.condition.get_lock().locked())

    def test_time_out_holds_the_lock(self):
        with self.condition as taken:
            self.assertIs(taken, True)
            for timeout in 0, 0.02:
                start = time.monotonic()
                self.assertIs(self.condition.wait(timeout), False)
                self.assertGreaterEqual(time.monotonic() - start, timeout)
                self.assertTrue(self.condition.get_lock().is_owned())
            self.assertIs(self.condition.wait_for(lambda: False, 0.02), False)
            self.assertEqual(self.condition.wait_for(lambda: 7, 0), 7)
            self.assertIn("0 waiting", repr(self.condition))
        self.assertIs(self.condition.acquire(False), True)
        self.condition.release()

    def test_a_lock_of_two_conditions(self):
        lock = mp.Lock()
        first, second = mp.Condition(lock), Shmobj.Condition(lock=lock)
        with first:
            self.assertTrue(lock.is_owned())
            self.assertIs(second.get_lock(), lock)
            second.notify_all()
            self.assertIs(second.wait(0), False)

    def test_notify_of_gobject(self):
        heard = []
        self.condition.connect("notify::lock", lambda *_: heard.append(1))
        self.condition.notify("lock")
        self.assertEqual(heard, [1])

    def test_as_many_as_told(self):
        processes = [self.start(take) for _ in range(5)]
        await_waiters(self.condition, 5)
        bring(self.condition, self.things)
        await_waiters(self.condition, 4)
        bring(self.condition, self.things, 2)
        await_waiters(self.condition, 2)
        with self.condition:
            self.things.buf[0] += 2
            self.condition.notify_all()
        self.finish(*processes)

    def test_turns(self):
        other = self.start(play, 1, 300)
        play(self.condition, self.things, 0, 300)
        self.finish(other)

    def test_threads(self):
        threads = [threading.Thread(target=take, args=(self.condition, self.things)) for _ in range(4)]
        for thread in threads:
            thread.start()
        await_waiters(self.condition, 4)
        bring(self.condition, self.things, 4)
        for thread in threads:
            thread.join(LONG)
            self.assertFalse(thread.is_alive())

    def test_the_killed_are_passed_over(self):
        first, second = self.start(take), None
        await_waiters(self.condition, 1)
        second = self.start(take)
        await_waiters(self.condition, 2)
        os.kill(first.pid, signal.SIGKILL)
        first.join(LONG)
        bring(self.condition, self.things)
        self.finish(second)

    def test_killed_after_it_was_woken(self):
        first = self.start(take)
        await_waiters(self.condition, 1)
        second = self.start(take)
        await_waiters(self.condition, 2)
        with self.condition:
            self.things.buf[0] += 1
            self.condition.notify()  # the first one, who cannot have the lock now
            os.kill(first.pid, signal.SIGKILL)
            first.join(LONG)
        self.finish(second)

    def test_cancelled(self):
        stop = Gio.Cancellable()
        thread = threading.Thread(target=lambda: (await_waiters(self.condition, 1), stop.cancel()))
        with self.condition:
            thread.start()
            with self.assertRaises(Shmobj.Cancelled):
                self.condition.wait(cancellable=stop)
            self.assertTrue(self.condition.get_lock().is_owned())
            with self.assertRaises(Shmobj.Cancelled):
                self.condition.wait(cancellable=stop)
            self.assertTrue(self.condition.get_lock().is_owned())
        thread.join()

    def test_a_signal_whose_handler_raises(self):
        class Raised(Exception):
            pass

        raised = threading.Event()

        def on_signal(*_):
            if not raised.is_set():
                raised.set()
                raise Raised

        def send_until_heard():
            await_waiters(self.condition, 1)
            while not raised.wait(0.02):  # one that comes just before it sleeps is heard later
                signal.pthread_kill(main, signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, on_signal)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        main = threading.main_thread().ident
        thread = threading.Thread(target=send_until_heard)
        with self.condition:
            thread.start()
            with self.assertRaises(Raised):
                self.condition.wait()
            self.assertTrue(self.condition.get_lock().is_owned())
        thread.join()
        self.assertEqual(self.condition.get_waiters(), 0)

    def test_with_a_name(self):
        manager = Shmobj.Manager.new(None, None)
        first, second = manager.condition("c"), manager.condition("c")
        with first:
            self.assertTrue(second.get_lock().is_owned())
            second.notify_all()
        self.assertEqual(manager.lookup("c"), "condition")
        with mp.Manager() as other:
            with other.Condition() as taken:
                self.assertTrue(taken)

    def test_spawned(self):
        process = mp.get_context("spawn").Process(target=take, args=(self.condition, self.things))
        process.start()
        await_waiters(self.condition, 1)
        bring(self.condition, self.things)
        self.finish(process)


class Coroutines(unittest.TestCase):
    def setUp(self):
        self.condition = Shmobj.Condition()

    def test_notified(self):
        async def wait():
            await self.condition.get_lock().acquire_async()
            got = await self.condition.wait_async()
            held = self.condition.get_lock().is_owned()
            self.condition.release()
            return got, held

        async def main():
            waits = [asyncio.ensure_future(wait()) for _ in range(3)]
            while self.condition.get_waiters() < 3:
                await asyncio.sleep(0.001)
            self.assertTrue(await self.condition.get_lock().acquire_async())
            self.condition.notify_all()
            self.condition.release()
            return await asyncio.wait_for(asyncio.gather(*waits), LONG)

        self.assertEqual(asyncio.run(main()), [(True, True)] * 3)

    def test_time_out(self):
        async def main():
            self.condition.acquire()
            self.assertIs(await self.condition.wait_async(0.02), False)
            self.assertTrue(self.condition.get_lock().is_owned())

        asyncio.run(main())
        self.assertEqual(self.condition.get_waiters(), 0)

    def test_cancelled(self):
        async def main():
            self.condition.acquire()
            task = asyncio.ensure_future(self.condition.wait_async())
            while self.condition.get_waiters() < 1:
                await asyncio.sleep(0.001)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertTrue(self.condition.get_lock().is_owned())

        asyncio.run(main())
        self.assertEqual(self.condition.get_waiters(), 0)


if __name__ == "__main__":
    unittest.main()
