# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks of a queue's memory that are written and read where they are.

    with frames.loan(1920 * 1080 * 4) as block:
        numpy.frombuffer(block, numpy.uint8)[:] = picture

    with frames.take() as block:
        show(numpy.frombuffer(block, numpy.uint8))

`block` is a memoryview. The end of the block puts what was lent and releases what was taken; an
exception in it gives either back. A view, or a numpy array on it, keeps the memory mapped, but what
lies there is another's once the block has ended."""

import operator

from . import _asyncio, _errors, _memory


def _bytes(number, name):
    """A number of bytes, as introspection wants it."""
    try:
        number = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is a number of bytes, not {number!r}") from None
    if number < 0:
        raise ValueError(f"{name} is a number of bytes from 0 on, not {number}")
    return min(number, 2**64 - 1)  # which is too much for any queue, as it then says


def _no_loan(thing):
    kind = type(thing).__qualname__
    try:
        memoryview(thing)
    except TypeError:
        return f"put_loan() takes what queue.loan() gave, not {kind}"
    return (
        f"put_loan() takes what queue.loan() gave, not its memory ({kind}): keep it, as in loan = queue.loan(size), "
        f"fill loan.buf and put_loan(loan); or use `with queue.loan(size) as block:`, whose end puts it"
    )


class Methods:
    @property
    def size(self):
        """How many bytes were asked for, or were put."""
        return self.get_size()

    @property
    def redelivered(self):
        """How often the message was given back, or left by a reader that died."""
        return self.get_redelivered()

    def __len__(self):
        return self.get_size()

    def __bool__(self):
        return True

    def __reduce__(self):
        raise TypeError("A loan goes by queue.put_loan(loan), without a copy; its bytes are bytes(loan.buf)")

    def __enter__(self):
        view = self.buf
        if view is None:
            raise _errors.Closed("The block is over: it was put, released or given back, and cannot be entered")
        self._entered = view
        return view

    def _is_to_be_put(self, kind):
        """The end of a block, up to what may have to wait."""
        view = self.__dict__.pop("_entered", None)
        try:
            if view is not None:
                view.release()
        except BufferError:
            pass  # an array was made of it, and is still there
        if self.get_address() == 0:
            return False  # put or released by hand
        if kind is not None:
            self.give_back()
        elif self.is_taken():
            self.release()
        else:
            return True
        return False

    def __exit__(self, kind, *_):
        if self._is_to_be_put(kind):
            self.queue.put_loan(self)

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, kind, *_):
        if self._is_to_be_put(kind):
            await self.queue.put_loan_async(self)


def queue_methods(cls, loan_class):
    loan, loan_async, loan_finish = cls.loan, cls.loan_async, cls.loan_finish
    put_loan, put_loan_async = cls.put_loan, cls.put_loan_async

    def used(block, size):
        if not isinstance(block, loan_class):
            raise TypeError(_no_loan(block))
        return block.get_size() if size is None else _bytes(size, "size")

    class Queue:
        def loan(self, size, timeout=None, cancellable=None):
            """Borrows a block to write a message to."""
            block = loan(self, _bytes(size, "size"), timeout, cancellable)
            block.queue = self
            return block

        def loan_async(self, size, timeout=None, cancellable=None, callback=None, *data):
            """The same as a coroutine, or with a callback by the library, which ends with loan_finish()."""
            if callback:
                return loan_async(self, _bytes(size, "size"), timeout, cancellable, callback, *data)
            return _asyncio.looking(lambda: self.loan(size, 0), _errors.Full, timeout)

        def loan_finish(self, result):
            """What loan_async() with a callback came to."""
            block = loan_finish(self, result)
            block.queue = self
            return block

        def put_loan(self, block, size=None, timeout=None, cancellable=None):
            """Puts a block that was lent, or its first `size` bytes, without a copy."""
            put_loan(self, block, used(block, size), timeout, cancellable)

        def put_loan_async(self, block, size=None, timeout=None, cancellable=None, callback=None, *data):
            """The same as a coroutine, or with a callback by the library, which ends with put_loan_finish()."""
            if callback:
                return put_loan_async(self, block, used(block, size), timeout, cancellable, callback, *data)
            return _asyncio.when_writable(self, lambda: self.put_loan(block, size, 0), timeout)

    return Queue


def plain_methods(cls):
    class Plain:
        @property
        def buf(self):
            """A memoryview of it; None once it is not ours any more."""
            if self.get_address() == 0:
                return None
            return _memory.view_at(self, self.get_address(), self.get_size(), self.is_taken())

    return Plain


def extension_methods(view):
    class Fast:
        @property
        def buf(self):
            """A memoryview of it; None once it is not ours any more."""
            return view(self)

    return Fast
