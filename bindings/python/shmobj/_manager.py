# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Manager with short spellings: m.list("todo") for m.open_list("todo", flags, cancellable), and with
transactions as blocks."""

import weakref

from . import _asyncio, _errors, _wrap

SLICE = 0.1  # Python notices Ctrl-C only in between


def _begin(begin, timeout, cancellable):
    end = _wrap.end_of(timeout)
    while True:
        left = _wrap.left_of(end)
        try:
            return begin(SLICE if left is None else min(left, SLICE), cancellable)
        except _errors.Busy:
            if left is not None and left <= SLICE:
                raise


def _succeeds(function):
    function()
    return True


class Lines:
    """Who waits to begin a transaction of a manager, in each of asyncio's loops: they begin in their order."""

    def __init__(self, try_begin):
        self._try_begin, self._locks = try_begin, weakref.WeakKeyDictionary()

    async def begin(self, manager, end, cancellable):
        import asyncio

        lock = self._locks.setdefault(manager, weakref.WeakKeyDictionary()).setdefault(
            asyncio.get_running_loop(), asyncio.Lock())
        await self._first(lock, end, cancellable)
        try:
            return await _asyncio.looking(lambda: self._attempt(manager, cancellable), _errors.Busy, _wrap.left_of(end))
        finally:
            lock.release()

    async def _first(self, lock, end, cancellable):
        import asyncio

        left = _wrap.left_of(end)
        try:
            if left == 0 and lock.locked():
                raise TimeoutError
            await (lock.acquire() if not lock.locked() else self._turn(lock, left, cancellable))
        except (TimeoutError, asyncio.TimeoutError):
            raise _errors.Busy("Calls of transact_async() that were made before still wait for the manager") from None

    async def _turn(self, lock, left, cancellable):
        import asyncio

        if cancellable is None:
            return await asyncio.wait_for(lock.acquire(), left)
        loop, turn = asyncio.get_running_loop(), asyncio.ensure_future(lock.acquire())
        handler = cancellable.connect(lambda *_: loop.call_soon_threadsafe(turn.cancel))
        try:
            return await asyncio.wait_for(turn, left)
        except asyncio.CancelledError:
            if not cancellable.is_cancelled() or asyncio.current_task().cancelling():
                raise
            raise _errors.Cancelled("The call was cancelled") from None
        finally:
            cancellable.disconnect(handler)

    def _attempt(self, manager, cancellable):
        if cancellable is not None and cancellable.is_cancelled():
            raise _errors.Cancelled("The call was cancelled")
        return self._try_begin(manager)


class Transaction:
    """What a thread does to lists, dicts and values of the manager in this block happens together or not at
    all: at its end, or, after an exception or rollback(), never."""

    def __init__(self, begin, timeout, cancellable):
        self._begin, self._transaction = lambda: _begin(begin, timeout, cancellable), None

    def __enter__(self):
        if self._transaction:
            raise RuntimeError("This block has begun already; ask the manager for another transaction")
        self._transaction = self._begin()
        return self

    def __exit__(self, kind, *_):
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        if kind is None:
            transaction.commit()
        else:
            transaction.rollback()

    def rollback(self):
        """Takes back what was done in the block. What follows in it is outside."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.rollback()


def methods(module):
    default = module.OpenFlags.DEFAULT
    open_reference = module.Manager.open_reference
    begin = module.Manager.begin
    transact_async = module.Manager.transact_async
    lines = Lines(module.Manager.try_begin)

    async def transact(manager, function, end, cancellable):
        transaction = await lines.begin(manager, end, cancellable)
        with Transaction(lambda *_: transaction, 0, None):
            return function()

    class Methods:
        def list(self, name=None, flags=default):
            """The list of that name, made if there is none; without a name a new one."""
            return self.open_list(name, flags, None)

        def dict(self, name=None, flags=default):
            """The dict of that name, made if there is none; without a name a new one."""
            return self.open_dict(name, flags, None)

        def value(self, name=None, initial=None, flags=default):
            """The value of that name, made with that content if there is none."""
            return self.open_value(name, flags, initial, None)

        def queue(self, name=None, maxsize=0, capacity=0, flags=default):
            """The queue of that name, made with that size if there is none."""
            return self.open_queue(name, flags, maxsize, capacity, None)

        def open_reference(self, reference, flags=default):
            """The list, dict or value that a reference leads to (what get_reference() gives)."""
            return open_reference(self, reference, flags)

        def lock(self, name=None, flags=default):
            """The lock of that name, made if there is none."""
            return self.open_lock(name, flags, None)

        def event(self, name=None, flags=default):
            """The event of that name, made if there is none."""
            return self.open_event(name, flags, None)

        def semaphore(self, name=None, value=1, maximum=0, recovers=True, flags=default):
            """The semaphore of that name, made with so many units if there is none."""
            return self.open_semaphore(name, flags, value, maximum, recovers, None)

        def condition(self, name=None, flags=default):
            """The condition of that name, made with its lock if there is none."""
            return self.open_condition(name, flags, None)

        def barrier(self, name=None, parties=0, flags=default):
            """The barrier of that name, made for so many parties if there is none."""
            return self.open_barrier(name, flags, parties, None)

        def memory(self, name=None, size=0, flags=default):
            """The memory of that name, made with that size if there is none."""
            return self.open_memory(name, flags, size, None)

        def transaction(self, timeout=None, cancellable=None):
            """with manager.transaction(): what is done in the block happens together or not at all. Waits for
            others who change something, so many seconds at most; then raises Busy."""
            return Transaction(lambda *wait: begin(self, *wait), timeout, cancellable)

        def transact(self, function, timeout=None, cancellable=None):
            """Calls a function in a transaction, and gives back what it returns. An exception rolls back."""
            with self.transaction(timeout, cancellable):
                return function()

        def transact_async(self, function, timeout=None, cancellable=None, callback=None, *data):
            """Without a callback: a coroutine that waits for others who change something without blocking, then
            calls the function in a transaction, and gives back what it returns.

            With one: the call of the library, which ends in the main loop with transact_finish()."""
            if callback:
                return transact_async(self, timeout, lambda *_: _succeeds(function), (), cancellable, callback, *data)
            return transact(self, function, _wrap.end_of(timeout), cancellable)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            """Nothing to end: a manager is open for as long as somebody has it, or what it made."""

        def __contains__(self, name):
            return self.lookup(name) is not None

        def __repr__(self):
            return f"<Shmobj.Manager {self.get_address() or self.get_path()!r}>"

    return Methods
