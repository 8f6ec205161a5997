# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing with shared objects that need no server, no threads and no pickling to speak of.

    from shmobj import multiprocessing as mp

Processes are the standard library's, with all their start methods. Queue, Pipe, Lock, RLock, Event, Semaphore,
Condition, Barrier, Value, Array, Manager and shared_memory are libshmobj's, under the names and with the habits that they have there. What
libshmobj does not have is not here either: nothing silently stands in for anything.
"""

import multiprocessing as _standard
from multiprocessing import (
    AuthenticationError,
    BufferTooShort,
    ProcessError,
    TimeoutError,
    active_children,
    cpu_count,
    current_process,
    freeze_support,
    get_all_start_methods,
    get_logger,
    get_start_method,
    log_to_stderr,
    parent_process,
    set_executable,
    set_forkserver_preload,
    set_start_method,
)

from . import _process
from ._objects import (
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    JoinableQueue,
    Lock,
    Manager,
    Pipe,
    Queue,
    RLock,
    Semaphore,
)
from ._process import Process
from .sharedctypes import Array, RawArray, RawValue, Value

__all__ = [
    "Array",
    "AuthenticationError",
    "Barrier",
    "BoundedSemaphore",
    "BufferTooShort",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Process",
    "ProcessError",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "TimeoutError",
    "Value",
    "active_children",
    "cpu_count",
    "current_process",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_logger",
    "get_start_method",
    "log_to_stderr",
    "parent_process",
    "set_executable",
    "set_forkserver_preload",
    "set_start_method",
]


class _Context:
    """One start method with our objects: what get_context() gives."""

    AuthenticationError = AuthenticationError
    BufferTooShort = BufferTooShort
    ProcessError = ProcessError
    TimeoutError = TimeoutError

    Array = staticmethod(Array)
    Barrier = staticmethod(Barrier)
    BoundedSemaphore = staticmethod(BoundedSemaphore)
    Condition = staticmethod(Condition)
    Event = staticmethod(Event)
    JoinableQueue = staticmethod(JoinableQueue)
    Lock = staticmethod(Lock)
    Manager = staticmethod(Manager)
    Pipe = staticmethod(Pipe)
    Queue = staticmethod(Queue)
    RLock = staticmethod(RLock)
    RawArray = staticmethod(RawArray)
    RawValue = staticmethod(RawValue)
    Semaphore = staticmethod(Semaphore)
    Value = staticmethod(Value)

    active_children = staticmethod(active_children)
    current_process = staticmethod(current_process)
    parent_process = staticmethod(parent_process)

    def __init__(self, standard, process):
        self._standard = standard
        self.Process = process
        for name in (
            "cpu_count",
            "freeze_support",
            "get_logger",
            "get_start_method",
            "log_to_stderr",
            "set_executable",
            "set_forkserver_preload",
            "set_start_method",
        ):
            setattr(self, name, getattr(standard, name))

    def get_context(self, method=None):
        return self if method is None else get_context(method)


def get_context(method=None):
    """The default start method, or the one named, with everything this module has."""
    standard = _standard.get_context(method)
    name = standard.get_start_method() if method is None else method
    return _Context(standard, _process.CLASSES[name])
