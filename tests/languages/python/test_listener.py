# SPDX-License-Identifier: LGPL-2.1-or-later
"""Listener and Client from Python, as those of multiprocessing.connection are used."""

import asyncio
import multiprocessing
import select
import threading
import time
import unittest

import ctrl_c
import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import multiprocessing as mp
from shmobj.multiprocessing.connection import Client, Listener

LONG = 60


def child_call(address, authkey=None):
    with Client(address, authkey=authkey) as connection:
        connection.send({"from": "child", "list": [1, 2]})
        assert connection.recv() == "welcome"


class Drop(unittest.TestCase):
    def test_as_in_multiprocessing(self):
        for method in mp.get_all_start_methods():
            for authkey in (None, b"secret"):
                with self.subTest(method, authkey=authkey), Listener(authkey=authkey) as listener:
                    child = mp.get_context(method).Process(target=child_call, args=(listener.address, authkey))
                    child.start()
                    with listener.accept() as connection:
                        self.assertEqual(connection.recv(), {"from": "child", "list": [1, 2]})
                        connection.send("welcome")
                        with self.assertRaises(EOFError):
                            connection.recv()
                    child.join()
                    self.assertEqual(child.exitcode, 0)
                    self.assertIsNone(listener.last_accepted)

    def test_another_key_is_refused(self):
        with Listener("keys", authkey=b"right") as listener:
            caller = threading.Thread(target=self._call_with_wrong_key)
            caller.start()
            with self.assertRaises((multiprocessing.AuthenticationError, EOFError)):
                listener.accept()
            caller.join()
        with self.assertRaises(TypeError):
            Listener(authkey="text")
        with self.assertRaises(TypeError):
            Client("keys", authkey="text")

    def _call_with_wrong_key(self):
        with self.assertRaises((multiprocessing.AuthenticationError, EOFError)):
            Client("keys", authkey=b"wrong")

    def test_names(self):
        with Listener("name") as listener:
            self.assertEqual(listener.address, "name")
            with self.assertRaises(FileExistsError):
                Listener("name")
        with self.assertRaises(FileNotFoundError):
            Client("name")
        with self.assertRaises(ValueError):
            Listener("a/b")
        with self.assertRaises(OSError):
            listener.accept()


class Plain(unittest.TestCase):
    def test_waits_end(self):
        with Shmobj.Listener(name="plain") as listener:
            with self.assertRaises(TimeoutError):
                listener.accept(timeout=0.01)
            before = time.monotonic()
            with self.assertRaises(TimeoutError):
                Shmobj.Connection.new_for_name("plain", timeout=0.15)
            self.assertGreaterEqual(time.monotonic() - before, 0.15)
            self.assertFalse(listener.closed)
        self.assertTrue(listener.closed)

    def test_ctrl_c_ends_a_call_at_once(self):
        with Shmobj.Listener(name="interrupted") as listener:
            with ctrl_c.pressed(self, LONG / 2):
                Shmobj.Connection.new_for_name("interrupted")
            # who gave up is passed over
            with self.assertRaises(TimeoutError):
                listener.accept(timeout=0)

    def test_coroutines_and_descriptor(self):
        async def serve(listener):
            with await listener.accept_async(timeout=LONG) as connection:
                self.assertEqual(await connection.receive_async(), "call")
                await connection.send_async("answer")

        async def main():
            with Shmobj.Listener() as listener:
                self.assertEqual(select.select([listener], [], [], 0)[0], [])
                with self.assertRaises(TimeoutError):
                    await listener.accept_async(timeout=0.01)
                child = threading.Thread(target=call, args=(listener.get_name(),))
                child.start()
                await serve(listener)
                child.join()

        def call(name):
            with Shmobj.Connection.new_for_name(name, timeout=LONG) as connection:
                connection.send("call")
                self.assertEqual(connection.receive(timeout=LONG), "answer")

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
