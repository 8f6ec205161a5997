# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Listener, with the habits of multiprocessing.connection.Listener, and calling one."""

import time

from gi.repository import Gio, GLib

from . import _wrap

PAUSE_MAX = 0.02


class Methods:
    @property
    def closed(self):
        return self.is_closed()

    def fileno(self):
        """A descriptor that is readable when somebody calls. For waiting, not for reading."""
        return self.get_fd()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def call(cls):
    """Connection.new_for_name, which keeps its place among the callers while Python looks for Ctrl-C.

    The main loop must call nothing of Python's: a KeyboardInterrupt in there would be lost. So we sleep
    outside of it, and what it calls is a method of dict."""
    start, finish = cls.new_for_name_async, cls.new_for_name_finish

    def wait(context, results):
        pause = 0.0005
        while not results:
            if not context.iteration(False) and not results:
                time.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX)

    def new_for_name(name, timeout=None, cancellable=None):
        """Calls the listener of that name, and waits until it accepts."""
        stop, context, results = Gio.Cancellable(), GLib.MainContext(), {}
        follow = cancellable.connect(lambda *_: stop.cancel()) if cancellable else 0
        context.push_thread_default()
        try:
            start(name, _wrap.microseconds(timeout), stop, results.setdefault)
            try:
                wait(context, results)
            except BaseException:
                stop.cancel()
                wait(context, results)
                raise
        finally:
            context.pop_thread_default()
            if follow:
                cancellable.disconnect(follow)
        return finish(*results.values())

    return staticmethod(new_for_name)
