# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages on record until they are done, and JoinableQueue, which is made of them."""

import os
import queue
import signal
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp

EXTENSION = not os.environ.get("SHMOBJ_PYTHON_NO_EXT")
LONG = 60


def work(jobs, results):
    while True:
        job = jobs.get()
        if job is not None:
            results.put(job * 2)
        jobs.task_done()
        if job is None:
            return


def take_and_die(jobs):
    jobs.get()
    os.kill(os.getpid(), signal.SIGKILL)


class Messages(unittest.TestCase):
    def test_values(self):
        ours = Shmobj.Queue()
        for value in (1, "a", None, b"bytes", {"k": [1, (2.5,)]}):
            ours.put(value)
            with ours.receive() as message:
                self.assertEqual(message.value, value)
                kind = Shmobj.MessageKind.BYTES if isinstance(value, bytes) else Shmobj.MessageKind.VALUE
                self.assertIs(message.get_kind(), kind)
                self.assertEqual(message.redelivered, 0)
        ours.join(LONG)

    def test_an_exception_gives_it_back(self):
        ours = Shmobj.Queue()
        ours.put("x")
        with self.assertRaises(ZeroDivisionError), ours.receive():
            1 / 0
        with ours.receive(LONG) as message:
            self.assertEqual((message.value, message.redelivered), ("x", 1))

    def test_pickles_are_for_who_allows_them(self):
        ours = mp.Queue()
        if not EXTENSION:  # which makes and reads them
            self.assertRaises(Shmobj.NotRepresentable, ours.put, {1})
            self.assertTrue(ours.empty())
            return
        ours.put({1})
        with ours.receive() as message:
            self.assertEqual(message.get_kind(), Shmobj.MessageKind.PICKLE)
            self.assertEqual(message.value, {1})
        ours.put({2})
        ours.allow_pickle = False
        with self.assertRaises(Shmobj.Incompatible), ours.receive() as message:
            message.value
        ours.allow_pickle = True
        self.assertEqual(ours.get(timeout=LONG), {2})

    def test_time_out(self):
        with self.assertRaises(queue.Empty):
            Shmobj.Queue().receive(0.02)


class Joinable(unittest.TestCase):
    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                jobs, results = context.JoinableQueue(), context.Queue()
                children = [context.Process(target=work, args=(jobs, results)) for _ in range(2)]
                for child in children:
                    child.start()
                for number in range(50):
                    jobs.put(number)
                jobs.join()
                self.assertEqual(sorted(results.get() for _ in range(50)), [2 * number for number in range(50)])
                for child in children:
                    jobs.put(None)
                for child in children:
                    child.join()
                    self.assertEqual(child.exitcode, 0)

    def test_a_dead_worker_does_not_make_join_hang(self):
        jobs, results = mp.JoinableQueue(), mp.Queue()
        jobs.put("job")
        killed = mp.Process(target=take_and_die, args=(jobs,))
        killed.start()
        killed.join()
        heir = mp.Process(target=work, args=(jobs, results))
        heir.start()
        self.assertEqual(results.get(timeout=LONG), "jobjob")
        jobs.put(None)
        jobs.join()
        heir.join()

    def test_task_done_too_often(self):
        jobs = mp.JoinableQueue(2)
        with self.assertRaises(ValueError):
            jobs.task_done()
        jobs.put(1)
        self.assertEqual((jobs.get_nowait(), jobs.qsize()), (1, 0))
        with self.assertRaises(queue.Empty):
            jobs.get(timeout=0.01)
        jobs.task_done()
        with self.assertRaises(ValueError):
            jobs.task_done()
        jobs.join()


if __name__ == "__main__":
    unittest.main()
