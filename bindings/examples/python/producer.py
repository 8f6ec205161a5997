# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a queue, starts the program named on the command line as a child that has the queue, too, and puts three jobs.

The child is the consumer of any language:

    python3 bindings/examples/python/producer.py gjs -m bindings/examples/javascript/consumer.js
"""

import sys

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, Shmobj

jobs = Shmobj.Queue()
launcher = Gio.SubprocessLauncher()

jobs.pass_to(launcher, "jobs")
child = launcher.spawnv(sys.argv[1:])

for i in range(1, 4):
    jobs.put(f"job {i} from Python")
jobs.put(False)  # no more will come

child.wait_check()
