# SPDX-License-Identifier: LGPL-2.1-or-later
"""The protocols as models that Spin searches completely, and each model without a vital step, where it must find the fault."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DEPTH = 200000


class Models(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def search(self, model, without=None):
        """Spin's report, and how many errors it found, which is at most one."""
        shutil.copy(os.path.join(HERE, model), self.folder.name)
        define = [f"-D{without}"] if without else []
        claims = ["-a", "-f"] if "ltl " in open(os.path.join(HERE, model), encoding="utf-8").read() else []
        run = subprocess.run(["spin", *define, "-search", *claims, "-O1" if without else "-O2", "-n", f"-m{DEPTH}", model],
                             cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        found = re.search(r"errors: (\d+)", run.stdout)
        self.assertIsNotNone(found, run.stdout)
        self.assertNotIn("max search depth too small", run.stdout)
        self.assertNotIn("Search not completed", run.stdout if found[1] == "0" else "")
        return run.stdout, int(found[1])

    def check(self, model, *vital):
        """@model holds; it does not with any one of its changes, and its essay names them all."""
        text = open(os.path.join(HERE, model), encoding="utf-8").read()
        self.assertEqual(set(re.findall(r"^ \*   ([A-Z_]+)  ", text, re.MULTILINE)), set(vital))
        report, errors = self.search(model)
        self.assertEqual(errors, 0, report)
        states = int(re.search(r"(\d+) states, stored", report)[1])
        self.assertGreater(states, 10000, report)
        print(f"# {model}: {states} states")
        for change in vital:
            report, errors = self.search(model, change)
            self.assertEqual(errors, 1, f"{model} with {change} was not found to be wrong\n{report}")
            self.assertRegex(report, "assertion violated|acceptance cycle")

    def test_ring(self):
        self.check("ring.pml", "IN_PLACE", "EARLY", "ONE_LOOK", "NO_ASKING")

    def test_waiting(self):
        self.check("waiting.pml", "TWO_STEPS", "NO_GUARD", "ONLY_THE_DEAD", "NO_TAKEOVER")

    def test_lock(self):
        self.check("lock.pml", "BY_STORE", "SILENT", "NO_GENERATION", "NO_TAKEOVER")

    def test_condition(self):
        self.check("condition.pml", "LATE", "EARLY", "UNSEEN", "EMPTY_FIRST", "BY_STORE")


if __name__ == "__main__":
    unittest.main()
