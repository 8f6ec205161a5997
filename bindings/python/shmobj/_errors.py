# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exceptions.

Each error of the library is a class of its own that is also the standard one for the case, so both
``except Shmobj.Empty`` and ``except queue.Empty`` catch it. All are ``Shmobj.Error``, and that is a
``GLib.Error``: domain, code and ``matches()`` are there as in every GNOME library.
"""

import queue
import threading

from gi.repository import Gio, GLib

DOMAIN = "shmobj-error-quark"
IO_DOMAIN = GLib.quark_to_string(Gio.io_error_quark())

# Codes of ShmobjError in their order (libshmobj/base/shmobj-error.h).
CODES = (
    "EMPTY",
    "FULL",
    "CLOSED",
    "PEER_GONE",
    "BUSY",
    "BROKEN",
    "WRONG_KIND",
    "INCOMPATIBLE",
    "CORRUPT",
    "FORKED",
    "NOT_REPRESENTABLE",
    "CONFLICT",
)


class Error(GLib.Error):
    """Any error of libshmobj."""

    DOMAIN = DOMAIN
    CODE = -1

    def __init__(self, message="", domain=None, code=None):
        domain = self.DOMAIN if domain is None else domain
        super().__init__(message, domain, self.CODE if code is None else code)

    def __str__(self):
        return self.message

    def __repr__(self):
        return f"Shmobj.{type(self).__name__}({self.message!r})"

    def __reduce__(self):
        return (type(self), (self.message, self.domain, self.code))

    def copy(self):
        return type(self)(self.message, self.domain, self.code)


for _number, _name in enumerate(CODES):
    setattr(Error, _name, _number)


class Empty(Error, queue.Empty):
    """There was nothing to get within the time given."""

    CODE = Error.EMPTY


class Full(Error, queue.Full):
    """There was no room to put within the time given."""

    CODE = Error.FULL


class Closed(Error, ValueError, OSError, *([queue.ShutDown] if hasattr(queue, "ShutDown") else [])):
    """This handle was closed, or the object was shut down for everybody."""

    CODE = Error.CLOSED


class PeerGone(Error, EOFError, BrokenPipeError):
    """Nobody holds the other end any more."""

    CODE = Error.PEER_GONE


class Busy(Error):
    """Somebody holds it; the message names who."""

    CODE = Error.BUSY


class Broken(Error, threading.BrokenBarrierError):
    """A party died or left, so that what was waited for cannot happen."""

    CODE = Error.BROKEN


class WrongKind(Error, TypeError):
    """The name or handle stands for an object of another kind."""

    CODE = Error.WRONG_KIND


class Incompatible(Error):
    """Made by another version, or a value that only another reader understands."""

    CODE = Error.INCOMPATIBLE


class Corrupt(Error):
    """Shared bytes that no version of the library writes."""

    CODE = Error.CORRUPT


class Forked(Error):
    """The object belongs to the parent process alone."""

    CODE = Error.FORKED


class NotRepresentable(Error, TypeError):
    """The value cannot be carried where it should go."""

    CODE = Error.NOT_REPRESENTABLE


class Conflict(Error):
    """Others have changed what a transaction stands on; nothing of it has happened, and it can be tried again."""

    CODE = Error.CONFLICT


class Cancelled(Error):
    """The cancellable was cancelled."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.CANCELLED)


class TimedOut(Error, TimeoutError):
    """It did not happen within the time given."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.TIMED_OUT)


class NotFound(Error, FileNotFoundError):
    """There is nothing of that name."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.NOT_FOUND)


class Exists(Error, FileExistsError):
    """There is something of that name already."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.EXISTS)


class PermissionDenied(Error, PermissionError):
    """The system, or a read-only handle, does not allow it."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.PERMISSION_DENIED)


class NoSpace(Error, OSError):
    """No memory or disk space is left for it."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.NO_SPACE)


class TooManyOpenFiles(Error, OSError):
    """This process may not open as many descriptors; close some."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.TOO_MANY_OPEN_FILES)


class MessageTooLarge(Error, ValueError):
    """More than would fit if everything were empty."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.MESSAGE_TOO_LARGE)


class InvalidArgument(Error, ValueError):
    """An argument that makes no sense; the message says which and why."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.INVALID_ARGUMENT)


class NotSupported(Error, NotImplementedError, OSError):
    """Not possible here; the message says what is."""

    DOMAIN, CODE = IO_DOMAIN, int(Gio.IOErrorEnum.NOT_SUPPORTED)


CLASSES = tuple(c for c in list(globals().values()) if isinstance(c, type) and issubclass(c, Error))

_by_code = {(c.DOMAIN, c.CODE): c for c in CLASSES if c is not Error}


def from_code(domain, code, message):
    """The exception for a GError that the extension met."""
    return _by_code.get((domain, code), Error)(message, domain, code)


def from_gerror(error):
    """The exception for a GError that PyGObject raised."""
    return error if isinstance(error, Error) else from_code(error.domain, error.code, error.message)


class NoSuchItem(NotFound, IndexError):
    """The index is outside of the list."""


class NoSuchValue(NotFound, ValueError):
    """No item of the list equals the value."""
