# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing.Barrier, with what the last party does."""


class Barrier:
    """A place where so many parties wait for each other."""

    def __init__(self, barrier, action=None, timeout=None):
        self._barrier, self._action, self._timeout = barrier, action, timeout
        for name in ("abort", "reset"):
            setattr(self, name, getattr(barrier, name))

    def __reduce__(self):
        return (Barrier, (self._barrier, self._action, self._timeout))

    def __repr__(self):
        return repr(self._barrier)

    parties = property(lambda self: self._barrier.parties)
    n_waiting = property(lambda self: self._barrier.n_waiting)
    broken = property(lambda self: self._barrier.broken)

    def wait(self, timeout=None):
        """Waits until all parties are there, and gives back which one this was."""
        timeout = self._timeout if timeout is None else timeout
        if self._action is None:
            return self._barrier.wait(timeout)
        index, ticket = self._barrier.arrive(True)
        if index < self.parties - 1:
            self._barrier.pass_with(ticket, timeout)
            return index
        try:
            self._action()
        except BaseException:
            self.abort()
            raise
        self._barrier.open(ticket)
        return index
