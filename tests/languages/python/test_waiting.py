# SPDX-License-Identifier: LGPL-2.1-or-later
"""All the ways to wait, of all classes: descriptors, sources, cancellables, callbacks."""

import asyncio
import multiprocessing.connection
import os
import queue
import select
import signal
import threading
import time
import unittest

import ctrl_c
import gi
from main_loop import outcome, run_until

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj

from shmobj import multiprocessing as mp

IN, OUT = GLib.IOCondition.IN, GLib.IOCondition.OUT
LONG = 60


def polled(*things):
    """Those of them that are ready now."""
    return select.select(things, [], [], 0)[0]


def take_one_per_wake_up(jobs, results, ready):
    async def main():
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def wake_up():
            try:
                value = jobs.get_nowait()
            except queue.Empty:
                return  # another one was faster
            results.put((os.getpid(), value))
            if value is None:
                loop.remove_reader(jobs.fileno())
                over.set()

        loop.add_reader(jobs.fileno(), wake_up)
        ready.put(os.getpid())
        await over.wait()

    asyncio.run(main())


def hold(lock, held, stop):
    with lock:
        held.set()
        stop.wait()


class Descriptors(unittest.TestCase):
    def test_readable_while_there_is_something(self):
        ours = Shmobj.Queue()
        ours.put("before anybody asked")
        self.assertEqual(polled(ours), [ours])
        ours.get()
        self.assertRaises(queue.Empty, ours.get_nowait)
        poll, epoll = select.poll(), select.epoll()
        poll.register(ours, select.POLLIN)
        epoll.register(ours, select.EPOLLIN)
        for round_ in range(3):
            self.assertEqual((polled(ours), poll.poll(0), epoll.poll(0)), ([], [], []))
            ours.put_many([round_, round_])
            for _ in range(2):
                self.assertEqual(polled(ours), [ours])
                self.assertEqual(poll.poll(LONG * 1000), [(ours.fileno(), select.POLLIN)])
                self.assertEqual(epoll.poll(LONG), [(ours.fileno(), select.EPOLLIN)])
                self.assertEqual(ours.get_nowait(), round_)
            self.assertRaises(queue.Empty, ours.get_nowait)
        epoll.close()

    def test_readable_while_there_is_room(self):
        ours = Shmobj.Queue(maxsize=1)
        fd = ours.get_fd(OUT)
        self.assertEqual(polled(fd), [fd])
        ours.put(1)
        self.assertRaises(queue.Full, ours.put_nowait, 2)
        self.assertEqual(polled(fd), [])
        ours.get()
        self.assertEqual(polled(fd), [fd])
        with self.assertRaises(ValueError):
            ours.get_fd(GLib.IOCondition.PRI)

    def test_the_standard_library_waits_for_all_of_ours(self):
        ours, (left, right) = Shmobj.Queue(), mp.Pipe()
        with Shmobj.Listener() as listener:
            everything = [ours, right, listener]
            wait = multiprocessing.connection.wait
            self.assertEqual(wait(everything, 0), [])
            ours.put(1)
            self.assertEqual(wait(everything, LONG), [ours])
            left.send(1)
            self.assertCountEqual(wait(everything, LONG), [ours, right])
            ours.get()
            right.receive()
            self.assertRaises(queue.Empty, ours.get_nowait)
            self.assertRaises(TimeoutError, right.receive, 0)
            self.assertEqual(wait(everything, 0), [])

    def test_one_message_per_wake_up_leaves_nothing_behind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                jobs, results, ready = context.Queue(), context.Queue(), context.Queue()
                children = [context.Process(target=take_one_per_wake_up, args=(jobs, results, ready)) for _ in "abc"]
                for child in children:
                    child.start()
                for _ in children:
                    ready.get(timeout=LONG)
                jobs.put_many(range(200))
                self.assertEqual(sorted(results.get(timeout=LONG)[1] for _ in range(200)), list(range(200)))
                jobs.put_many([None] * len(children))
                ended = {results.get(timeout=LONG) for _ in children}
                self.assertEqual(ended, {(child.pid, None) for child in children})
                for child in children:
                    child.join()
                    self.assertEqual(child.exitcode, 0)

    def test_many_connections(self):
        pairs = [mp.Pipe(duplex=False) for _ in range(40)]
        readers = [reader for reader, _ in pairs]
        with self.assertRaises(TimeoutError):
            Shmobj.Connection.wait(readers, timeout=0.01)
        for _, writer in pairs[::3]:
            writer.send("x")
        self.assertEqual(Shmobj.Connection.wait(readers, timeout=LONG), readers[::3])
        self.assertCountEqual(polled(*readers), readers[::3])
        for reader in readers[::3]:
            self.assertEqual(reader.receive(), "x")
        pairs[7][1].close()
        self.assertEqual(Shmobj.Connection.wait(readers), [readers[7]])


