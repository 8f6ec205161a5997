# SPDX-License-Identifier: LGPL-2.1-or-later
"""`await queue.get_async()` and `await connection.receive_async()` under any asyncio loop.

PyGObject's own awaitables want a GLib main loop, and in some versions ignore a cancellation. These
are coroutines of ours on the object's descriptor. Taking and putting are single calls that do not
wait, so a coroutine that is cancelled, or whose time is over, has taken nothing.
"""

import os

from gi.repository import GLib

from . import _errors, _wrap


async def _readable(fd, seconds):
    """Until the descriptor is readable, or the time is over."""
    import asyncio

    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    # a copy for each who waits: a loop knows one reader per descriptor
    copy = os.dup(fd)
    loop.add_reader(copy, lambda: ready.done() or ready.set_result(None))
    try:
        await asyncio.wait_for(ready, seconds)
    except asyncio.TimeoutError:
        pass
    finally:
        loop.remove_reader(copy)
        os.close(copy)


async def _pause(pause, left):
    """The descriptor is ready and the attempt is not: there is room, but not for what is large or comes
    with descriptors."""
    import asyncio

    await asyncio.sleep(pause if left is None else min(pause, left))


async def patiently(attempt, give_up, fd, timeout):
    timeout_us = _wrap.microseconds(timeout)
    end = GLib.get_monotonic_time() + timeout_us
    pause = 0.001
    while True:
        start = GLib.get_monotonic_time()
        try:
            return attempt()
        except give_up:
            left = None if timeout_us < 0 else (end - start) / 1e6
            if left is not None and left <= 0:
                raise
        await _readable(fd, left)
        if GLib.get_monotonic_time() - start < 1000:
            await _pause(pause, left)
            pause = min(pause * 2, 0.02)
        else:
            pause = 0.001


def queue_methods(cls):
    get_async, put_async = cls.get_async, cls.put_async

    class Methods:
        def get_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that takes the next value.

            With one: the call of the library, which ends in the main loop with get_finish()."""
            if callback:
                return get_async(self, timeout, cancellable, callback, *data)
            fd = self.get_fd(GLib.IOCondition.IN)
            return patiently(lambda: self.get(False), _errors.Empty, fd, timeout)

        def put_async(self, obj, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that puts a value.

            With one: the call of the library, which ends in the main loop with put_finish()."""
            if callback:
                return put_async(self, obj, timeout, cancellable, callback, *data)
            fd = self.get_fd(GLib.IOCondition.OUT)
            return patiently(lambda: self.put(obj, False), _errors.Full, fd, timeout)

    return Methods


def connection_methods(cls):
    receive_async, send_async = cls.receive_async, cls.send_async

    class Methods:
        def receive_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that receives the next value.

            With one: the call of the library, which ends in the main loop with receive_finish()."""
            if callback:
                return receive_async(self, timeout, cancellable, callback, *data)
            fd = self.get_fd(GLib.IOCondition.IN)
            return patiently(lambda: self.receive(0), _errors.TimedOut, fd, timeout)

        def send_async(self, obj, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that sends a value.

            With one: the call of the library, which ends in the main loop with send_finish()."""
            if callback:
                return send_async(self, obj, timeout, cancellable, callback, *data)
            fd = self.get_fd(GLib.IOCondition.OUT)
            return patiently(lambda: self.send(obj, 0), _errors.TimedOut, fd, timeout)

    return Methods


def listener_methods(cls):
    accept_async = cls.accept_async

    class Methods:
        def accept_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that gives the next caller's connection.

            With one: the call of the library, which ends in the main loop with accept_finish()."""
            if callback:
                return accept_async(self, timeout, cancellable, callback, *data)
            return patiently(lambda: self.accept(0), _errors.TimedOut, self.get_fd(), timeout)

    return Methods
