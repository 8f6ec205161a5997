# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing.RLock, on a lock that is freed when its holder dies, and a Condition with one."""

import os
from threading import get_ident

from .. import _locks

_generation = 0  # how often the process was forked from another one


def _count_forks():
    global _generation
    _generation += 1


os.register_at_fork(after_in_child=_count_forks)


class RLock:
    """A lock that the thread which has it may take again; it is free when it was given back as often.

    Only who has it knows how often, so the count is that process's own; what others see is the lock. A forked child is
    another owner than its parent, whose thread has the same number."""

    def __init__(self, lock):
        self.lock, self._owner, self._count = lock, None, 0

    def __reduce__(self):
        return (RLock, (self.lock,))

    def acquire(self, block=True, timeout=None):
        """Takes the lock. False when that was not possible in time."""
        me = (get_ident(), _generation)
        if self._owner == me:
            self._count += 1
            return True
        if not (self.lock.acquire() if block and timeout is None else self.lock.acquire(block, timeout)):
            return False
        self._owner, self._count = me, 1
        return True

    def is_owned(self):
        """Does this thread have it?"""
        return self._owner == (get_ident(), _generation)

    def give_away(self):
        """Who has it says that the lock will be given back and taken again by others; answers what take_back() needs."""
        count, self._owner = self._count, None
        return count

    def take_back(self, count):
        self._owner, self._count = (get_ident(), _generation), count

    def release(self):
        """Gives it back once."""
        if not self.is_owned():
            raise AssertionError("attempt to release recursive lock not owned by thread")
        self._count -= 1
        if self._count == 0:
            self._owner = None
            self.lock.release()

    __enter__ = acquire

    def __exit__(self, *_):
        self.release()

    def __repr__(self):
        return f"<RLock({'taken' if self._owner else 'not taken'} by this process, {self._count} times)>"


class Condition:
    """A condition whose lock its thread may take again. Waiting gives it back altogether, and then takes it as often as
    it was taken."""

    def __init__(self, lock, condition):
        self._lock, self._condition = lock, condition
        self.acquire, self.release = lock.acquire, lock.release

    def __reduce__(self):
        return (Condition, (self._lock, self._condition))

    def _check(self, doing):
        if not self._lock.is_owned():
            raise RuntimeError(f"cannot {doing} on un-acquired lock")

    def wait(self, timeout=None):
        """Gives the lock back, waits until it is notified, and takes the lock again. False when it was not in time."""
        self._check("wait")
        count = self._lock.give_away()
        try:
            return self._condition.wait(timeout)
        finally:
            self._lock.take_back(count)

    def wait_for(self, predicate, timeout=None):
        """Waits until predicate() is true. What it gave last, which is false when the time is over."""
        return _locks.wait_for(self, predicate, timeout)

    def notify(self, n=1):
        """Wakes the n who have waited longest."""
        self._check("notify")
        self._condition.notify(n)

    def notify_all(self):
        """Wakes all who wait."""
        self._check("notify")
        self._condition.notify_all()

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *exception):
        self._lock.release()

    def __repr__(self):
        return f"<Condition({self._lock!r}, {self._condition.get_waiters()} waiting)>"
