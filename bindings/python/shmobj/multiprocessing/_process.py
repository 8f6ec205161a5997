# SPDX-License-Identifier: LGPL-2.1-or-later
"""The standard library's processes. Starting one is followed by closing what was kept open for it
(see shmobj._sharing)."""

import multiprocessing
import multiprocessing.context

from .. import _sharing


class _Starting:
    def start(self):
        try:
            super().start()
        finally:
            _sharing.sweep()


class Process(_Starting, multiprocessing.Process):
    """multiprocessing.Process, by the default start method."""


class ForkProcess(_Starting, multiprocessing.context.ForkProcess):
    """multiprocessing.Process, forked."""


class SpawnProcess(_Starting, multiprocessing.context.SpawnProcess):
    """multiprocessing.Process, as a fresh interpreter."""


class ForkServerProcess(_Starting, multiprocessing.context.ForkServerProcess):
    """multiprocessing.Process, forked from a server that has nothing of ours."""


CLASSES = {"fork": ForkProcess, "spawn": SpawnProcess, "forkserver": ForkServerProcess}
