# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues in coroutines, under asyncio's ordinary loop."""

import asyncio
import os
import queue
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp

LONG = 60


def echo(incoming, outgoing, times):
    for _ in range(times):
        outgoing.put(incoming.get())


def append_often(shared, times):
    for number in range(times):
        shared.append(number)


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


if __name__ == "__main__":
    unittest.main()
