# SPDX-License-Identifier: LGPL-2.1-or-later
"""Transactions over several objects from Python."""

import asyncio
import gc
import os
import threading
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj

import ctrl_c

LONG = 60
EXTENSION = not os.environ.get("SHMOBJ_PYTHON_NO_EXT")


class Transactions(unittest.TestCase):
    def setUp(self):
        self.manager = Shmobj.Manager.new(None, None)
        self.todo, self.done = self.manager.list("todo"), self.manager.list("done")
        self.counts, self.total = self.manager.dict("counts"), self.manager.value("total", 0)
        self.todo.extend(["a", "b", "c"])

    def move(self):
        item = self.todo.pop(0)
        self.done.append(item)
        self.counts[item] = 1
        self.total.add(1)

    def look(self):
        return list(self.todo), list(self.done), dict(self.counts.items()), self.total.value

    def look_outside(self):
        seen = []
        thread = threading.Thread(target=lambda: seen.append(self.look()))
        thread.start()
        thread.join()
        return seen[0]

    def begun_elsewhere(self):
        """Another thread is in a transaction until the function that this returns is called."""
        begun, end = threading.Event(), threading.Event()

        def hold():
            with self.manager.transaction():
                begun.set()
                end.wait(LONG)

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait(LONG)

        def finish():
            end.set()
            thread.join()

        self.addCleanup(finish)
        return finish

    def test_block_is_whole(self):
        before = self.look()
        with self.manager.transaction():
            self.move()
            self.move()
            self.assertEqual(self.look(), (["c"], ["a", "b"], {"a": 1, "b": 1}, 2))
            self.assertEqual(self.look_outside(), before)
        self.assertEqual(self.look_outside(), (["c"], ["a", "b"], {"a": 1, "b": 1}, 2))

    def test_exception_rolls_back(self):
        before = self.look()
        with self.assertRaises(ZeroDivisionError), self.manager.transaction():
            self.move()
            self.todo.sort(reverse=True)
            self.counts.update({"x": 1})
            self.total.value = 1 // 0
        self.assertEqual(self.look(), before)

    def test_a_caught_error_does_not(self):
        with self.manager.transaction():
            self.move()
            with self.assertRaises(Shmobj.NotFound):
                self.manager.list("nothing", Shmobj.OpenFlags.EXISTING)
            with self.assertRaises(IndexError):
                self.todo.pop(7)
        self.assertEqual(self.done, ["a"])

    def test_by_hand(self):
        before = self.look()
        with self.manager.transaction() as transaction:
            self.move()
            transaction.rollback()
            self.assertEqual(self.look(), before)
            self.todo.append("d")
        self.assertEqual(self.look_outside()[0], ["a", "b", "c", "d"])

    def test_inner_blocks(self):
        with self.manager.transaction():
            self.move()
            with self.assertRaises(KeyError), self.manager.transaction():
                self.move()
                raise KeyError
            with self.manager.transaction():
                self.todo.append("d")
        self.assertEqual(self.look(), (["b", "c", "d"], ["a"], {"a": 1}, 1))

    def test_one_block_at_a_time(self):
        block = self.manager.transaction()
        with block:
            self.move()
            with self.assertRaises(RuntimeError), block:
                pass
        with block:
            self.move()
        self.assertEqual(self.done, ["a", "b"])

    def test_function(self):
        self.assertEqual(self.manager.transact(lambda: self.todo.pop(0), timeout=1), "a")
        with self.assertRaises(ZeroDivisionError):
            self.manager.transact(lambda: self.todo.append(1 // 0))
        self.assertEqual(self.todo, ["b", "c"])

    def test_busy(self):
        finish = self.begun_elsewhere()
        with self.assertRaises(Shmobj.Busy) as raised, self.manager.transaction(timeout=0.15):
            self.fail("somebody else is inside")
        self.assertIn(str(os.getpid()), str(raised.exception))
        with self.assertRaises(Shmobj.Busy), self.manager.transaction(0):
            self.fail("somebody else is inside")
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        with self.assertRaises(Shmobj.Cancelled), self.manager.transaction(cancellable=cancellable):
            self.fail("it was cancelled")
        finish()
        with self.manager.transaction(timeout=LONG):
            self.move()

    def test_coroutine(self):
        async def main():
            self.assertEqual(await self.manager.transact_async(lambda: self.todo.pop(0)), "a")
            before = self.look()
            with self.assertRaises(ZeroDivisionError):
                await self.manager.transact_async(lambda: (self.move(), 1 // 0))
            with self.assertRaises(Shmobj.Busy):  # of the function: it is not tried again
                await self.manager.transact_async(self.raise_busy, LONG)
            self.assertEqual(self.look(), before)

        asyncio.run(main())

    def raise_busy(self):
        self.move()
        raise Shmobj.Busy("no")

    def test_coroutines_wait_in_order(self):
        finish = self.begun_elsewhere()
        ran = []

        def start(number, *args):
            return asyncio.create_task(self.manager.transact_async(lambda: (self.move(), ran.append(number)), *args))

        async def main():
            cancellable = Gio.Cancellable()
            late = start(0, 0.01)
            first = start(1)
            behind = start(2, 0.01)
            dropped, stopped, last = start(3), start(4, None, cancellable), start(5, LONG)
            with self.assertRaises(Shmobj.Busy) as raised:
                await late
            self.assertIn(str(os.getpid()), str(raised.exception))
            with self.assertRaises(Shmobj.Busy):
                await behind
            with self.assertRaises(Shmobj.Busy):
                await start(6, 0)
            dropped.cancel()
            cancellable.cancel()
            with self.assertRaises(Shmobj.Cancelled):  # also while others are before it
                await stopped
            self.assertEqual(ran, [])
            finish()
            await asyncio.gather(first, last)

        asyncio.run(main())
        self.assertEqual(ran, [1, 5])
        self.assertEqual(self.done, ["a", "b"])

    def test_callback_of_a_main_loop(self):
        loop, errors, exclusive = GLib.MainLoop(), [], Shmobj.OpenFlags.EXCLUSIVE

        def ended(manager, result):
            try:
                manager.transact_finish(result)
            except Shmobj.Error as error:
                errors.append(error)
            loop.quit()

        self.manager.transact_async(self.move, LONG, None, ended)
        loop.run()
        self.assertEqual((errors, self.done), ([], ["a"]))
        self.manager.transact_async(lambda: (self.move(), self.manager.list("todo", exclusive)), callback=ended)
        loop.run()
        self.assertIn("todo", str(errors[0]))
        self.assertEqual(self.done, ["a"])

    def test_ctrl_c_while_waiting(self):
        self.begun_elsewhere()
        with ctrl_c.pressed(self, LONG / 2), self.manager.transaction():
            self.fail("somebody else is inside")

    if EXTENSION:  # without it a write hears of Ctrl-C when it has ended

        def test_ctrl_c_ends_a_write_that_waits(self):
            self.begun_elsewhere()
            writes = (
                lambda: self.todo.append("d"),
                lambda: self.todo.insert(0, "d"),
                lambda: self.todo.clear(),
                lambda: self.counts.update(d=1),
                lambda: self.total.add(1),
            )
            for number, write in enumerate(writes):
                with self.subTest(number), ctrl_c.pressed(self, LONG / 2):
                    write()
            self.assertEqual(self.look(), (["a", "b", "c"], [], {}, 0))

    def test_forgotten(self):
        def forget():
            with self.manager.transaction():
                self.move()
                yield

        generator = forget()
        next(generator)
        del generator
        gc.collect()
        self.assertEqual(self.look_outside(), (["a", "b", "c"], [], {}, 0))
        self.move()
        self.assertEqual(self.look_outside()[1], ["a"])

    def test_forked_child_is_outside(self):
        with self.manager.transaction():
            self.move()
            child = os.fork()
            if child == 0:
                # gone without the end of the block, as multiprocessing's children do
                os._exit(0 if self.todo == ["a", "b", "c"] else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.done, ["a"])

    def test_error_in_a_forked_child(self):
        with self.manager.transaction() as transaction:
            self.move()
            child = os.fork()
            if child == 0:
                try:
                    transaction.__exit__(None, None, None)
                except Shmobj.Forked:
                    os._exit(0)
                os._exit(1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(self.done, ["a"])


if __name__ == "__main__":
    unittest.main()