class Sources(unittest.TestCase):
    def source(self, thing, condition, callback, cancellable=None):
        source = thing.create_source(condition, cancellable)
        source.set_callback(callback)
        source.attach(None)
        self.addCleanup(source.destroy)

    def test_messages_and_room(self):
        ours, got, rooms = Shmobj.Queue(maxsize=2), [], []

        def take(*_):
            got.append(ours.get_nowait())
            return len(got) < 5

        def put(*_):
            ours.put_nowait(len(rooms))
            rooms.append(ours.qsize())
            return len(rooms) < 5

        self.source(ours, OUT, put)
        run_until(ours.full)
        self.assertEqual(rooms, [1, 2])
        self.source(ours, IN, take)
        run_until(lambda: len(got) == 5)
        self.assertEqual(got, list(range(5)))

    def test_what_the_callback_is_given(self):
        ours, given = Shmobj.Queue(), []
        source = ours.create_source(IN, None)
        source.set_callback(lambda *data: given.append(data), "data")
        source.attach(None)
        ours.put(1)
        run_until(lambda: given)
        self.assertEqual(given, [("data",)])
        self.assertTrue(source.is_destroyed())  # it did not return True

    def test_a_cancelled_one_runs_and_takes_nothing(self):
        left, right = mp.Pipe()
        for thing, put in ((Shmobj.Queue(), Shmobj.Queue.put), (right, lambda _, value: left.send(value))):
            stop, calls = Gio.Cancellable(), []
            self.source(thing, IN, lambda *_: calls.append(stop.is_cancelled()), stop)
            GLib.idle_add(stop.cancel)
            run_until(lambda: calls)
            self.assertEqual(calls, [True])
            self.source(thing, IN, lambda *_: calls.append("at once"), stop)
            run_until(lambda: len(calls) == 2)
            put(thing, "still here")
            self.assertEqual(thing.get() if isinstance(thing, Shmobj.Queue) else thing.receive(), "still here")


