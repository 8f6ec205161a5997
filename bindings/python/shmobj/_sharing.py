# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passing objects to processes that `spawn` and `forkserver` start.

As with multiprocessing's own objects this is possible only while a process is being started, or
through a connection (shmobj._handles): the object becomes a handle whose descriptors the child
inherits. (Children made by `fork` just have the objects.)

The descriptors of a handle are copies, and multiprocessing wants them open until the child runs,
which is after the pickling. We keep them until then and no longer: a copy that stays open here would
hide from the other end of a pipe that everybody else has left. Nothing tells us when a child has
been started, so whoever passes by afterwards looks (sweep): `Process.start` of our drop-in, the next
pickling, and each `close`.
"""

import weakref

from gi.repository import Gio, GLib

from . import _asyncio, _errors, _handles, _values

_kept = []  # (weak reference to the Popen that starts a child, the descriptors it needs)


def sweep():
    """Closes what children that run by now have got."""
    if _kept:
        _kept[:] = [(popen, fds) for popen, fds in _kept if _is_starting(popen())]


def _is_starting(popen):
    return popen is not None and getattr(popen, "pid", None) is None


def closing(close):
    """A close() that ends what coroutines wait for on it, and after which copies for children that run by
    now are closed, too."""

    def method(self):
        try:
            close(self)
        finally:
            _asyncio.wake(self)
            sweep()

    method.__name__ = "close"
    method.__doc__ = close.__doc__
    return method


def _find_class(name):
    from gi.repository import Shmobj

    return getattr(Shmobj, name)


def _rebuild(name, kind, data, dup_fds, attributes):
    from gi.repository import Shmobj

    fds = Gio.UnixFDList.new_from_array([dup_fd.detach() for dup_fd in dup_fds])
    handle = GLib.Variant.new_from_bytes(GLib.VariantType(kind), GLib.Bytes.new(data), False)
    thing = Shmobj.Shareable.new_from_handle(_find_class(name).__gtype__, handle, fds)
    for attribute, value in attributes.items():
        setattr(thing, attribute, value)
    return thing


def reduce(thing):
    """What every shareable class has as __reduce__."""
    from multiprocessing import context, reduction

    attributes = {"allow_pickle": True} if getattr(thing, "allow_pickle", False) else {}
    carried = _handles.reduce(thing, attributes)
    if carried is not None:
        return carried
    if isinstance(thing, _values.CONTAINER) and context.get_spawning_popen() is None:
        raise _errors.NotRepresentable(
            f"A {type(thing).__name__} can be an item by itself of another container of its manager, or be passed to a "
            "process that is being started, but not lie inside of another value"
        )
    context.assert_spawning(thing)
    sweep()
    fds = Gio.UnixFDList.new()
    handle = thing.to_handle(fds)
    _kept.append((weakref.ref(context.get_spawning_popen()), fds))
    return (
        _rebuild,
        (
            type(thing).__name__,
            handle.get_type_string(),
            handle.get_data_as_bytes().get_data(),
            [reduction.DupFd(fd) for fd in fds.peek_fds()],
            attributes,
        ),
    )
