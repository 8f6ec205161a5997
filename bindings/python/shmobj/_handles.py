# SPDX-License-Identifier: LGPL-2.1-or-later
"""Handles of objects inside values, where descriptors go with them: through a connection.

A handle names its descriptors by their places in the message's list. While one value is converted,
the list is what `carrying` says; everywhere else an object is no value."""

import contextlib
import threading

from gi.repository import GLib

from . import _errors

TYPE = "(sa{sv}ah)"


class _Now(threading.local):
    fds = None
    allow_pickle = False


_now = _Now()


@contextlib.contextmanager
def carrying(fds, allow_pickle=False):
    """Within it objects are values; their descriptors go into, or come from, this list."""
    before = _now.fds, _now.allow_pickle
    _now.fds, _now.allow_pickle = fds, allow_pickle
    try:
        yield
    finally:
        _now.fds, _now.allow_pickle = before


def _shmobj():
    from gi.repository import Shmobj

    return Shmobj


def handle_of(value):
    """The handle that stands for an object now; None: it is none, or not to be carried."""
    if _now.fds is None or not isinstance(value, _shmobj().Shareable):
        return None
    try:
        return value.to_handle(_now.fds)
    except GLib.Error as error:
        raise _errors.from_gerror(error) from None


def object_of(handle):
    """The object that a received handle stands for; None: it is to be read as what it is."""
    if _now.fds is None:
        return None
    shareable = _shmobj().Shareable
    try:
        thing = shareable.new_from_handle(shareable.__gtype__, handle, _now.fds)
    except GLib.Error as error:
        raise _errors.from_gerror(error) from None
    if _now.allow_pickle and hasattr(thing, "allow_pickle"):
        thing.allow_pickle = True
    return thing


def _unpickle(data, attributes):
    thing = object_of(GLib.Variant.new_from_bytes(GLib.VariantType(TYPE), GLib.Bytes.new(data), False))
    if thing is None:
        raise _errors.Incompatible("This pickle came through a connection, with descriptors; it cannot be read alone")
    for attribute, value in attributes.items():
        setattr(thing, attribute, value)
    return thing


def reduce(thing, attributes):
    """What __reduce__ gives while something is carried; None: nothing is."""
    handle = handle_of(thing)
    return handle and (_unpickle, (handle.get_data_as_bytes().get_data(), attributes))
