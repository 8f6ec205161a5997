# SPDX-License-Identifier: LGPL-2.1-or-later
"""`await queue.get_async()`, `await connection.receive_async()` and so on under any asyncio loop.

PyGObject's own awaitables want a GLib main loop, and in some versions ignore a cancellation. These
are coroutines of ours on the object's descriptor. Taking and putting are single calls that do not
wait, so a coroutine that is cancelled, or whose time is over, has taken nothing.
"""

import functools
import os
import types

from gi.repository import GLib

from . import _cancelling, _carrying, _errors, _wrap


def wake(owner):
    """Has all coroutines that wait for the object try again: it was closed. Any thread."""
    for look_again in list(owner.__dict__.get("_awaited", ())):
        try:
            look_again()
        except RuntimeError:
            pass  # its loop has ended


async def _readable(owner, fd, seconds):
    """Until the descriptor is readable, the object is closed, or the time is over."""
    import asyncio

    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def look_again():
        return ready.done() or ready.set_result(None)

    from_anywhere = functools.partial(loop.call_soon_threadsafe, look_again)
    awaited = owner.__dict__.setdefault("_awaited", set())
    awaited.add(from_anywhere)
    # a copy for each who waits: a loop knows one reader per descriptor
    copy = os.dup(fd)
    loop.add_reader(copy, look_again)
    try:
        await asyncio.wait_for(ready, seconds)
    except asyncio.TimeoutError:
        pass
    finally:
        awaited.discard(from_anywhere)
        loop.remove_reader(copy)
        os.close(copy)


async def _pause(pause, left):
    """The descriptor is ready and the attempt is not: there is room, but not for what is large or comes
    with descriptors."""
    import asyncio

    await asyncio.sleep(pause if left is None else min(pause, left))


async def patiently(owner, attempt, give_up, fd, timeout):
    """attempt () until it does not raise give_up, or the time is over; in between it waits for fd, which
    belongs to owner."""
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
        await _readable(owner, fd, left)
        if GLib.get_monotonic_time() - start < 1000:
            await _pause(pause, left)
            pause = min(pause * 2, 0.02)
        else:
            pause = 0.001


async def looking(attempt, give_up, timeout):
    """For what no descriptor tells: tries soon at first, then after a quarter of the time that it has
    lasted, and 50 times a second in the end."""
    import asyncio

    begun = GLib.get_monotonic_time()
    end = _wrap.end_of(timeout)
    while True:
        try:
            return attempt()
        except give_up:
            left = _wrap.left_of(end)
            if left == 0:
                raise
        pause = min(max((GLib.get_monotonic_time() - begun) / 4e6, 0.001), 0.02)
        await asyncio.sleep(pause if left is None else min(pause, left))


def when_readable(queue, attempt, timeout):
    return patiently(queue, attempt, _errors.Empty, queue.get_fd(GLib.IOCondition.IN), timeout)


def when_writable(queue, attempt, timeout):
    return patiently(queue, attempt, _errors.Full, queue.get_fd(GLib.IOCondition.OUT), timeout)


async def _put_many(queue, values, timeout):
    done = 0

    def attempt():
        nonlocal done
        while done < len(values):
            queue.put(values[done], False)
            done += 1

    try:
        await when_writable(queue, attempt, timeout)
    except _errors.Full:
        if done == 0:
            raise
    return done


def _library(cls, *names):
    """The calls as they are without us."""
    return types.SimpleNamespace(**{f"{name}_async": getattr(cls, f"{name}_async") for name in names})


def queue_methods(cls):
    """Each is a coroutine without a callback; with one it is the call of the library, which ends in the
    main loop with ..._finish(). Those for loans are in _loan.py."""
    library = _library(cls, *"get put get_bytes put_bytes get_many put_many receive join take".split())

    class Methods:
        def get_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Takes the next value."""
            if callback:
                return library.get_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.get(False), timeout)

        def put_async(self, obj, timeout=None, cancellable=None, callback=None, *data):
            """Puts a value, once there is room."""
            if callback:
                return library.put_async(self, obj, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.put(obj, False), timeout)

        def get_bytes_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Takes the next message, if it is plain bytes."""
            if callback:
                return library.get_bytes_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.get_bytes(0), timeout)

        def put_bytes_async(self, bytes, timeout=None, cancellable=None, callback=None, *data):
            """Puts a GLib.Bytes, once there is room."""
            if callback:
                return library.put_bytes_async(self, bytes, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.put_bytes(bytes, 0), timeout)

        def get_many_async(self, most, timeout=None, cancellable=None, callback=None, *data):
            """Waits for a value, and takes with it up to `most` of those that are there already."""
            if callback:
                return library.get_many_async(self, most, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.get_many(most, 0), timeout)

        def put_many_async(self, values, timeout=None, cancellable=None, callback=None, *data):
            """Puts values one after the other; how many there was room for within the time. Full when there
            was none for the first one."""
            if callback:
                return library.put_many_async(self, values, timeout, cancellable, callback, *data)
            return _put_many(self, list(values), timeout)

        def receive_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Takes the next message into this process's hands, until it is done or given back."""
            if callback:
                return library.receive_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.receive(0), timeout)

        def join_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Waits until all that was put is dealt with."""
            if callback:
                return library.join_async(self, timeout, cancellable, callback, *data)
            return looking(lambda: self.join(0), _errors.TimedOut, timeout)

        def take_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Takes the next message of plain bytes, to read it where it is."""
            if callback:
                return library.take_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.take(0), timeout)

    return Methods


