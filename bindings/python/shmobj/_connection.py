# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Connection, with the names and habits of multiprocessing.connection.Connection."""

from gi.repository import GLib

from . import _cancelling, _carrying, _errors, _wrap


class Methods:
    allow_pickle = False

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
    def closed(self):
        return self.is_closed()

    @property
    def readable(self):
        return self.is_readable()

    @property
    def writable(self):
        return self.is_writable()

    def fileno(self):
        """A descriptor that is readable when there is something to receive (for an end that only sends:
        when there is room). For waiting, not for reading."""
        return self.get_fd(GLib.IOCondition.IN if self.readable else GLib.IOCondition.OUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def plain_methods(cls):
    """send, receive and poll without the extension."""
    send, send_bytes, receive, poll = cls.send, cls.send_bytes, cls.receive, cls.poll

    def poll_in_slices(connection, left):
        """In slices, because the call itself does not end at a Ctrl-C."""
        while left is None or left > 0.1:
            if poll(connection, 0.1):
                return True
            left = None if left is None else left - 0.1
        return poll(connection, left)

    def try_send(connection, value):
        if type(value) is bytes:
            send_bytes(connection, GLib.Bytes.new(value), 0)
        else:
            send(connection, value, 0)

    def try_receive(connection):
        try:
            return receive(connection, 0)
        except _errors.Incompatible:
            return connection.receive_with_fds(0).value

    class Plain:
        def send(self, obj, timeout=None, cancellable=None):
            """Sends a value, and waits for room if need be."""
            if cancellable:
                return _cancelling.connection_send(self, _wrap.microseconds(timeout), cancellable, obj)
            try:
                return _wrap.patiently(lambda: try_send(self, obj), _errors.TimedOut, _wrap.microseconds(timeout))
            except _errors.NotRepresentable:
                pass
            return _carrying.send(self, obj, timeout)

        def receive(self, timeout=None, cancellable=None):
            """The next value; waits for one if need be."""
            if cancellable:
                return _cancelling.connection_receive(self, _wrap.microseconds(timeout), cancellable)
            return _wrap.patiently(
                lambda: try_receive(self),
                _errors.TimedOut,
                _wrap.microseconds(timeout),
                lambda left: poll_in_slices(self, left),
            )

        recv = receive

        def poll(self, timeout=0.0, cancellable=None):
            """Whether something can be received, within the time given."""
            if cancellable:
                return _cancelling.connection_poll(self, _wrap.microseconds(timeout), cancellable)
            _wrap.microseconds(timeout)  # which says what is wrong with it
            return poll_in_slices(self, timeout)

    return Plain
