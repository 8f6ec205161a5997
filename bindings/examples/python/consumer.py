# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the queue that its parent gave it, the producer of any language, and prints the jobs."""

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

jobs = Shmobj.Shareable.take_inherited("jobs", Shmobj.Queue)

while (job := jobs.get()) is not False:  # no more will come
    print(f"Python: {job}", flush=True)
