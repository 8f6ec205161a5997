# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Queue, with the names and habits of queue.Queue and multiprocessing.Queue."""

import time

from gi.repository import GLib

from . import _cancelling, _errors, _wrap


def methods(cls):
    """What is added to the class, with or without the extension."""
    shutdown = cls.shutdown

    class Methods:
        allow_pickle = False

        def put_nowait(self, obj):
            """Puts, or raises Full at once."""
            self.put(obj, False)

        def get_nowait(self):
            """Gets, or raises Empty at once."""
            return self.get(False)

        def put_many(self, values, timeout=None):
            """Puts values one after the other; how many there was room for within the time. Full when there
            was none for the first one."""
            end = None if timeout is None else time.monotonic() + timeout
            done = 0
            for value in values:
                try:
                    self.put(value, True, None if end is None else end - time.monotonic())
                except _errors.Full:
                    if done == 0:
                        raise
                    break
                done += 1
            return done

        def get_many(self, most, timeout=None):
            """Waits for a value, and takes with it up to `most` of those that are there already."""
            values = [self.get(True, timeout)]
            try:
                for _ in range(min(most - 1, self.get_size())):
                    values.append(self.get(False))
            except _errors.Empty:
                pass  # another one was faster
            return values

        def shutdown(self, immediate=False):
            """Ends the queue for everybody: nothing can be put any more, and what is in it can still be got,
            or with immediate is dropped. Then get and put raise Closed (from Python 3.13 on that is also
            queue.ShutDown)."""
            shutdown(self, immediate)

        def fileno(self):
            """A descriptor that is readable when there is something to get. For waiting, not for reading."""
            return self.get_fd(GLib.IOCondition.IN)

        def qsize(self):
            """How many items wait in the queue now."""
            return self.get_size()

        def empty(self):
            return self.is_empty()

        def full(self):
            return self.is_full()

        def join_thread(self):
            """Nothing to wait for: what was put is in the queue, there is no thread."""

        def cancel_join_thread(self):
            """Nothing to cancel; what was put is in the queue."""

        def __repr__(self):
            return f"<Shmobj.Queue at {hash(self):#x}>"

    return Methods


def plain_methods(cls):
    """put and get without the extension."""
    put, put_bytes, get, wait = cls.put, cls.put_bytes, cls.get, cls.wait

    def patiently(attempt, give_up, queue, condition, block, timeout):
        timeout_us = _wrap.microseconds(timeout) if block else 0
        return _wrap.patiently(attempt, give_up, timeout_us, lambda left: wait(queue, condition, left))

    def try_put(queue, value):
        if type(value) is bytes:
            put_bytes(queue, GLib.Bytes.new(value), 0)
        else:
            put(queue, value, 0)

    class Plain:
        def put(self, obj, block=True, timeout=None, cancellable=None):
            """Puts a value, and waits for room if need be."""
            if cancellable:
                return _cancelling.queue_put(self, _wrap.microseconds(timeout) if block else 0, cancellable, obj)
            return patiently(lambda: try_put(self, obj), _errors.Full, self, GLib.IOCondition.OUT, block, timeout)

        def get(self, block=True, timeout=None, cancellable=None):
            """Takes the next value, and waits for one if need be."""
            if cancellable:
                return _cancelling.queue_get(self, _wrap.microseconds(timeout) if block else 0, cancellable)
            return patiently(lambda: get(self, 0), _errors.Empty, self, GLib.IOCondition.IN, block, timeout)

    return Plain
