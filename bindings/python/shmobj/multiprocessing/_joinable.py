# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing.JoinableQueue, on messages that stay on record until they are done."""

import collections
import os


class JoinableQueue:
    """A queue that can be waited for until all that was put has been dealt with.

    Each get() is followed by a task_done() in the same process. A process that dies in between does
    not make join() hang: its tasks return to the queue, for others."""

    def __init__(self, queue):
        self._queue = queue
        self._begin()
        for name in ("put", "put_nowait", "qsize", "empty", "full", "close", "join_thread", "cancel_join_thread"):
            setattr(self, name, getattr(queue, name))

    def __reduce__(self):
        return (JoinableQueue, (self._queue,))

    def _begin(self):
        self._pid, self._tasks = os.getpid(), collections.deque()

    def get(self, block=True, timeout=None):
        """Takes the next task, and waits for one if need be."""
        message = self._queue.receive(timeout if block else 0)
        value = message.value
        if self._pid != os.getpid():
            self._begin()  # what the parent has got is the parent's
        self._tasks.append(message)
        return value

    def get_nowait(self):
        """Takes the next task, or raises Empty at once."""
        return self.get(False)

    def task_done(self):
        """Says that the task which this process has had longest is dealt with."""
        if self._pid != os.getpid() or not self._tasks:
            raise ValueError("task_done() called too many times")
        self._tasks.popleft().done()

    def join(self):
        """Waits until everything that was put is dealt with."""
        self._queue.join()
