# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipe and Connection from Python, as multiprocessing.Pipe is used."""

import multiprocessing.connection
import os
import select
import signal
import unittest

import ctrl_c
import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp
from shmobj.multiprocessing import connection

LONG = 60


def child_echo(connection):
    while True:
        value = connection.recv()
        connection.send(value)
        if value is None:
            return


def child_close(connection):
    connection.send("bye")
    connection.close()


class Pipe(unittest.TestCase):
    def test_both_ways(self):
        left, right = mp.Pipe()
        for value in (1, "a", None, [1, "b"], b"bytes", {"k": (1, 2.5)}):
            left.send(value)
            self.assertEqual(right.recv(), value)
            right.send(value)
            self.assertEqual(left.recv(), value)
        self.assertTrue(left.readable and left.writable and right.readable and right.writable)

    def test_one_way(self):
        reader, writer = mp.Pipe(duplex=False)
        self.assertEqual((reader.readable, reader.writable), (True, False))
        self.assertEqual((writer.readable, writer.writable), (False, True))
        writer.send("x")
        self.assertEqual(reader.recv(), "x")
        with self.assertRaises(OSError):
            reader.send(1)
        with self.assertRaises(OSError):
            writer.recv()

    def test_poll(self):
        left, right = mp.Pipe()
        self.assertIs(right.poll(), False)
        self.assertIs(right.poll(0.01), False)
        left.send(1)
        self.assertIs(right.poll(), True)
        self.assertIs(right.poll(None), True)
        right.recv()
        left.close()
        self.assertIs(right.poll(LONG), True)  # for the end of file, as in the standard library

    def test_end_of_file_after_what_was_sent(self):
        left, right = mp.Pipe()
        left.send(1)
        left.close()
        self.assertEqual(right.recv(), 1)
        with self.assertRaises(EOFError):
            right.recv()
        with self.assertRaises(BrokenPipeError):
            right.send(1)

    def test_closed(self):
        left, right = mp.Pipe()
        with left:
            self.assertFalse(left.closed)
        self.assertTrue(left.closed)
        for attempt in (lambda: left.send(1), left.recv, left.poll):
            with self.assertRaises(OSError):
                attempt()
        right.close()

    def test_bytes(self):
        left, right = mp.Pipe()
        left.send_bytes(b"hello")
        left.send_bytes(bytearray(b"hello world"), 6)
        left.send_bytes(memoryview(b"hello world"), 2, 3)
        left.send_bytes(b"")
        self.assertEqual([right.recv_bytes() for _ in range(4)], [b"hello", b"world", b"llo", b""])
        buffer = bytearray(8)
        left.send_bytes(b"abc")
        self.assertEqual(right.recv_bytes_into(buffer, 2), 3)
        self.assertEqual(buffer, b"\0\0abc\0\0\0")
        left.send_bytes(b"123456789")
        with self.assertRaises(multiprocessing.BufferTooShort) as caught:
            right.recv_bytes_into(buffer)
        self.assertEqual(caught.exception.args, (b"123456789",))
        for arguments in ((b"abc", 4), (b"abc", -1), (b"abc", 1, 3), (b"abc", 0, -1)):
            with self.assertRaises(ValueError):
                left.send_bytes(*arguments)
        left.send_bytes(b"too long")
        with self.assertRaises(OSError):
            right.recv_bytes(3)

    def test_waiting_for_several(self):
        pairs = [mp.Pipe(duplex) for duplex in (True, False, True)]
        readers = [reader for reader, _ in pairs]
        self.assertEqual(connection.wait(readers, 0), [])
        self.assertEqual(connection.wait(readers, 0.02), [])
        for _ in range(3):
            pairs[1][1].send("x")
            pairs[1][1].send("y")
            self.assertEqual(connection.wait(readers, LONG), [readers[1]])
            self.assertEqual(readers[1].recv(), "x")
            self.assertEqual(connection.wait(readers), [readers[1]])
            self.assertEqual(readers[1].recv(), "y")
            self.assertEqual(connection.wait(readers, 0), [])
        pairs[2][1].close()
        self.assertEqual(connection.wait(readers, LONG), [readers[2]])
        with self.assertRaises(EOFError):
            readers[2].recv()

    def test_the_descriptor_is_for_every_loop(self):
        left, right = mp.Pipe()
        self.assertEqual(select.select([right], [], [], 0)[0], [])
        left.send(1)
        self.assertEqual(select.select([right], [], [], LONG)[0], [right])
        self.assertEqual(multiprocessing.connection.wait([right], LONG), [right])
        self.assertEqual(right.recv(), 1)
        child = mp.Process(target=child_close, args=(left,))
        child.start()
        ready = connection.wait([child.sentinel, right], LONG)
        self.assertTrue(ready and set(ready) <= {child.sentinel, right})
        child.join()
        self.assertEqual(right.recv(), "bye")

    def test_ctrl_c_interrupts_recv_at_once(self):
        _left, right = mp.Pipe()
        with ctrl_c.pressed(self, LONG / 2):
            right.recv()


class Processes(unittest.TestCase):
    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                ours, theirs = context.Pipe()
                child = context.Process(target=child_echo, args=(theirs,))
                child.start()
                theirs.close()
                for value in (*range(50), "x" * 100000, None):
                    ours.send(value)
                    self.assertEqual(ours.recv(), value)
                child.join()
                self.assertEqual(child.exitcode, 0)
                with self.assertRaises(EOFError):
                    ours.recv()

    def test_end_of_file_when_the_child_is_gone(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                ours, theirs = context.Pipe()
                child = context.Process(target=child_close, args=(theirs,))
                child.start()
                theirs.close()
                self.assertEqual(ours.recv(), "bye")
                with self.assertRaises(EOFError):
                    ours.recv()
                child.join()

    def test_a_killed_child_is_end_of_file(self):
        ours, theirs = mp.Pipe()
        child = mp.Process(target=child_echo, args=(theirs,))
        child.start()
        theirs.close()
        ours.send("x")
        self.assertEqual(ours.recv(), "x")
        os.kill(child.pid, signal.SIGKILL)
        with self.assertRaises((EOFError, BrokenPipeError)):
            while True:
                ours.recv()
        child.join()


class Plain(unittest.TestCase):
    def test_the_pipe_gives_its_ends_away(self):
        pipe = Shmobj.Pipe(duplex=True)
        start, end = pipe.steal_start(), pipe.steal_end()
        start.send([1, 2])
        self.assertEqual(end.receive(), [1, 2])
        with self.assertRaises(TypeError):
            start.send({1})
        del pipe
        end.send("back")
        self.assertEqual(start.receive(timeout=LONG), "back")


if __name__ == "__main__":
    unittest.main()
