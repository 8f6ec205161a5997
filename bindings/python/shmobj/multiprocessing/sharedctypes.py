# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing.sharedctypes: numbers, structures and arrays of ctypes in shared memory.

The classes that one sees are the standard library's, and behave like them. The memory is libshmobj's: reserved before
it is touched, and gone with its last user, whatever kills him. The lock is one that a dead holder does not keep.

What is small shares a segment with others of its process: a thousand values cost a few descriptors."""

import ctypes
import os
import threading
from multiprocessing import sharedctypes as _standard

from .._library import Shmobj
from ._rlock import RLock

__all__ = ["Array", "RawArray", "RawValue", "Value", "copy", "synchronized"]

CHUNK = 64 * 1024
SMALL = 1024
ALIGNMENT = 64  # values that different processes write are not to share a cache line


class _Block:
    """What the standard library wants of the memory that a ctypes object lies in."""

    def __init__(self, memory, offset, size):
        self._where = memory, offset, size

    def __reduce__(self):
        return (_Block, self._where)

    def create_memoryview(self):
        memory, offset, size = self._where
        return memory.buf[offset : offset + size]


class _Heap:
    def __init__(self):
        self._lock, self._memory, self._used = threading.Lock(), None, CHUNK

    def allocate(self, size):
        if size > SMALL:
            return _Block(Shmobj.SharedMemory.new(size), 0, size)
        with self._lock:
            if self._used + size > CHUNK:
                self._memory, self._used = Shmobj.SharedMemory.new(CHUNK), 0
            block = _Block(self._memory, self._used, size)
            self._used += -(-size // ALIGNMENT) * ALIGNMENT
        return block


_heap = _Heap()
# what is left of the parent's segment is the parent's
os.register_at_fork(after_in_child=_heap.__init__)


def _new(type_):
    return _standard.rebuild_ctype(type_, _heap.allocate(max(1, ctypes.sizeof(type_))), None)


def _type_of(typecode_or_type):
    return _standard.typecode_to_type.get(typecode_or_type, typecode_or_type)


def RawValue(typecode_or_type, *args):
    """A ctypes object in shared memory, without a lock."""
    value = _new(_type_of(typecode_or_type))
    value.__init__(*args)
    return value


def RawArray(typecode_or_type, size_or_initializer):
    """A ctypes array in shared memory, without a lock."""
    if isinstance(size_or_initializer, int):
        return _new(_type_of(typecode_or_type) * size_or_initializer)
    array = _new(_type_of(typecode_or_type) * len(size_or_initializer))
    array.__init__(*size_or_initializer)
    return array


def synchronized(obj, lock=None):
    """The object with a lock, which each of its calls takes."""
    return _standard.synchronized(obj, RLock(Shmobj.Lock.new()) if lock is None else lock)


def _locked(obj, lock):
    if lock is False:
        return obj
    lock = None if lock is True else lock
    if lock is not None and not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(obj, lock)


def Value(typecode_or_type, *args, lock=True):
    """A number or structure in shared memory. `with value.get_lock(): value.value += 1` is one step for others."""
    return _locked(RawValue(typecode_or_type, *args), lock)


def Array(typecode_or_type, size_or_initializer, *, lock=True):
    """An array of numbers in shared memory, of that size or with these contents."""
    return _locked(RawArray(typecode_or_type, size_or_initializer), lock)


def copy(obj):
    """A copy in shared memory of a ctypes object."""
    copied = _new(type(obj))
    ctypes.pointer(copied)[0] = obj
    return copied
