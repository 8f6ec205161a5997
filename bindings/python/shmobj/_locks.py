# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Lock, Shmobj.Event and Shmobj.Semaphore, with the names and habits of multiprocessing's."""

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
