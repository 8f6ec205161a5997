# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks of a queue that are written and read where they are."""

import gc
import os
import pickle
import signal
import unittest

import gi
import numpy

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj


blocks = []  # of a child, until it is killed


def in_child(function):
    """Runs it in a forked child, which is then killed."""
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


class Loans(unittest.TestCase):
    def setUp(self):
        self.queue = Shmobj.Queue()

    def lent(self):
        return self.queue.get_statistics()["lent"]

    def test_a_block_is_put_at_the_end(self):
        with self.queue.loan(10) as block:
            self.assertEqual((len(block), block.format, block.readonly), (10, "B", False))
            block[:] = b"0123456789"
        with self.assertRaises(ValueError):
            block[0] = 1
        with self.queue.take() as block:
            self.assertTrue(block.readonly)
            self.assertEqual(bytes(block), b"0123456789")
        self.assertTrue(self.queue.empty())
        self.assertEqual(self.lent(), 0)

    def test_an_exception_gives_it_back(self):
        with self.assertRaises(KeyError):
            with self.queue.loan(10):
                raise KeyError
        self.assertTrue(self.queue.empty())
        self.assertEqual(self.lent(), 0)
        self.queue.put(b"message")
        with self.assertRaises(KeyError):
            with self.queue.take():
                raise KeyError
        loan = self.queue.take()
        self.assertEqual((bytes(loan.buf), loan.redelivered, loan.size), (b"message", 1, 7))
        loan.release()
        self.assertIsNone(loan.buf)

    def test_numpy_fills_it(self):
        with self.queue.loan(8000) as block:
            array = numpy.frombuffer(block, numpy.float64)
            array[:] = numpy.arange(1000)
            del array
        with self.queue.take() as block:
            array = numpy.frombuffer(block, numpy.float64)  # is still there when the block ends
            self.assertEqual(array.sum(), 999 * 500)
            self.assertFalse(array.flags.writeable)
        self.assertEqual(self.lent(), 0)

    def test_without_with(self):
        loan = self.queue.loan(100)
        loan.buf[:5] = b"hello"
        self.queue.put_loan(loan, 5)
        with self.assertRaises(Shmobj.Closed):
            self.queue.put_loan(loan, 5)
        self.assertEqual(self.queue.get(), b"hello")
        loan = self.queue.loan(100)
        with loan as block:
            block[:2] = b"hi"
            self.queue.put_loan(loan, 2)
        self.assertEqual(self.queue.get(), b"hi")
        self.assertTrue(self.queue.empty())

    def test_a_view_keeps_the_block(self):
        view = self.queue.loan(100).buf
        gc.collect()
        self.assertEqual(self.lent(), 1)
        view[:3] = b"abc"
        other = self.queue.loan(100)
        other.buf[:3] = b"xyz"
        self.assertEqual(bytes(view[:3]), b"abc")
        del view, other
        gc.collect()
        self.assertEqual(self.lent(), 0)

    def test_errors(self):
        queue = Shmobj.Queue(capacity=8192, maxsize=1)
        with self.assertRaises(ValueError):
            queue.loan(9000)
        loan = queue.loan(8000)
        with self.assertRaises(Shmobj.Full):
            queue.loan(8000, timeout=0.01)
        with self.assertRaises(Shmobj.Empty):
            queue.take(0.01)
        with self.assertRaises(ValueError):
            queue.put_loan(loan, 8001)
        with self.assertRaises(ValueError):
            self.queue.put_loan(loan)
        queue.put(1)
        with self.assertRaises(Shmobj.Full):
            queue.put_loan(loan, timeout=0)
        with self.assertRaises(Shmobj.Incompatible):
            queue.take()

    def test_mistakes_are_named(self):
        loan = self.queue.loan(100)
        with self.assertRaisesRegex(TypeError, r"what queue.loan\(\) gave, not its memory \(memoryview\)"):
            self.queue.put_loan(loan.buf)
        with self.assertRaisesRegex(TypeError, r"not its memory \(ndarray\): keep it"):
            self.queue.put_loan(numpy.frombuffer(loan.buf, numpy.uint8))
        with self.assertRaisesRegex(TypeError, "not NoneType"):
            self.queue.put_loan(None)
        with self.assertRaises(TypeError):
            with self.queue.loan(10) as block:
                self.queue.put_loan(block)
        for size in ("10", 2.5, None):
            with self.assertRaisesRegex(TypeError, "a number of bytes"):
                self.queue.loan(size)
        with self.assertRaisesRegex(TypeError, "a number of bytes"):
            self.queue.put_loan(loan, 2.5)
        for call in (lambda: self.queue.loan(-1), lambda: self.queue.put_loan(loan, -1)):
            with self.assertRaisesRegex(ValueError, "from 0 on, not -1"):
                call()
        for call in (lambda: self.queue.loan(1 << 70), lambda: self.queue.put_loan(loan, 1 << 70)):
            with self.assertRaises(ValueError):
                call()
        with self.assertRaises(TypeError):
            self.queue.put(loan)
        with self.assertRaisesRegex(TypeError, "put_loan"):
            pickle.dumps(loan)
        self.assertEqual((self.queue.qsize(), self.queue.get_held()), (0, 1))
        self.queue.put_loan(loan, numpy.int64(7))
        with self.assertRaisesRegex(Shmobj.Closed, "cannot be entered"):
            with loan:
                pass
        self.assertEqual(len(self.queue.get()), 7)

    def test_in_use(self):
        with self.queue.loan(10):
            self.assertEqual((self.queue.get_held(), self.queue.get_in_use()), (1, 1))
        self.assertEqual((self.queue.get_held(), self.queue.get_in_use()), (0, 0))
        with self.queue.take():
            self.assertEqual((self.queue.get_held(), self.queue.get_in_use()), (1, 1))
        in_child(lambda: blocks.append(self.queue.loan(10)) or blocks.append(self.queue.get_in_use()))
        self.assertEqual((self.queue.get_held(), self.queue.get_in_use()), (0, 0))

    def test_in_use_is_reported_at_close(self):
        loan = self.queue.loan(10)
        with self.assertRaisesRegex(Shmobj.Busy, "1 of its blocks is still in use"):
            self.queue.close()
        self.assertTrue(self.queue.is_closed())
        with self.assertRaises(Shmobj.Closed):
            self.queue.put_loan(loan)
        loan.release()
        self.queue.close()
        self.assertEqual(self.queue.get_held(), 0)

    def test_memory_is_given_back_and_counted(self):
        self.queue.put(bytes(1 << 22))
        with self.queue.loan(1 << 22):
            pass
        with self.queue.take() as block:
            self.assertEqual(len(block), 1 << 22)
        with self.queue.take():
            pass
        before = self.queue.get_statistics()
        self.assertGreater(before["reserved"], 2 << 22)
        self.queue.trim()
        after = self.queue.get_statistics()
        self.assertLess(after["reserved"], 1 << 17)
        self.assertEqual(after["high-water"], before["high-water"])
        self.assertEqual((after["puts"], after["gets"], after["bytes"]), (2, 2, (2 << 22) + 8 + 16))

    def test_the_dead_keep_nothing(self):
        queue = Shmobj.Queue(capacity=8192)
        in_child(lambda: blocks.append(queue.loan(8000)))
        with queue.loan(8000, timeout=60) as block:
            block[:4] = b"left"
        in_child(lambda: blocks.append(queue.take()))
        loan = queue.take(60)
        self.assertEqual((bytes(loan.buf[:4]), loan.redelivered), (b"left", 1))


if __name__ == "__main__":
    unittest.main()
