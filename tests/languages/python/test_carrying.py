# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects and descriptors through connections, while everything runs."""

import asyncio
import gc
import os
import pickle
import socket
import threading
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, Shmobj

from shmobj import multiprocessing as mp
from shmobj.multiprocessing import reduction
from shmobj.multiprocessing.connection import Client, Listener

LONG = 60
HAS_PICKLES = not os.environ.get("SHMOBJ_PYTHON_NO_EXT")


def open_descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def child_works(connection):
    """Does what it is told, with what it is given meanwhile."""
    while True:
        task = connection.recv()
        if task is None:
            return
        for number in range(task["count"]):
            task["jobs"].put(number)
        task["done"].set()


def child_gives(connection):
    queue = mp.Queue()
    queue.put("from the child")
    connection.send(queue)
    connection.recv()


def child_answers(address):
    with Client(address) as connection:
        queue = connection.recv()
        queue.put("hello")


class Objects(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = mp.Pipe()

    def tearDown(self):
        self.ours.close()
        self.theirs.close()

    def carry(self, value):
        self.ours.send(value)
        return self.theirs.recv()

    def test_one(self):
        queue = mp.Queue()
        received = self.carry(queue)
        self.assertIsInstance(received, Shmobj.Queue)
        queue.put({"a": 1})
        self.assertEqual(received.get(), {"a": 1})

    def test_anywhere_in_a_value(self):
        queue, event, lock = mp.Queue(), mp.Event(), mp.Lock()
        received = self.carry({"jobs": queue, "more": [1, (event, lock), "text"], "n": None})
        self.assertEqual((received["n"], received["more"][0], received["more"][2]), (None, 1, "text"))
        received["more"][1][0].set()
        self.assertTrue(event.is_set())
        with received["more"][1][1]:
            self.assertTrue(lock.is_locked())
        received["jobs"].put(5)
        self.assertEqual(queue.get(), 5)

    def test_the_same_one_twice(self):
        queue = mp.Queue()
        first, second = self.carry([queue, queue])
        first.put(1)
        self.assertEqual(second.get(), 1)

    def test_each_kind(self):
        manager = mp.Manager()
        shared = Shmobj.SharedMemory.new(4096)
        end, other = mp.Pipe()
        received = self.carry([manager.list([1]), manager.dict(a=1), manager.Value("i", 7), shared, end])
        self.assertEqual(list(received[0]), [1])
        self.assertEqual(dict(received[1]), {"a": 1})
        self.assertEqual(received[2].value, 7)
        shared.buf[0] = 9
        self.assertEqual(received[3].buf[0], 9)
        end.close()
        received[4].send("still held")
        self.assertEqual(other.recv(), "still held")
        received[4].close()
        del received
        with self.assertRaises(EOFError):
            other.recv()

    def test_beside_what_only_python_knows(self):
        queue, tasks = mp.Queue(), mp.JoinableQueue()
        if not HAS_PICKLES:  # the extension makes them
            with self.assertRaises(TypeError):
                self.carry([queue, {1, 2}, tasks])
            return
        received = self.carry([queue, {1, 2}, tasks])
        self.assertEqual(received[1], {1, 2})
        received[0].put({3})
        self.assertEqual(queue.get(), {3})
        received[2].put({"task"})
        self.assertEqual(tasks.get(), {"task"})
        tasks.task_done()

    def test_what_arrives_takes_what_was_sent_from(self):
        self.assertTrue(self.carry(mp.Queue()).allow_pickle)
        plain = Shmobj.Pipe(duplex=True)
        start, end = plain.steal_start(), plain.steal_end()
        start.send([mp.Queue()])
        self.assertFalse(end.receive()[0].allow_pickle)

    def test_what_cannot_be_sent(self):
        pipe = Shmobj.Pipe(duplex=True)
        start, end = pipe.steal_start(), pipe.steal_end()
        with self.assertRaises(TypeError):
            start.send([mp.Queue(), {1}])
        with self.assertRaises((TypeError, AttributeError, pickle.PicklingError)):
            self.ours.send([mp.Queue(), lambda: 1])
        self.assertFalse(end.poll(0))
        self.assertFalse(self.theirs.poll(0))
        with self.assertRaises((TypeError, RuntimeError)):
            mp.Queue().put(mp.Queue())  # a queue takes no descriptors along
        with self.assertRaises(RuntimeError):
            pickle.dumps(mp.Queue())
        closed = mp.Queue()
        closed.close()
        with self.assertRaises(OSError):
            self.ours.send(closed)

    def test_many_before_the_first_is_received(self):
        queue = mp.Queue()
        for number in range(60):
            self.ours.send([number, queue])
            self.ours.send(number)
        for number in range(60):
            self.assertEqual(self.theirs.recv()[0], number)
            self.assertEqual(self.theirs.recv(), number)
        for _ in range(20):
            self.ours.send(queue)
        self.assertTrue(self.theirs.poll(0))
        self.theirs.close()
        self.ours.close()

    def test_nothing_is_left_open(self):
        queue, event = mp.Queue(), mp.Event()
        self.carry([queue, event])
        before = open_descriptors()
        for _ in range(20):
            self.carry([queue, {"x": event}])
        if HAS_PICKLES:
            self.carry([queue, {1}])
        self.ours.send(queue)
        self.theirs.receive_with_fds()
        with self.assertRaises(Exception):
            self.ours.send([queue, lambda: 1])
        self.assertEqual(open_descriptors(), before)

    def test_time_outs(self):
        queue = mp.Queue()
        with self.assertRaises(TimeoutError):
            while True:
                self.ours.send(queue, timeout=0)
        with self.assertRaises(TimeoutError):
            self.ours.send(queue, timeout=0.01)

    def test_coroutines(self):
        async def main():
            queue = mp.Queue()
            waits = asyncio.ensure_future(self.theirs.receive_async(timeout=LONG))
            await self.ours.send_async([queue])
            (received,) = await waits
            received.put(1)
            self.assertEqual(await queue.get_async(timeout=LONG), 1)
            with self.assertRaises(TimeoutError):
                while True:
                    await self.ours.send_async(queue, timeout=0.02)

        asyncio.run(main())


class Processes(unittest.TestCase):
    def test_given_while_the_child_runs(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                ours, theirs = context.Pipe()
                child = context.Process(target=child_works, args=(theirs,))
                child.start()
                theirs.close()
                for count in (3, 5):
                    jobs, done = mp.Queue(), mp.Event()
                    ours.send({"jobs": jobs, "done": done, "count": count})
                    self.assertTrue(done.wait(LONG))
                    self.assertEqual([jobs.get(timeout=LONG) for _ in range(count)], list(range(count)))
                ours.send(None)
                child.join()
                self.assertEqual(child.exitcode, 0)

    def test_made_by_the_child(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                ours, theirs = context.Pipe()
                child = context.Process(target=child_gives, args=(theirs,))
                child.start()
                theirs.close()
                queue = ours.recv()
                ours.send("done")
                child.join()
                self.assertEqual(queue.get(timeout=LONG), "from the child")

    def test_between_those_who_meet_by_name(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method), Listener() as listener:
                child = mp.get_context(method).Process(target=child_answers, args=(listener.address,))
                child.start()
                with listener.accept() as connection:
                    queue = mp.Queue()
                    connection.send(queue)
                    self.assertEqual(queue.get(timeout=LONG), "hello")
                child.join()
                self.assertEqual(child.exitcode, 0)

    def test_a_killed_child_holds_nothing(self):
        ours, theirs = mp.Pipe()
        child = mp.Process(target=child_works, args=(theirs,))
        child.start()
        theirs.close()
        end, other = mp.Pipe()
        child.kill()
        child.join()
        with self.assertRaises(BrokenPipeError):
            while True:
                ours.send(end)
        end.close()
        with self.assertRaises(EOFError):
            other.recv()


class Descriptors(unittest.TestCase):
    def test_numbers(self):
        ours, theirs = mp.Pipe()
        read, write = os.pipe()
        with open(os.devnull) as null:
            ours.send_with_fds({"first": "a pipe"}, [write, null])
        os.close(write)
        message = theirs.receive_with_fds(timeout=LONG)
        self.assertEqual(message.value, {"first": "a pipe"})
        self.assertEqual(len(message.fds), 2)
        self.assertFalse(os.get_inheritable(message.fds[0]))
        os.write(message.fds[0], b"through")
        self.assertEqual(os.read(read, 100), b"through")
        del message
        gc.collect()
        self.assertEqual(os.read(read, 100), b"")
        os.close(read)
        ours.send("none")
        self.assertEqual(theirs.receive_with_fds().fds, [])
        ours.send_with_fds(b"bytes", Gio.UnixFDList.new())
        self.assertEqual(theirs.recv(), b"bytes")

    def test_limits_are_told(self):
        ours, theirs = mp.Pipe()
        with self.assertRaisesRegex(Shmobj.MessageTooLarge, "253"):
            ours.send_with_fds(None, [0] * 254)
        with self.assertRaises(TimeoutError):
            theirs.receive_with_fds(timeout=0)

    def test_received_by_who_wants_the_value_alone(self):
        ours, theirs = mp.Pipe()
        ours.send_with_fds(None, [0])
        theirs.recv()
        before = open_descriptors()
        ours.send_with_fds([1, "a"], [0])
        self.assertEqual(theirs.recv(), [1, "a"])
        self.assertEqual(open_descriptors(), before)

    def test_handles_as_in_multiprocessing(self):
        ours, theirs = mp.Pipe()
        left, right = socket.socketpair()
        reduction.send_handle(ours, right.fileno(), os.getpid())
        right.close()
        with socket.socket(fileno=reduction.recv_handle(theirs)) as received:
            received.send(b"x")
            self.assertEqual(left.recv(10), b"x")
        self.assertEqual(left.recv(10), b"")
        left.close()
        ours.send("no handle")
        with self.assertRaises(Shmobj.Incompatible):
            reduction.recv_handle(theirs)

    def test_one_object(self):
        pipe = Shmobj.Pipe(duplex=True)
        start, end = pipe.steal_start(), pipe.steal_end()
        queue = Shmobj.Queue()
        start.send_object(queue)
        received = end.receive_object(Shmobj.Queue)
        queue.put(1)
        self.assertEqual(received.get(), 1)
        start.send_object(queue)
        with self.assertRaises(TypeError):
            end.receive_object(Shmobj.Lock, timeout=LONG)

    def test_threads(self):
        ours, theirs = mp.Pipe()
        queue = mp.Queue()
        senders = [threading.Thread(target=lambda: [ours.send([queue, n]) for n in range(50)]) for _ in range(3)]
        for sender in senders:
            sender.start()
        numbers = sorted(theirs.recv()[1] for _ in range(150))
        for sender in senders:
            sender.join()
        self.assertEqual(numbers, sorted(list(range(50)) * 3))


if __name__ == "__main__":
    unittest.main()
