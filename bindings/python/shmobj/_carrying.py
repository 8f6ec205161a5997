# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects and descriptors through a connection.

An object may be anywhere in what is sent: as itself, in a list, as an item of a dict, in what only
Python can pickle. Values that other languages can read go as such, with handles inside (_handles),
which those make objects of, too.

This is the way that is taken when the short one, for values without objects, failed."""

from gi.repository import Gio, GLib

from . import _errors, _pickle, _values
from ._handles import carrying

BYTES, PICKLE = 1, 3  # of ShmobjFrameKind


def send(connection, value, timeout):
    """Sends what may have objects in it."""
    fds, data = Gio.UnixFDList(), None
    with carrying(fds):
        try:
            variant = _values.to_variant(value)
        except _errors.NotRepresentable:
            if not connection.allow_pickle or not hasattr(connection, "_send_pickle"):
                raise
            data = _pickle.dumps(value)
    if data is None:
        connection.send_with_fds(variant, fds, timeout)
    else:
        connection._send_pickle(data, fds, timeout)


def received(connection, kind, variant_type, data, fds):
    """The value of a message that came with descriptors. Those that are no object's are closed."""
    fds = Gio.UnixFDList.new_from_array(fds)
    if kind == BYTES:
        return data
    with carrying(fds, connection.allow_pickle):
        if kind == PICKLE:
            return _pickle.loads(data)
        if not GLib.VariantType.string_is_valid(variant_type) or not GLib.VariantType(variant_type).is_definite():
            raise _errors.Corrupt("A value has an impossible type")
        kind = GLib.VariantType(variant_type)
        return _values.from_variant(GLib.Variant.new_from_bytes(kind, GLib.Bytes.new(data), False))


def message_value(message):
    """The value of a message, with the objects in it."""
    with carrying(message.get_fd_list(), message.allow_pickle):
        return message.get_value()


def list_of(fds):
    """A list from descriptors, or from what has some."""
    if isinstance(fds, Gio.UnixFDList):
        return fds
    made = Gio.UnixFDList()
    for fd in fds:
        made.append(fd if isinstance(fd, int) else fd.fileno())
    return made


def methods(cls):
    send_with_fds, receive_with_fds = cls.send_with_fds, cls.receive_with_fds

    class Methods:
        def send_with_fds(self, obj, fds, timeout=None, cancellable=None):
            """Sends a value, and descriptors with it: numbers, what has a fileno(), or a Gio.UnixFDList."""
            send_with_fds(self, obj, list_of(fds), timeout, cancellable)

        def receive_with_fds(self, timeout=None, cancellable=None):
            """The next message, with its value and its descriptors; waits for one if need be."""
            message = receive_with_fds(self, timeout, cancellable)
            message.allow_pickle = self.allow_pickle
            return message

    return Methods
