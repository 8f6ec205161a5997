# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that end in a GLib main loop."""

import gi

gi.require_version("Shmobj", "1")
from gi.repository import GLib, Shmobj


def outcome(start, finish):
    """What finish says, or raises, of the call that start began."""
    loop, outcomes = GLib.MainLoop(), []

    def done(thing, result, *_):
        try:
            outcomes.append(finish(thing, result))
        except Shmobj.Error as error:
            outcomes.append(error)
        loop.quit()

    start(done)
    loop.run()
    return outcomes[0]


def run_until(condition):
    """Runs what the main loop has to do until the condition holds."""
    context = GLib.MainContext.default()
    while not condition():
        context.iteration(True)
