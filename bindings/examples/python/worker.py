# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes three numbers from the queue "jobs" of this session and appends what it made of them to the list "done".

The same program is next door in C, JavaScript and Vala; any number of each may run at once.
"""

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

manager = Shmobj.Manager.new("session", None)
jobs = manager.queue("jobs")
done = manager.list("done")

for _ in range(3):
    number = jobs.get(timeout=10)
    done.append(f"Python: {number} squared is {number**2}")
