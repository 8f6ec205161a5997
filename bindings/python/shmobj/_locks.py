# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Lock, Event, Semaphore and Condition, with the names and habits of multiprocessing's."""

from gi.repository import GLib

from . import _cancelling, _errors, _wrap


class LockMethods:
    def __repr__(self):
        return f"<Shmobj.Lock({'locked' if self.is_locked() else 'unlocked'})>"

    def locked(self):
        return self.is_locked()

    def fileno(self):
        """A descriptor that is readable when acquire(False) may succeed. For waiting, not for reading."""
        return self.get_fd()


class EventMethods:
    def __repr__(self):
        return f"<Shmobj.Event({'set' if self.is_set() else 'unset'})>"

    def fileno(self):
        """A descriptor that is readable when wait(0) may succeed. For waiting, not for reading."""
        return self.get_fd()


class SemaphoreMethods:
    def __repr__(self):
        most = self.get_maximum()
        return f"<Shmobj.Semaphore(value={self.get_value()}{f', maximum={most}' if most else ''})>"

    def fileno(self):
        """A descriptor that is readable when acquire(False) may succeed. For waiting, not for reading."""
        return self.get_fd()


def _in_time(attempt, timeout_us):
    """attempt (), which raises TimedOut, as a bool."""
    try:
        _wrap.patiently(attempt, _errors.TimedOut, timeout_us)
    except _errors.TimedOut:
        return False
    return True


def plain_lock_methods(cls):
    acquire = cls.acquire

    class Plain:
        def acquire(self, block=True, timeout=None, cancellable=None):
            """Takes the lock. False when that was not possible in time."""
            timeout_us = _wrap.microseconds(timeout) if block else 0
            if cancellable:
                return _cancelling.lock_acquire(self, timeout_us, cancellable)
            return _in_time(lambda: acquire(self, 0), timeout_us)

        def __enter__(self):
            return self.acquire()

        def __exit__(self, *_):
            self.release()

    return Plain


def plain_semaphore_methods(cls):
    release = cls.release

    class Plain(plain_lock_methods(cls)):
        def release(self, n=1):
            """Gives n units."""
            if n < 0:
                raise OverflowError("n is negative")
            release(self, min(n, 2**32 - 1))

    return Plain


def plain_event_methods(cls):
    wait = cls.wait

    class Plain:
        def wait(self, timeout=None, cancellable=None):
            """Waits until the event is set. False when it was not in time."""
            if cancellable:
                return _cancelling.event_wait(self, _wrap.microseconds(timeout), cancellable)
            return _in_time(lambda: wait(self, 0), _wrap.microseconds(timeout))

    return Plain


def wait_for(condition, predicate, timeout):
    """Waits with the condition until predicate() is true. What it gave last."""
    end = _wrap.end_of(timeout)
    result = predicate()
    while not result:
        left = _wrap.left_of(end)
        if left == 0:
            break
        condition.wait(left)
        result = predicate()
    return result


def condition_methods(module):
    notify_property = module.Condition.notify
    notify_many, notify_all = module.Condition.notify_many, module.Condition.notify_all

    class ConditionMethods:
        def __repr__(self):
            return f"<Shmobj.Condition({self.get_lock()!r}, {self.get_waiters()} waiting)>"

        def __enter__(self):
            return self.get_lock().__enter__()

        def __exit__(self, *exception):
            return self.get_lock().__exit__(*exception)

        def acquire(self, block=True, timeout=None, cancellable=None):
            """Takes the lock. False when that was not possible in time."""
            return self.get_lock().acquire(block, timeout, cancellable)

        def release(self):
            """Gives the lock back."""
            self.get_lock().release()

        def _check(self):
            if not self.get_lock().is_owned():
                raise RuntimeError("cannot notify on un-acquired lock")

        def notify(self, n=1):
            """Wakes the n who have waited longest. With a string: the notify() of GObject."""
            if isinstance(n, str):
                return notify_property(self, n)
            self._check()
            return notify_many(self, min(max(n, 0), GLib.MAXUINT32))

        def notify_all(self):
            """Wakes all who wait."""
            self._check()
            notify_all(self)

        def wait_for(self, predicate, timeout=None):
            """Waits until predicate() is true. What it gave last, which is false when the time is over."""
            return wait_for(self, predicate, timeout)

        def fileno(self):
            """A descriptor that is readable when check_wait() may succeed. For waiting, not for reading."""
            return self.get_fd()

    return ConditionMethods


def plain_condition_methods(cls):
    class Plain:
        def wait(self, timeout=None, cancellable=None):
            """Gives the lock back, waits until it is notified, and takes the lock again. False when it was not
            in time."""
            timeout_us = _wrap.microseconds(timeout)
            if cancellable:
                return _cancelling.condition_wait(self, timeout_us, cancellable)
            return _cancelling.in_parts(self, lambda attempt: _in_time(attempt, timeout_us))

    return Plain
