# SPDX-License-Identifier: LGPL-2.1-or-later
"""One queue and one list, used at once by a C, a Python, a JavaScript and a Vala process (bindings/examples/*/worker)."""

import subprocess
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from examples import commands

WORKERS = commands("worker")
ROUNDS = 2


class Workers(unittest.TestCase):
    def test_each_job_is_done_once_and_by_all_languages(self):
        manager = Shmobj.Manager.new("session")
        jobs = manager.queue("jobs")
        count = 3 * len(WORKERS) * ROUNDS

        # they wait before there is anything to do, so nobody takes it all
        started = [(name, subprocess.Popen(command)) for name, command in WORKERS.items() for _round in range(ROUNDS)]
        for number in range(1, count + 1):
            jobs.put(number)
        for name, process in started:
            self.assertEqual(process.wait(), 0, name)

        done = list(manager.list("done"))
        expected = [f"{number} squared is {number ** 2}" for number in range(1, count + 1)]
        self.assertEqual(sorted(line.split(": ")[1] for line in done), sorted(expected))
        for name in WORKERS:
            self.assertEqual(sum(line.startswith(name + ": ") for line in done), 3 * ROUNDS, name)
        self.assertTrue(jobs.is_empty())


if __name__ == "__main__":
    unittest.main()
