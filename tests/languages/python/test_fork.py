# SPDX-License-Identifier: LGPL-2.1-or-later
"""No threads of ours, so nothing warns about fork, and a forked child uses everything at once."""

import os
import subprocess
import sys
import unittest

PROGRAM = """
import os, sys
from shmobj import multiprocessing as mp
from shmobj.multiprocessing import shared_memory
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

queue, lock, event = mp.Queue(), mp.Lock(), mp.Event()
left, right = mp.Pipe()
manager = mp.Manager()
numbers, names = manager.list([1]), manager.dict(a=1)
memory = Shmobj.SharedMemory(size=10)

def use_everything():
    queue.put(1); assert queue.get() == 1
    left.send(2); assert right.recv() == 2
    with lock: pass
    event.set(); assert event.wait(); event.clear()
    numbers.append(2); assert numbers.pop() == 2
    names["b"] = 2; assert names.pop("b") == 2
    memory.buf[0] = 1
    try: queue.get(timeout=0.01)
    except Shmobj.Empty: pass

use_everything()
assert len(os.listdir("/proc/self/task")) == 1, os.listdir("/proc/self/task")
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            use_everything()
            assert len(os.listdir("/proc/self/task")) == 1
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    children.append(os.waitpid(pid, 0)[1])
assert children == [0, 0, 0], children
use_everything()
print("done")
"""


class Fork(unittest.TestCase):
    def test_import_use_fork_raises_no_warning_and_starts_no_thread(self):
        result = subprocess.run(
            [sys.executable, "-W", "error::DeprecationWarning", "-c", PROGRAM], capture_output=True, text=True, check=False
        )
        self.assertEqual((result.stdout, result.stderr, result.returncode), ("done\n", "", 0))


if __name__ == "__main__":
    unittest.main()
