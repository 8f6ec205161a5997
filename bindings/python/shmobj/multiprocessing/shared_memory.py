# SPDX-License-Identifier: LGPL-2.1-or-later
"""shared_memory.SharedMemory as the standard library has it, on the same segments: each attaches
what the other made.

Two things are better here. A view, or a numpy array, that outlives close() stays usable instead of
ending the process. And no tracker removes segments that others still use: a segment stays until
somebody calls unlink().
"""

import secrets

from .._library import Shmobj

__all__ = ["SharedMemory"]


def _new_name():
    return "psm_" + secrets.token_hex(4)


class SharedMemory:
    """A named block of memory. `track` is accepted, and nothing is ever tracked."""

    def __init__(self, name=None, create=False, size=0, *, track=True):
        if size < 0:
            raise ValueError("'size' must be a positive integer")
        if create and size == 0:
            raise ValueError("'size' must be a positive number different from zero")
        if name is None and not create:
            raise ValueError("'name' can only be None if create=True")
        self._memory = self._make(name, size) if create else self._attach(name)
        self._buf = self._memory.buf

    @staticmethod
    def _make(name, size):
        flags = Shmobj.OpenFlags.EXCLUSIVE
        while name is None:
            try:
                return Shmobj.SharedMemory.new_for_name(_new_name(), flags, size)
            except Shmobj.Exists:
                continue
        return Shmobj.SharedMemory.new_for_name(name, flags, size)

    @staticmethod
    def _attach(name):
        return Shmobj.SharedMemory.new_for_name(name, Shmobj.OpenFlags.EXISTING, 0)

    @property
    def buf(self):
        """A memoryview of the contents; None after close()."""
        return self._buf

    @property
    def name(self):
        """What others attach it by."""
        return self._memory.name

    @property
    def size(self):
        """In bytes."""
        return self._memory.size

    def close(self):
        """Gives up this access. Views made of `buf` stay usable, the memory stays mapped for them."""
        self._buf = None
        self._memory.close()

    def unlink(self):
        """Removes the name. The memory goes when nobody has it open any more."""
        self._memory.unlink()

    def __reduce__(self):
        return (self.__class__, (self.name, False, self.size))

    def __repr__(self):
        return f"{self.__class__.__name__}({self.name!r}, size={self.size})"
