# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.SharedMemory as a buffer.

A view keeps the memory mapped for as long as the view (or a numpy array on it) exists, also after
close(). It is made anew each time that `buf` is read: a view kept in the object would keep the
object."""

import ctypes


class Methods:
    @property
    def size(self):
        return self.get_size()

    @property
    def name(self):
        """Its POSIX name, without the slash; None for anonymous memory."""
        return self.get_name()

    def __len__(self):
        return self.get_size()

    def __bool__(self):
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def view_at(owner, address, size, read_only):
    """A memoryview that keeps its owner."""
    # a class of its own, because an instance of ctypes' own would not take the attribute
    view = type("View", (ctypes.c_ubyte * size,), {}).from_address(address)
    view.owner = owner
    view = memoryview(view).cast("B")
    return view.toreadonly() if read_only else view


def plain_methods(cls):
    class Plain:
        @property
        def buf(self):
            """A memoryview of all of it; None once it was closed."""
            address = self.get_address()
            return view_at(self, address, self.get_size(), self.is_read_only()) if address != 0 else None

    return Plain


def extension_methods(view):
    class Fast:
        @property
        def buf(self):
            """A memoryview of all of it; None once it was closed."""
            return view(self)

    return Fast