class Cancelling(unittest.TestCase):
    def waits(self):
        """Calls that have something to wait for, by name, and what ends the wait."""
        empty, full = Shmobj.Queue(), Shmobj.Queue(maxsize=1, capacity=8192)
        full.put(1)
        self.loan, self.held = full.loan(100), full.loan(7000)
        undone = Shmobj.Queue()
        undone.put(1)
        lock, event, (left, right) = Shmobj.Lock(), Shmobj.Event(), mp.Pipe()
        lock.acquire()
        narrow = Shmobj.Pipe(duplex=True, capacity=4096)
        sender, self.receiver = narrow.steal_start(), narrow.steal_end()
        with self.assertRaises(TimeoutError):
            while True:
                sender.send(bytes(1000), 0)
        listener = Shmobj.Listener()
        return {
            "put": lambda **end: full.put(2, **end),
            "put_bytes": lambda **end: full.put_bytes(GLib.Bytes.new(b"x"), **end),
            "put_loan": lambda **end: full.put_loan(self.loan, **end),
            "loan": lambda **end: full.loan(7000, **end),
            "get": empty.get,
            "get_bytes": empty.get_bytes,
            "receive": empty.receive,
            "take": empty.take,
            "join": undone.join,
            "acquire": lock.acquire,
            "event": event.wait,
            "connection receive": right.receive,
            "connection receive_bytes": right.receive_bytes,
            "connection poll": right.poll,
            "connection send": lambda **end: sender.send(bytes(1000), **end),
            "connections": lambda **end: Shmobj.Connection.wait([left, right], **end),
            "accept": listener.accept,
            "call": lambda **end: Shmobj.Connection.new_for_name(listener.get_name(), **end),
        }

    def test_before(self):
        stop = Gio.Cancellable()
        stop.cancel()
        for name, wait in self.waits().items():
            with self.subTest(name), self.assertRaises(Shmobj.Cancelled):
                wait(timeout=LONG, cancellable=stop)
            with self.subTest(f"{name}, which would not wait"), self.assertRaises(Shmobj.Cancelled):
                wait(timeout=0, cancellable=stop)

    def test_while_it_waits(self):
        for name, wait in self.waits().items():
            stop = Gio.Cancellable()
            thread = threading.Timer(0.02, stop.cancel)
            thread.start()
            with self.subTest(name), self.assertRaises(Shmobj.Cancelled):
                wait(timeout=LONG, cancellable=stop)
            thread.join()

    def test_time_outs_and_success_with_one(self):
        for name, wait in self.waits().items():
            before = time.monotonic()
            with self.subTest(name):
                try:
                    self.assertIs(wait(timeout=0.02, cancellable=Gio.Cancellable()), False)
                except (queue.Empty, queue.Full, TimeoutError):
                    pass
                self.assertGreaterEqual(time.monotonic() - before, 0.02)
        ours, (left, right) = Shmobj.Queue(maxsize=1), mp.Pipe()
        stop = Gio.Cancellable()
        threading.Timer(0.02, ours.put, [{"k": 1}]).start()
        self.assertEqual(ours.get(timeout=LONG, cancellable=stop), {"k": 1})
        ours.put(1)
        threading.Timer(0.02, ours.get).start()
        ours.put(2, cancellable=stop)
        self.assertEqual(ours.get(True, None, stop), 2)
        threading.Timer(0.02, left.send, [[1, "a"]]).start()
        self.assertEqual(right.receive(LONG, stop), [1, "a"])
        right.send("back", LONG, stop)
        self.assertIs(left.poll(LONG, stop), True)
        lock, event = Shmobj.Lock(), Shmobj.Event()
        lock.acquire()
        threading.Timer(0.02, lock.release).start()
        self.assertIs(lock.acquire(timeout=LONG, cancellable=stop), True)
        threading.Timer(0.02, event.set).start()
        self.assertIs(event.wait(LONG, stop), True)

    def test_what_was_there_still_is(self):
        ours, (left, right) = Shmobj.Queue(), mp.Pipe()
        ours.put(b"message")
        left.send(b"message")
        stop = Gio.Cancellable()
        stop.cancel()
        for take in (ours.get, ours.get_bytes, ours.receive, ours.take, right.receive, right.receive_bytes):
            with self.assertRaises(Shmobj.Cancelled):
                take(cancellable=stop)
        self.assertEqual((ours.get_nowait(), right.receive(0)), (b"message", b"message"))
        event = Shmobj.Event()
        event.set()
        with self.assertRaises(Shmobj.Cancelled):
            event.wait(cancellable=stop)
        lock = Shmobj.Lock()
        with self.assertRaises(Shmobj.Cancelled):
            lock.acquire(cancellable=stop)
        self.assertFalse(lock.locked())

    def test_ctrl_c_interrupts_at_once(self):
        waits = self.waits()
        for name in ("get", "acquire", "event", "connection receive"):
            with self.subTest(name), ctrl_c.pressed(self, LONG / 2):
                waits[name](timeout=LONG, cancellable=Gio.Cancellable())