def connection_methods(cls):
    """As of a queue."""
    kinds = ("", "_bytes", "_with_fds", "_object")
    library = _library(cls, *(f"{way}{kind}" for way in ("receive", "send") for kind in kinds))
    receive_with_fds_finish = cls.receive_with_fds_finish

    def when_readable(connection, attempt, timeout):
        return patiently(connection, attempt, _errors.TimedOut, connection.get_fd(GLib.IOCondition.IN), timeout)

    def when_writable(connection, attempt, timeout):
        return patiently(connection, attempt, _errors.TimedOut, connection.get_fd(GLib.IOCondition.OUT), timeout)

    class Methods:
        def receive_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Receives the next value."""
            if callback:
                return library.receive_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.receive(0), timeout)

        def send_async(self, obj, timeout=None, cancellable=None, callback=None, *data):
            """Sends a value."""
            if callback:
                return library.send_async(self, obj, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.send(obj, 0), timeout)

        def receive_bytes_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Receives the next message, if it is plain bytes, as a GLib.Bytes."""
            if callback:
                return library.receive_bytes_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.receive_bytes(0), timeout)

        def send_bytes_async(self, bytes, timeout=None, cancellable=None, callback=None, *data):
            """Sends a GLib.Bytes."""
            if callback:
                return library.send_bytes_async(self, bytes, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.send(bytes.get_data() or b"", 0), timeout)

        def receive_with_fds_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Receives the next message, with its value and its descriptors."""
            if callback:
                return library.receive_with_fds_async(self, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.receive_with_fds(0), timeout)

        def receive_with_fds_finish(self, result):
            """What receive_with_fds_async() with a callback came to."""
            message = receive_with_fds_finish(self, result)
            message.allow_pickle = self.allow_pickle
            return message

        def send_with_fds_async(self, obj, fds, timeout=None, cancellable=None, callback=None, *data):
            """Sends a value, and descriptors with it: numbers, what has a fileno(), or a Gio.UnixFDList."""
            fds = _carrying.list_of(fds)
            if callback:
                return library.send_with_fds_async(self, obj, fds, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.send_with_fds(obj, fds, 0), timeout)

        def receive_object_async(self, expected, timeout=None, cancellable=None, callback=None, *data):
            """Receives the next message as an object of that class."""
            if callback:
                return library.receive_object_async(self, expected, timeout, cancellable, callback, *data)
            return when_readable(self, lambda: self.receive_object(expected, 0), timeout)

        def send_object_async(self, object, timeout=None, cancellable=None, callback=None, *data):
            """Sends an object."""
            if callback:
                return library.send_object_async(self, object, timeout, cancellable, callback, *data)
            return when_writable(self, lambda: self.send_object(object, 0), timeout)

    return Methods


async def _in_time(owner, attempt, timeout):
    """attempt (), as a bool, again and again."""

    def take():
        if not attempt():
            raise _errors.TimedOut("It was not possible in time")
        return True

    try:
        return await patiently(owner, take, _errors.TimedOut, owner.get_fd(), timeout)
    except _errors.TimedOut:
        return False


def lock_methods(cls):
    acquire_async = cls.acquire_async

    class Methods:
        def acquire_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that takes it; False when that was not possible in time.

            With one: the call of the library, which ends in the main loop with acquire_finish()."""
            if callback:
                return acquire_async(self, timeout, cancellable, callback, *data)
            return _in_time(self, lambda: self.acquire(False), timeout)

    return Methods


def event_methods(cls):
    wait_async = cls.wait_async

    class Methods:
        def wait_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that waits until it is set; False when it was not in time.

            With one: the call of the library, which ends in the main loop with wait_finish()."""
            if callback:
                return wait_async(self, timeout, cancellable, callback, *data)
            return _in_time(self, lambda: self.wait(0), timeout)

    return Methods


async def _retake(lock):
    """Also when the coroutine is cancelled: what waits for a condition holds its lock in the end."""
    import asyncio

    cancelled = None
    while True:
        try:
            await lock.acquire_async()
            break
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _wait_in_parts(condition, timeout):
    wait, attempt = _cancelling.begin_wait(condition)
    notified = False
    try:
        notified = await patiently(condition, attempt, _errors.TimedOut, condition.get_fd(), timeout)
    except _errors.TimedOut:
        pass
    finally:
        notified = notified or condition.end_wait(wait)
        try:
            await _retake(condition.get_lock())
        finally:
            condition.end_wait(wait)
    return notified


def condition_methods(cls):
    wait_async = cls.wait_async

    class Methods:
        def wait_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that gives the lock back, waits until it is notified, and takes the
            lock again; False when it was not in time.

            With one: the call of the library, which ends in the main loop with wait_finish()."""
            if callback:
                return wait_async(self, timeout, cancellable, callback, *data)
            return _wait_in_parts(self, timeout)

    return Methods


def listener_methods(cls):
    accept_async = cls.accept_async

    class Methods:
        def accept_async(self, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that gives the next caller's connection.

            With one: the call of the library, which ends in the main loop with accept_finish()."""
            if callback:
                return accept_async(self, timeout, cancellable, callback, *data)
            return patiently(self, lambda: self.accept(0), _errors.TimedOut, self.get_fd(), timeout)

    return Methods
