# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queue from Python: what goes in comes out, in all kinds of children; waiting, Ctrl-C, pickles."""

import datetime
import os
import queue
import signal
import threading
import time
import unittest

import ctrl_c
import gi

gi.require_version("Shmobj", "1")
from gi.repository import GLib, Shmobj

from shmobj import multiprocessing as mp

EXTENSION = not os.environ.get("SHMOBJ_PYTHON_NO_EXT")
LONG = 60


class Values(unittest.TestCase):
    def setUp(self):
        self.queue = Shmobj.Queue()

    def test_values_come_back_in_order(self):
        values = [None, True, -5, 2**63, 2.5, "größe", b"\0\xff", (1, ["a"]), [], {}, {"k": [None]}, b"x" * 100000]
        for value in values:
            self.queue.put(value)
        self.assertEqual(self.queue.qsize(), len(values))
        self.assertEqual([self.queue.get() for _ in values], values)
        self.assertTrue(self.queue.empty())

    def test_a_variant_goes_as_it_is(self):
        self.queue.put(GLib.Variant("(yv)", (1, GLib.Variant("s", "x"))))
        self.assertEqual(self.queue.get(), (1, "x"))

    def test_bytes(self):
        self.queue.put_data(b"abc")
        self.assertEqual(self.queue.get(), b"abc")
        self.queue.put(b"abc")
        self.assertEqual(self.queue.get_bytes().get_data(), b"abc")

    def test_what_only_python_knows_is_refused_and_nothing_is_put(self):
        with self.assertRaises(TypeError) as caught:
            self.queue.put({1, 2})
        self.assertIsInstance(caught.exception, Shmobj.NotRepresentable)
        self.assertTrue(self.queue.empty())

    def test_allow_pickle(self):
        day = datetime.date(2024, 2, 29)
        ours = mp.Queue()
        ours.put({day})
        ours.put(day)
        ours.allow_pickle = False
        for _ in range(2):
            with self.assertRaises(Shmobj.Incompatible):
                ours.get(timeout=LONG)
        ours.allow_pickle = True
        self.assertEqual(ours.get(), {day})
        self.assertEqual(ours.get(), day)

    if not EXTENSION:
        del test_allow_pickle  # pickles are the extension's


