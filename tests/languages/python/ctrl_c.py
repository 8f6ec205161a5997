# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C for tests."""

import contextlib
import random
import signal
import threading
import time

LOOKS = (0.01, 0.06)  # irregular: what sleeps in slices would be met awake each time


def sleeps(thread):
    with open(f"/proc/self/task/{thread.native_id}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def press_when_asleep(ready):
    """A signal between the last look for signals and going to sleep is heard only at the end of the wait. So not before the
    main thread is asleep, twice in a row: in between it could have had the interpreter, if that was what it waited for."""
    main = threading.main_thread()
    ready.wait()
    in_a_row = 0
    while in_a_row < 2:
        time.sleep(random.uniform(*LOOKS))
        in_a_row = in_a_row + 1 if sleeps(main) else 0
    signal.pthread_kill(main.ident, signal.SIGINT)


@contextlib.contextmanager
def pressed(test, at_once):
    """The block waits, and is interrupted in less than @at_once seconds."""
    ready = threading.Event()
    thread = threading.Thread(target=press_when_asleep, args=(ready,))
    thread.start()
    before = time.monotonic()
    with test.assertRaises(KeyboardInterrupt):
        ready.set()
        yield
    thread.join()
    test.assertLess(time.monotonic() - before, at_once)
