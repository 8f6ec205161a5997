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

# The introspected Connection.poll, which the fast one replaces; shmobj._classes fills it in.
POLL = None


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


def _wait(attempt, give_up, get_fd, timeout_us, cancellable):
    _stop_if_cancelled(cancellable)
    if timeout_us == 0:
        return attempt()
    return _patiently(attempt, give_up, get_fd(), timeout_us, cancellable)


def _room_in(channel):
    return lambda: channel.get_fd(GLib.IOCondition.OUT)


def _messages_of(channel):
    return lambda: channel.get_fd(GLib.IOCondition.IN)


def queue_put(queue, timeout_us, cancellable, value):
    return _wait(lambda: queue.put(value, False), _errors.Full, _room_in(queue), timeout_us, cancellable)


def queue_get(queue, timeout_us, cancellable):
    return _wait(lambda: queue.get(False), _errors.Empty, _messages_of(queue), timeout_us, cancellable)


def connection_send(connection, timeout_us, cancellable, value):
    return _wait(lambda: connection.send(value, 0), _errors.TimedOut, _room_in(connection), timeout_us, cancellable)


def connection_receive(connection, timeout_us, cancellable):
    return _wait(lambda: connection.receive(0), _errors.TimedOut, _messages_of(connection), timeout_us, cancellable)


def connection_poll(connection, timeout_us, cancellable):
    """A look leaves the descriptor as it is, so this is the library's call, a moment at a time for Ctrl-C."""
    end = GLib.get_monotonic_time() + timeout_us
    while True:
        left = SLICE if timeout_us < 0 else max(0, end - GLib.get_monotonic_time()) / 1e6
        if POLL(connection, min(left, SLICE), cancellable):
            return True
        if timeout_us >= 0 and left <= SLICE:
            return False


def _in_time(attempt, thing, timeout_us, cancellable):
    """attempt(), as a bool, again and again."""

    def take():
        if not attempt():
            raise _errors.TimedOut("It was not possible in time")
        return True

    try:
        return _wait(take, _errors.TimedOut, thing.get_fd, timeout_us, cancellable)
    except _errors.TimedOut:
        return False


def lock_acquire(lock, timeout_us, cancellable):
    return _in_time(lambda: lock.acquire(False), lock, timeout_us, cancellable)


def event_wait(event, timeout_us, cancellable):
    return _in_time(lambda: event.wait(0), event, timeout_us, cancellable)


def begin_wait(condition):
    """A wait in parts, and what it is asked by: raises TimedOut until it is notified."""
    wait = condition.begin_wait()

    def attempt():
        if not condition.check_wait(wait):
            raise _errors.TimedOut("Nobody notified the condition in time")
        return True

    return wait, attempt


def _retake(lock):
    """What a signal handler raises meanwhile waits until the lock is held again."""
    raised = None
    while True:
        try:
            lock.acquire()
            break
        except _errors.Error:
            raise
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised


def in_parts(condition, sleep):
    """sleep(attempt) with the lock given back."""
    wait, attempt = begin_wait(condition)
    notified = False
    try:
        notified = sleep(attempt)
    finally:
        notified = notified or condition.end_wait(wait)
        try:
            _retake(condition.get_lock())
        finally:
            condition.end_wait(wait)
    return notified


def condition_wait(condition, timeout_us, cancellable):
    _stop_if_cancelled(cancellable)

    def sleep(attempt):
        try:
            return _wait(attempt, _errors.TimedOut, condition.get_fd, timeout_us, cancellable)
        except _errors.TimedOut:
            return False

    return in_parts(condition, sleep)