class Waiting(unittest.TestCase):
    def test_nothing_to_get(self):
        ours = Shmobj.Queue()
        for attempt in (ours.get_nowait, lambda: ours.get(False), lambda: ours.get(timeout=0)):
            with self.assertRaises(queue.Empty) as caught:
                attempt()
            self.assertIsInstance(caught.exception, Shmobj.Empty)
        before = time.monotonic()
        with self.assertRaises(queue.Empty):
            ours.get(timeout=0.05)
        self.assertGreaterEqual(time.monotonic() - before, 0.05)

    def test_no_room(self):
        ours = mp.Queue(2)
        ours.put(1)
        self.assertFalse(ours.full())
        ours.put(2)
        self.assertTrue(ours.full())
        for attempt in (lambda: ours.put_nowait(3), lambda: ours.put(3, False), lambda: ours.put(3, timeout=0.02)):
            with self.assertRaises(queue.Full) as caught:
                attempt()
            self.assertIsInstance(caught.exception, Shmobj.Full)
        self.assertEqual([ours.get(), ours.get()], [1, 2])

    def test_a_time_out_that_makes_no_sense(self):
        ours = Shmobj.Queue()
        with self.assertRaises(ValueError):
            ours.get(timeout=float("nan"))
        with self.assertRaises(TypeError):
            ours.get(timeout="soon")
        ours.put(1)
        self.assertEqual(ours.get(timeout=float("inf")), 1)

    def test_other_threads_run_while_one_waits(self):
        ours = Shmobj.Queue()
        got = []
        waiter = threading.Thread(target=lambda: got.append(ours.get(timeout=LONG)))
        waiter.start()
        ours.put("x")
        waiter.join(LONG)
        self.assertEqual(got, ["x"])

    def test_ctrl_c_interrupts_a_get_at_once(self):
        ours = Shmobj.Queue()
        with ctrl_c.pressed(self, LONG / 2):
            ours.get(timeout=LONG)
        ours.put(1)
        self.assertEqual(ours.get(), 1)

    def test_ctrl_c_interrupts_calls_that_only_introspection_makes(self):
        ours = Shmobj.Queue()
        with ctrl_c.pressed(self, LONG / 2):
            ours.get_bytes(LONG)
        before = time.monotonic()
        with self.assertRaises(queue.Empty):
            ours.get_bytes(0.25)
        self.assertGreaterEqual(time.monotonic() - before, 0.25)

    def test_a_signal_handler_runs_and_the_wait_goes_on(self):
        ours = Shmobj.Queue()
        calls = []

        def handler(*_):
            calls.append(1)
            if len(calls) == 3:
                ours.put("from the handler")

        old = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        try:
            self.assertEqual(ours.get(timeout=LONG), "from the handler")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        self.assertGreaterEqual(len(calls), 3)

    def test_many_at_a_time(self):
        ours = Shmobj.Queue(maxsize=5)
        self.assertEqual(ours.put_many(["a", 1, None], 0), 3)
        self.assertEqual(ours.put_many(range(9), 0), 2)
        with self.assertRaises(queue.Full):
            ours.put_many([1], 0)
        self.assertEqual(ours.get_many(2), ["a", 1])
        self.assertEqual(ours.get_many(10, 0), [None, 0, 1])
        with self.assertRaises(queue.Empty):
            ours.get_many(10, 0.01)

    def test_shutdown_lets_readers_finish(self):
        ours = Shmobj.Queue()
        ours.put(1)
        ours.shutdown()
        with self.assertRaises(Shmobj.Closed) as caught:
            ours.put(2)
        self.assertIsInstance(caught.exception, getattr(queue, "ShutDown", ValueError))
        self.assertEqual(ours.get(), 1)
        with self.assertRaises(Shmobj.Closed):
            ours.get()
        ours = Shmobj.Queue()
        ours.put(1)
        ours.shutdown(immediate=True)
        with self.assertRaises(Shmobj.Closed):
            ours.get()

    def test_a_closed_queue_is_a_value_error(self):
        ours = mp.Queue()
        ours.close()
        ours.join_thread()
        ours.cancel_join_thread()
        with self.assertRaises(ValueError):
            ours.put(1)
        with self.assertRaises(Shmobj.Closed):
            ours.get()


def send(ours, values):
    for value in values:
        ours.put(value)


def echo(incoming, outgoing):
    while True:
        value = incoming.get()
        outgoing.put(value)
        if value is None:
            return


class Processes(unittest.TestCase):
    def test_to_and_from_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                there, back = context.Queue(), context.Queue(3)
                child = context.Process(target=echo, args=(there, back))
                child.start()
                values = [*range(100), "end", {"k": 1}, None]
                for value in values:
                    there.put(value)
                self.assertEqual([back.get(timeout=LONG) for _ in values], values)
                child.join()
                self.assertEqual(child.exitcode, 0)

    def test_join_before_reading_does_not_hang(self):
        # multiprocessing's own queue deadlocks here: its thread waits for a reader
        ours = mp.Queue()
        child = mp.Process(target=send, args=(ours, [b"x" * 100000] * 50))
        child.start()
        child.join()
        self.assertEqual(sum(len(ours.get(timeout=LONG)) for _ in range(50)), 5000000)

    def test_close_is_local(self):
        ours = mp.Queue()
        child = mp.Process(target=send, args=(ours, [1]))
        child.start()
        child.join()
        child = mp.Process(target=ours.close)
        child.start()
        child.join()
        self.assertEqual(child.exitcode, 0)
        self.assertEqual(ours.get(timeout=LONG), 1)

    def test_a_killed_reader_leaves_the_queue_usable(self):
        ours = mp.Queue()
        for _ in range(5):
            child = mp.Process(target=ours.get)
            child.start()
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        ours.put("still here")
        self.assertEqual(ours.get(timeout=LONG), "still here")


if __name__ == "__main__":
    unittest.main()
