# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing.RLock, on a lock that is freed when its holder dies."""

import os
from threading import get_ident

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
        self._lock, self._owner, self._count = lock, None, 0

    def __reduce__(self):
        return (RLock, (self._lock,))

    def acquire(self, block=True, timeout=None):
        """Takes the lock. False when that was not possible in time."""
        me = (get_ident(), _generation)
        if self._owner == me:
            self._count += 1
            return True
        if not (self._lock.acquire() if block and timeout is None else self._lock.acquire(block, timeout)):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self):
        """Gives it back once."""
        if self._owner != (get_ident(), _generation):
            raise AssertionError("attempt to release recursive lock not owned by thread")
        self._count -= 1
        if self._count == 0:
            self._owner = None
            self._lock.release()

    __enter__ = acquire

    def __exit__(self, *_):
        self.release()

    def __repr__(self):
        return f"<RLock({'taken' if self._owner else 'not taken'} by this process, {self._count} times)>"
