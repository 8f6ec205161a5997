# SPDX-License-Identifier: LGPL-2.1-or-later
"""Listener, Client and wait(), as multiprocessing.connection has them.

An address is a name, found by every process of the same user on this machine. wait() takes our
connections and everything that has a descriptor."""

import time
from multiprocessing import connection as _standard

from .._library import Shmobj
from ._objects import _for_python

__all__ = ["Client", "Listener", "wait"]


def _check_authkey(authkey):
    if authkey is not None and not isinstance(authkey, bytes):
        raise TypeError("authkey should be a byte string")


class Listener:
    """Waits under a name for callers. Without an address it makes one up.

    Whether `family` and `backlog` are given does not matter: names have one kind."""

    def __init__(self, address=None, family=None, backlog=1, authkey=None):
        _check_authkey(authkey)
        self._listener = Shmobj.Listener.new(address)
        self._authkey = authkey

    def accept(self):
        """Waits for a caller; our end of a connection to it."""
        connection = _for_python(self._listener.accept())
        if self._authkey is not None:
            _prove(connection, _standard.deliver_challenge, _standard.answer_challenge, self._authkey)
        return connection

    def close(self):
        """Listens no more, and gives up the name."""
        self._listener.close()

    @property
    def address(self):
        """What callers ask for."""
        return self._listener.get_name()

    @property
    def last_accepted(self):
        """None: who calls has no address."""
        return None

    def fileno(self):
        """A descriptor that is readable when somebody calls."""
        return self._listener.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def Client(address, family=None, authkey=None):
    """Calls the listener of that name; our end of a connection to it, once it has accepted."""
    _check_authkey(authkey)
    connection = _for_python(Shmobj.Connection.new_for_name(address))
    if authkey is not None:
        _prove(connection, _standard.answer_challenge, _standard.deliver_challenge, authkey)
    return connection


def _prove(connection, first, second, authkey):
    try:
        first(connection, authkey)
        second(connection, authkey)
    except BaseException:
        connection.close()
        raise


def wait(object_list, timeout=None):
    """The objects of the list that are ready: something can be received, or it is at its end.

    Waits until there is one, at most for so many seconds."""
    objects = list(object_list)
    end = None if timeout is None else time.monotonic() + max(0, timeout)
    while True:
        left = None if end is None else max(0, end - time.monotonic())
        # a descriptor may be readable for nothing, when another process was faster
        ready = [
            thing
            for thing in _standard.wait(objects, left)
            if not isinstance(thing, Shmobj.Connection) or not thing.readable or thing.poll(0)
        ]
        if ready or left == 0:
            return ready
