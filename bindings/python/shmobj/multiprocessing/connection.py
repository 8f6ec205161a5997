# SPDX-License-Identifier: LGPL-2.1-or-later
"""wait(), as multiprocessing.connection has it, for our connections and everything that has a
descriptor."""

import time
from multiprocessing import connection as _standard

from .._library import Shmobj

__all__ = ["wait"]


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
