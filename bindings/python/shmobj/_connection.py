# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Connection, with the names and habits of multiprocessing.connection.Connection."""

from . import _errors, _sharing, _wrap


class Methods:
    allow_pickle = False

    def recv(self):
        """The next value; EOFError when nothing is left and the other end is gone."""
        return self.receive()

    def send_bytes(self, data, offset=0, size=None):
        """Sends bytes, or a part of them, as one message."""
        view = memoryview(data).cast("B")
        if offset < 0 or offset > len(view):
            raise ValueError("offset is outside of the data")
        size = len(view) - offset if size is None else size
        if size < 0 or offset + size > len(view):
            raise ValueError("offset and size are outside of the data")
        self.send(bytes(view[offset : offset + size]))

    def recv_bytes(self, maxlength=None):
        """The next message's bytes. OSError when it is longer than maxlength; it is then lost."""
        if maxlength is not None and maxlength < 0:
            raise ValueError("negative maxlength")
        data = self._receive_data()
        if maxlength is not None and len(data) > maxlength:
            self.close()
            raise OSError("bad message length")
        return data

    def recv_bytes_into(self, buffer, offset=0):
        """Puts the next message's bytes into a writable buffer; how many there were."""
        from multiprocessing import BufferTooShort

        view = memoryview(buffer).cast("B")
        if offset < 0:
            raise ValueError("negative offset")
        if offset > len(view):
            raise ValueError("offset too large")
        data = self._receive_data()
        if len(data) > len(view) - offset:
            raise BufferTooShort(data)
        view[offset : offset + len(data)] = data
        return len(data)

    def _receive_data(self):
        data = self.receive()
        if type(data) is not bytes:
            raise _errors.Incompatible(f"The message is no bytes but a {type(data).__qualname__}")
        return data

    @property
    def readable(self):
        return self.is_readable()

    @property
    def writable(self):
        return self.is_writable()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close(cls):
    """close(), after which copies for children that run by now are closed, too."""
    raw = cls.close

    def method(self):
        """Closes this end. What was sent stays readable at the other."""
        raw(self)
        _sharing.sweep()

    return method


def plain_methods(cls):
    send, receive, poll = cls.send, cls.receive, cls.poll

    def until_done(attempt):
        def step(left, last):
            try:
                return True, attempt(left / 1e6)
            except _errors.TimedOut:
                return False, None

        return _wrap.waiting(-1, step)

    class Plain:
        def send(self, value):
            """Sends a value, and waits for room if need be."""
            until_done(lambda left: send(self, value, left))

        def receive(self):
            """The next value; waits for one if need be."""
            return until_done(lambda left: receive(self, left))

        def poll(self, timeout=0.0):
            """Whether something can be received, within the time given."""

            def step(left, last):
                ready = poll(self, left / 1e6)
                return ready, ready

            return _wrap.waiting(_wrap.microseconds(timeout), step)

    return Plain
