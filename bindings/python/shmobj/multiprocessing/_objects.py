# SPDX-License-Identifier: LGPL-2.1-or-later
"""The objects that processes share, made as multiprocessing makes them: by functions."""

from .._library import Shmobj
from . import _barrier, _joinable, _rlock


def _for_python(thing):
    """As multiprocessing's own these carry whatever pickles, to readers as trusted as we are."""
    thing.allow_pickle = True
    return thing


def Queue(maxsize=0):
    """A queue for any number of processes at both ends. maxsize 0: bounded by memory only."""
    return _for_python(Shmobj.Queue.new(max(0, maxsize), 0))


def JoinableQueue(maxsize=0):
    """A queue with task_done() and join()."""
    return _joinable.JoinableQueue(Queue(maxsize))


def Pipe(duplex=True):
    """Two connections. With duplex=False the first one receives and the second one sends."""
    pipe = Shmobj.Pipe.new(duplex, 0)
    ends = _for_python(pipe.steal_start()), _for_python(pipe.steal_end())
    return ends if ends[0].readable else ends[::-1]


def Lock():
    """A lock that is freed when the process that holds it dies."""
    return Shmobj.Lock.new()


def RLock():
    """A lock that the thread which has it may take again; freed when the process that holds it dies."""
    return _rlock.RLock(Lock())


def Event():
    """A flag that processes wait for."""
    return Shmobj.Event.new()


def Semaphore(value=1):
    """So many units, which come back when a process dies that holds them."""
    return Shmobj.Semaphore.new(_units(value), 0)


def BoundedSemaphore(value=1):
    """A semaphore that is not released more often than it was acquired."""
    return Shmobj.Semaphore.new(_units(value), max(value, 1))


def _units(value):
    if value < 0:
        raise ValueError("A semaphore cannot begin with less than nothing")
    return value


def _namespace_of(shared):
    namespace = Namespace.__new__(Namespace)
    object.__setattr__(namespace, "_dict", shared)
    return namespace


class Namespace:
    """Attributes that processes share: the items of a shared dict. Those whose names begin with an underscore are this
    process's own."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._dict[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._dict[name] = value

    def __delattr__(self, name):
        if name.startswith("_"):
            object.__delattr__(self, name)
        elif self._dict.pop(name, self) is self:
            raise AttributeError(name)

    def __dir__(self):
        return [*object.__dir__(self), *self._dict.keys()]

    def __repr__(self):
        return f"Namespace({', '.join(f'{name}={value!r}' for name, value in self._dict.items())})"

    def __reduce__(self):
        return _namespace_of, (self._dict,)


def Condition(lock=None):
    """What those wait for who hold its lock, a Lock or an RLock; without one it makes its own Lock."""
    if isinstance(lock, _rlock.RLock):
        return _rlock.Condition(lock, Shmobj.Condition.new(lock.lock))
    return Shmobj.Condition.new(lock)


def Barrier(parties, action=None, timeout=None):
    """A place where so many parties wait for each other. The last one calls action before the others go on; timeout is
    for those that give none to wait()."""
    return _barrier.Barrier(Shmobj.Barrier.new(parties), action, timeout)


class Manager:
    """Makes lists, dicts and more that live as long as somebody uses them.

    There is no server process: what multiprocessing asks its manager's process for is in memory that
    all of them share."""

    def __init__(self):
        self._manager = Shmobj.Manager.new(None, None)

    def _open(self):
        if self._manager is None:
            raise Shmobj.Closed("The manager was shut down")
        return self._manager

    def list(self, sequence=(), /, *, name=None):
        """A shared list, with these items to begin with."""
        shared = _for_python(self._open().list(name))
        items = list(sequence)
        if items:
            shared.extend(items)
        return shared

    def dict(self, *args, **kwargs):
        """A shared dict, with the contents that dict(*args, **kwargs) has."""
        shared = _for_python(self._open().dict())
        contents = dict(*args, **kwargs)
        if contents:
            shared.update(contents)
        return shared

    def Value(self, typecode, value, lock=True):
        """A shared value with get(), set() and `.value`, and with add() and compare_and_set(), each of
        them in one step. As with multiprocessing's own manager the type code says nothing."""
        shared = _for_python(self._open().value())
        shared.set(value)
        return shared

    def Namespace(self, /, **attributes):
        """Shared attributes: `ns.x = 1` here is `ns.x` there."""
        return _namespace_of(self.dict(**attributes))

    def transaction(self, timeout=None):
        """with manager.transaction(): what is done in the block happens together or not at all."""
        return self._open().transaction(timeout)

    def Queue(self, maxsize=0):
        """A queue, as Queue() of the module makes it."""
        self._open()
        return Queue(maxsize)

    def JoinableQueue(self, maxsize=0):
        """A queue with task_done() and join(), as JoinableQueue() of the module makes it."""
        self._open()
        return JoinableQueue(maxsize)

    def Lock(self):
        """A lock, as Lock() of the module makes it."""
        self._open()
        return Lock()

    def RLock(self):
        """A lock, as RLock() of the module makes it."""
        self._open()
        return RLock()

    def Event(self):
        """An event, as Event() of the module makes it."""
        self._open()
        return Event()

    def Semaphore(self, value=1):
        """A semaphore, as Semaphore() of the module makes it."""
        self._open()
        return Semaphore(value)

    def BoundedSemaphore(self, value=1):
        """A semaphore with a limit, as BoundedSemaphore() of the module makes it."""
        self._open()
        return BoundedSemaphore(value)

    def Condition(self, lock=None):
        """A condition, as Condition() of the module makes it."""
        self._open()
        return Condition(lock)

    def Barrier(self, parties, action=None, timeout=None):
        """A barrier, as Barrier() of the module makes it."""
        self._open()
        return Barrier(parties, action, timeout)

    def shutdown(self):
        """Ends this manager. What it made stays usable by whoever has it."""
        self._manager = None

    def __enter__(self):
        self._open()
        return self

    def __exit__(self, *_):
        self.shutdown()
