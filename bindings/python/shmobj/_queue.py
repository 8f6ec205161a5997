# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Queue, with the names and habits of queue.Queue and multiprocessing.Queue."""

from gi.repository import GLib

from . import _errors, _wrap


class Methods:
    """Added to the class, with or without the extension."""

    allow_pickle = False

    def put_nowait(self, obj):
        """Puts, or raises Full at once."""
        self.put(obj, False)

    def get_nowait(self):
        """Gets, or raises Empty at once."""
        return self.get(False)

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
        def put(self, obj, block=True, timeout=None):
            """Puts a value, and waits for room if need be."""
            patiently(lambda: try_put(self, obj), _errors.Full, self, GLib.IOCondition.OUT, block, timeout)

        def get(self, block=True, timeout=None):
            """Takes the next value, and waits for one if need be."""
            return patiently(lambda: get(self, 0), _errors.Empty, self, GLib.IOCondition.IN, block, timeout)

    return Plain
