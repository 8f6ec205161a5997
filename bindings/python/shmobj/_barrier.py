# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Barrier, with the names and habits of multiprocessing's."""

import contextlib

from . import _errors, _wrap


def methods(cls):
    wait_ticket, wait_async = cls.wait_ticket, cls.wait_async

    class Methods:
        parties = property(lambda self: self.get_parties())
        n_waiting = property(lambda self: self.get_n_waiting())
        broken = property(lambda self: self.is_broken())

        def __repr__(self):
            return f"<Shmobj.Barrier({self.n_waiting} of {self.parties}{', broken' if self.broken else ''})>"

        def wait(self, timeout=None):
            """Waits until all parties are there, and gives back which one this was. Raises Broken, which is a
            threading.BrokenBarrierError, when a party gave up or died, or this one's time is over."""
            index, ticket = self.arrive(False)
            self.pass_with(ticket, timeout)
            return index

        def pass_with(self, ticket, timeout=None):
            """Waits until all parties are there, after arrive()."""
            try:
                _wrap.patiently(lambda: wait_ticket(self, ticket, 0), _errors.TimedOut, _wrap.microseconds(timeout))
            except _errors.TimedOut:
                self.give_up(ticket)
            except _errors.Broken:
                raise
            except BaseException:
                with contextlib.suppress(_errors.Broken):
                    self.give_up(ticket)
                raise

        def wait_async(self, timeout=None, cancellable=None, callback=None, *data):
            """The call of the library, which ends in the main loop with wait_finish()."""
            return wait_async(self, timeout, cancellable, callback, *data)

    return Methods
