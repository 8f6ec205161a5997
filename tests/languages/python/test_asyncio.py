# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues in coroutines, under asyncio's ordinary loop."""

import asyncio
import os
import queue
import time
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import GLib, Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def echo(incoming, outgoing, times):
    for _ in range(times):
        outgoing.put(incoming.get())


def append_often(shared, times):
    for number in range(times):
        shared.append(number)


def hold(lock, held):
    lock.acquire()
    held.set()
    time.sleep(LONG)


class Coroutines(unittest.IsolatedAsyncioTestCase):
    async def test_get_waits_and_others_run(self):
        ours = Shmobj.Queue()
        waiting = asyncio.create_task(ours.get_async())
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        ours.put({"k": 1})
        self.assertEqual(await waiting, {"k": 1})

    async def test_waiting_for_containers(self):
        manager = Shmobj.Manager()
        shared, table = manager.list(), manager.dict()
        waiting = [asyncio.create_task(shared.wait_async(1, LONG)) for _ in range(5)]
        key = asyncio.create_task(table.wait_key_async("k", 1))
        await asyncio.sleep(0)
        self.assertFalse(any(task.done() for task in (*waiting, key)))
        table["k"] = 1
        table["k"] = shared.append(2)
        self.assertEqual(await asyncio.gather(*waiting), [2] * 5)
        self.assertIsNone(await key)
        with self.assertRaises(TimeoutError):
            await shared.wait_async(2, 0.01)
        with self.assertRaises(TimeoutError):
            await table.wait_key_async("other", timeout=0.01)

    async def test_no_change_is_missed(self):
        shared = Shmobj.Manager().list()
        process = mp.get_context("fork").Process(target=append_often, args=(shared, 2000))
        process.start()
        revision = 1
        while revision < 2001:
            revision = await shared.wait_async(revision, LONG)
        process.join()

    async def test_several_coroutines_wait_for_one_queue(self):
        ours = Shmobj.Queue()
        waiting = [asyncio.create_task(ours.get_async()) for _ in range(5)]
        await asyncio.sleep(0)
        for number in range(5):
            await ours.put_async(number)
        self.assertEqual(sorted(await asyncio.gather(*waiting)), list(range(5)))

    async def test_put_waits_for_room(self):
        ours = Shmobj.Queue(maxsize=1)
        ours.put(1)
        waiting = asyncio.create_task(ours.put_async(2))
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        self.assertEqual(ours.get(), 1)
        await waiting
        self.assertEqual(ours.get(), 2)

    async def test_time_outs(self):
        ours = Shmobj.Queue(maxsize=1)
        with self.assertRaises(queue.Empty):
            await ours.get_async(timeout=0.02)
        with self.assertRaises(queue.Empty):
            await ours.get_async(timeout=0)
        ours.put(1)
        with self.assertRaises(queue.Full):
            await ours.put_async(2, timeout=0.02)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(ours.put_async(2), 0.02)
        self.assertEqual(ours.qsize(), 1)

    async def test_a_cancelled_get_takes_nothing(self):
        ours = Shmobj.Queue()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            waiting = asyncio.create_task(ours.get_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
        ours.put("still here")
        self.assertEqual(await ours.get_async(), "still here")
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 4)  # the bells, made when asked for

    async def test_connections(self):
        left, right = mp.Pipe()
        waiting = asyncio.create_task(right.receive_async())
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        await left.send_async([1, "a"])
        self.assertEqual(await waiting, [1, "a"])
        with self.assertRaises(TimeoutError):
            await right.receive_async(timeout=0.02)
        waiting = asyncio.create_task(right.receive_async())
        await asyncio.sleep(0)
        left.close()
        with self.assertRaises(EOFError):
            await waiting

    async def test_bytes_and_descriptors_along_a_connection(self):
        left, right = mp.Pipe()
        for start, send, read in (
            (right.receive_bytes_async, left.send_bytes_async(GLib.Bytes.new(b"ab")), GLib.Bytes.get_data),
            (right.receive_with_fds_async, left.send_with_fds_async(b"ab", [0]), lambda message: message.value),
        ):
            with self.assertRaises(TimeoutError):
                await start(0.005)
            waiting = asyncio.create_task(start(LONG))
            await asyncio.sleep(0.003)
            self.assertFalse(waiting.done())
            await send
            self.assertEqual(read(await waiting), b"ab")
        await left.send_with_fds_async(1, [0, 1])
        self.assertEqual(len((await right.receive_with_fds_async()).fds), 2)
        waiting = asyncio.create_task(right.receive_object_async(Shmobj.Queue))
        ours = Shmobj.Queue()
        await left.send_object_async(ours)
        (await waiting).put("through another handle")
        self.assertEqual(ours.get(False), "through another handle")

    async def test_a_cancelled_receive_takes_nothing(self):
        left, right = mp.Pipe()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            waiting = asyncio.create_task(right.receive_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
        left.send("still here")
        self.assertEqual(await right.receive_async(), "still here")
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 4)  # what it has of its own, once

    async def test_closed_while_waiting(self):
        _, right = mp.Pipe()
        listener = Shmobj.Listener()
        waiting = [asyncio.create_task(one) for one in (right.receive_async(), listener.accept_async())]
        await asyncio.sleep(0.003)
        right.close()
        listener.close()
        for one in waiting:
            with self.assertRaises(Shmobj.Closed):
                await one

    async def test_a_lock(self):
        lock, fds = Shmobj.Lock(), len(os.listdir("/proc/self/fd"))
        self.assertIs(await lock.acquire_async(), True)
        self.assertIs(await lock.acquire_async(timeout=0), False)
        self.assertIs(await lock.acquire_async(timeout=0.02), False)
        waiting = [asyncio.create_task(lock.acquire_async()) for _ in range(5)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        for _ in range(4):
            lock.release()
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=LONG)
            self.assertEqual([task.result() for task in done], [True])
            waiting = [task for task in waiting if task not in done]
        self.assertEqual(waiting, [])
        lock.release()
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), fds + 4)

    async def test_a_lock_of_another_process(self):
        lock, held = mp.Lock(), mp.Event()
        child = mp.Process(target=hold, args=(lock, held))
        child.start()
        self.assertIs(await held.wait_async(LONG), True)
        self.assertIs(await lock.acquire_async(0.02), False)
        waiting = asyncio.create_task(lock.acquire_async(LONG))
        await asyncio.sleep(0)
        child.kill()
        self.assertIs(await waiting, True)
        self.assertTrue(lock.get_abandoned())
        child.join()

    async def test_an_event(self):
        event = Shmobj.Event()
        self.assertIs(await event.wait_async(0), False)
        self.assertIs(await event.wait_async(0.02), False)
        waiting = [asyncio.create_task(event.wait_async()) for _ in range(5)]
        await asyncio.sleep(0)
        event.set()
        self.assertEqual(await asyncio.gather(*waiting), [True] * 5)
        self.assertIs(await event.wait_async(0), True)

    async def test_with_another_process(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                there, back = context.Queue(), context.Queue()
                child = context.Process(target=echo, args=(there, back, 200))
                child.start()
                for number in range(200):
                    await there.put_async(number)
                    self.assertEqual(await back.get_async(timeout=LONG), number)
                child.join()


class OtherCalls(unittest.IsolatedAsyncioTestCase):
    """What holds for each call of a queue: how it is begun, what makes it wait, and what ends that."""

    def setUp(self):
        self.queue = Shmobj.Queue(maxsize=1, capacity=4096)
        self.block = self.queue.loan(5)
        self.block.buf[:] = b"hello"

    def fill(self):
        self.queue.put(b"hello")

    def fill_pool(self):
        with self.queue.loan(4000):
            pass

    def calls(self):
        ours, hello = self.queue, GLib.Bytes.new(b"hello")
        nothing, empty, full = (lambda: None), self.queue.get, self.fill
        return {
            "get_bytes": (nothing, lambda t: ours.get_bytes_async(t), full, queue.Empty, GLib.Bytes.get_data),
            "get_many": (nothing, lambda t: ours.get_many_async(3, t), full, queue.Empty, lambda many: many[0]),
            "receive": (nothing, lambda t: ours.receive_async(t), full, queue.Empty, self.value_of),
            "take": (nothing, lambda t: ours.take_async(t), full, queue.Empty, self.bytes_of),
            "put_bytes": (full, lambda t: ours.put_bytes_async(hello, t), empty, queue.Full, None),
            "put_many": (full, lambda t: ours.put_many_async([b"hello"], t), empty, queue.Full, None),
            "put_loan": (full, lambda t: ours.put_loan_async(self.block, timeout=t), empty, queue.Full, None),
            "loan": (self.fill_pool, lambda t: ours.loan_async(3000, t), empty, queue.Full, None),
            "join": (full, lambda t: ours.join_async(t), empty, TimeoutError, None),
        }

    def value_of(self, message):
        with message:
            return message.value

    def bytes_of(self, loan):
        with loan as view:
            return bytes(view)

    def state(self):
        now = self.queue.get_statistics()
        return {key: now[key] for key in ("puts", "gets", "in-flight", "lent")}

    async def each(self, what):
        for name in self.calls():
            with self.subTest(name):
                self.setUp()
                await what(*self.calls()[name])

    async def test_they_wait(self):
        async def check(block, start, free, _error, read):
            block()
            waiting = asyncio.create_task(start(LONG))
            await asyncio.sleep(0.003)
            self.assertFalse(waiting.done())
            free()
            result = await waiting
            if read:
                self.assertEqual(read(result), b"hello")
            self.assertEqual(self.queue.get_statistics()["in-flight"], 0)

        await self.each(check)

    async def test_time_outs_take_nothing(self):
        async def check(block, start, _free, error, _read):
            block()
            before = self.state()
            for timeout in (0, 0.005):
                with self.assertRaises(error):
                    await start(timeout)
            self.assertEqual(self.state(), before)
            self.assertIsNotNone(self.block.buf)

        await self.each(check)

    async def test_cancelled_ones_take_nothing(self):
        async def check(block, start, free, _error, _read):
            block()
            waiting = asyncio.create_task(start(None))
            await asyncio.sleep(0.003)
            waiting.cancel()
            free()
            before = self.state()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
            self.assertEqual(self.state(), before)
            self.assertIsNotNone(self.block.buf)

        await self.each(check)

    async def test_two_at_once(self):
        async def check(block, start, free, _error, read):
            if read is None:
                return
            waiting = [asyncio.create_task(start(LONG)) for _ in range(2)]
            await asyncio.sleep(0.003)
            for _ in range(2):
                await self.queue.put_async(b"hello")
            self.assertEqual([read(await one) for one in waiting], [b"hello"] * 2)

        await self.each(check)

    async def test_closed_while_waiting(self):
        async def check(block, start, _free, _error, _read):
            block()
            waiting = asyncio.create_task(start(LONG))
            await asyncio.sleep(0.003)
            self.block.release()
            await asyncio.to_thread(self.queue.close)
            with self.assertRaises(Shmobj.Closed):
                await waiting

        await self.each(check)

    async def test_several_that_do_not_all_fit(self):
        ours = Shmobj.Queue(maxsize=2)
        self.assertEqual(await ours.put_many_async(iter("abc"), 0.01), 2)
        waiting = asyncio.create_task(ours.put_many_async("cdef"))
        got = []
        while len(got) < 6:
            got += await ours.get_many_async(2)
        self.assertEqual("".join(got), "abcdef")
        self.assertEqual(await waiting, 4)

    async def test_messages_and_loans_as_of_calls_that_block(self):
        ours = Shmobj.Queue()
        ours.allow_pickle = True
        ours.put([1, 2])
        with await ours.receive_async() as message:
            self.assertEqual((message.value, message.allow_pickle), ([1, 2], True))
        with await ours.loan_async(3) as view:
            view[:] = b"abc"
        with await ours.take_async() as view:
            self.assertEqual(bytes(view), b"abc")
        await ours.join_async(0)
        with self.assertRaises(TypeError):
            await ours.put_loan_async(b"abc")

    async def film(self):
        async with await self.queue.loan_async(3) as view:
            view[:] = b"abc"

    async def test_async_with_waits_for_room_and_others_run(self):
        self.fill()
        filming = asyncio.create_task(self.film())
        await asyncio.sleep(0.003)
        self.assertFalse(filming.done())
        self.assertEqual(self.queue.get(), b"hello")
        await filming
        async with await self.queue.take_async() as view:
            self.assertEqual(bytes(view), b"abc")
        with self.assertRaises(KeyError):
            async with await self.queue.loan_async(3):
                raise KeyError
        self.assertTrue(self.queue.empty())
        self.assertEqual(self.queue.get_held(), 1)  # our own


if __name__ == "__main__":
    unittest.main()
