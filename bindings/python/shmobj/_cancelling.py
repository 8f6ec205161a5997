# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that a Gio.Cancellable may end: `queue.get(timeout=5, cancellable=stop)`.

The usual way of these calls is made for speed and knows no cancellable. Here the attempts are calls
that do not wait, and between them Python sleeps by the descriptors of both. So one that was
cancelled has taken nothing, also when there was something, and Ctrl-C ends it at once.
"""

import math
import select
import time

from gi.repository import GLib

from . import _errors

SLICE = 0.1

# The introspected calls, which the fast ones replace; shmobj._classes fills them in.
introspected = {}


def _stop_if_cancelled(cancellable):
    if cancellable.is_cancelled():
        raise _errors.Cancelled("The call was cancelled")


def _patiently(attempt, give_up, fd, timeout_us, cancellable):
    end = GLib.get_monotonic_time() + timeout_us
    sleeper, pause = select.poll(), 0.0005
    sleeper.register(fd, select.POLLIN)
    sleeper.register(cancellable.get_fd(), select.POLLIN)
    try:
        while True:
            _stop_if_cancelled(cancellable)
            start = GLib.get_monotonic_time()
            try:
                return attempt()
            except give_up:
                left = None if timeout_us < 0 else (end - start) / 1000
                if left is not None and left <= 0:
                    raise
            sleeper.poll(None if left is None else math.ceil(left))
            if GLib.get_monotonic_time() - start < 1000:  # room, but not for what is large
                time.sleep(pause)
                pause = min(pause * 2, 0.02)
            else:
                pause = 0.0005
    finally:
        cancellable.release_fd()


def _wait(attempt, give_up, thing, condition, timeout_us, cancellable):
    _stop_if_cancelled(cancellable)
    if timeout_us == 0:
        return attempt()
    return _patiently(attempt, give_up, thing.get_fd(condition), timeout_us, cancellable)


def queue_put(queue, timeout_us, cancellable, value):
    condition = GLib.IOCondition.OUT
    return _wait(lambda: queue.put(value, False), _errors.Full, queue, condition, timeout_us, cancellable)


def queue_get(queue, timeout_us, cancellable):
    condition = GLib.IOCondition.IN
    return _wait(lambda: queue.get(False), _errors.Empty, queue, condition, timeout_us, cancellable)


def connection_send(connection, timeout_us, cancellable, value):
    condition = GLib.IOCondition.OUT
    return _wait(lambda: connection.send(value, 0), _errors.TimedOut, connection, condition, timeout_us, cancellable)


def connection_receive(connection, timeout_us, cancellable):
    condition = GLib.IOCondition.IN
    return _wait(lambda: connection.receive(0), _errors.TimedOut, connection, condition, timeout_us, cancellable)


def _in_time(call, thing, timeout_us, cancellable):
    """A call that knows cancellables and has the time-out as an answer, a moment at a time for Ctrl-C."""
    end = GLib.get_monotonic_time() + timeout_us
    while True:
        left = SLICE if timeout_us < 0 else max(0, end - GLib.get_monotonic_time()) / 1e6
        try:
            if call(thing, min(left, SLICE), cancellable) is not False:
                return True
        except _errors.TimedOut:
            pass
        if timeout_us >= 0 and left <= SLICE:
            return False


def connection_poll(connection, timeout_us, cancellable):
    return _in_time(introspected["poll"], connection, timeout_us, cancellable)


def lock_acquire(lock, timeout_us, cancellable):
    return _in_time(introspected["acquire"], lock, timeout_us, cancellable)


def event_wait(event, timeout_us, cancellable):
    return _in_time(introspected["wait"], event, timeout_us, cancellable)