class Callbacks(unittest.TestCase):
    def holder(self, lock):
        held, stop = mp.Event(), mp.Event()
        child = mp.Process(target=hold, args=(lock, held, stop))
        child.start()
        self.addCleanup(child.join)
        self.addCleanup(stop.set)
        self.assertTrue(held.wait(LONG))
        return child, stop

    def acquire(self, lock, timeout=None, stop=None):
        return outcome(lambda done: lock.acquire_async(timeout, stop, done), Shmobj.Lock.acquire_finish)

    def wait(self, event, timeout=None, stop=None):
        return outcome(lambda done: event.wait_async(timeout, stop, done), Shmobj.Event.wait_finish)

    def test_a_lock(self):
        lock = Shmobj.Lock()
        self.assertIsNone(self.acquire(lock, 0))
        self.assertTrue(lock.is_owned())
        lock.release()
        _, stop = self.holder(lock)
        self.assertIsInstance(self.acquire(lock, 0), TimeoutError)
        self.assertIsInstance(self.acquire(lock, 0.02), TimeoutError)
        cancellable = Gio.Cancellable()
        GLib.idle_add(cancellable.cancel)
        self.assertIsInstance(self.acquire(lock, LONG, cancellable), Shmobj.Cancelled)
        self.assertIsInstance(self.acquire(lock, LONG, cancellable), Shmobj.Cancelled)
        self.assertFalse(lock.is_owned())
        GLib.idle_add(stop.set)
        self.assertIsNone(self.acquire(lock, LONG))
        self.assertFalse(lock.get_abandoned())
        lock.release()

    def test_a_lock_whose_holder_dies(self):
        lock = Shmobj.Lock()
        child, _ = self.holder(lock)
        GLib.idle_add(os.kill, child.pid, signal.SIGKILL)
        self.assertIsNone(self.acquire(lock, LONG))
        self.assertTrue(lock.get_abandoned())
        lock.release()

    def test_an_event(self):
        event = Shmobj.Event()
        self.assertIsInstance(self.wait(event, 0), TimeoutError)
        self.assertIsInstance(self.wait(event, 0.02), TimeoutError)
        cancellable = Gio.Cancellable()
        GLib.idle_add(cancellable.cancel)
        self.assertIsInstance(self.wait(event, LONG, cancellable), Shmobj.Cancelled)
        GLib.timeout_add(5, event.set)
        self.assertIsNone(self.wait(event, LONG))
        self.assertIsNone(self.wait(event, 0))
        self.assertIsInstance(self.wait(event, 0, cancellable), Shmobj.Cancelled)

    def test_a_listener(self):
        with Shmobj.Listener() as listener:
            finish = Shmobj.Listener.accept_finish
            self.assertIsInstance(outcome(lambda done: listener.accept_async(0.02, None, done), finish), TimeoutError)
            cancellable = Gio.Cancellable()
            GLib.idle_add(cancellable.cancel)
            error = outcome(lambda done: listener.accept_async(LONG, cancellable, done), finish)
            self.assertIsInstance(error, Shmobj.Cancelled)
            caller = threading.Thread(target=Shmobj.Connection.new_for_name, args=(listener.get_name(), LONG))
            caller.start()
            connection = outcome(lambda done: listener.accept_async(LONG, None, done), finish)
            self.assertIsInstance(connection, Shmobj.Connection)
            caller.join()

    def test_room(self):
        ours, (left, right) = Shmobj.Queue(maxsize=1), mp.Pipe()
        ours.put(1)
        finish = Shmobj.Queue.put_finish
        self.assertIsInstance(outcome(lambda done: ours.put_async(2, 0.02, None, done), finish), queue.Full)
        cancellable = Gio.Cancellable()
        GLib.idle_add(cancellable.cancel)
        error = outcome(lambda done: ours.put_async(2, LONG, cancellable, done), finish)
        self.assertIsInstance(error, Shmobj.Cancelled)
        GLib.timeout_add(5, lambda: ours.get() and False)
        self.assertIsNone(outcome(lambda done: ours.put_async(2, LONG, None, done), finish))
        self.assertEqual(ours.get_nowait(), 2)
        error = outcome(lambda done: right.receive_async(0.02, None, done), Shmobj.Connection.receive_finish)
        self.assertIsInstance(error, TimeoutError)
        error = outcome(lambda done: left.send_async(1, LONG, cancellable, done), Shmobj.Connection.send_finish)
        self.assertIsInstance(error, Shmobj.Cancelled)
        self.assertIs(right.poll(), False)


if __name__ == "__main__":
    unittest.main()
