# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same calls with the extension and without it: they give the same, raise the same, leave the same."""

import os
import subprocess
import sys
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "both_ways.py")


def lines(without):
    environment = {**os.environ, "SHMOBJ_PYTHON_NO_EXT": without}
    done = subprocess.run([sys.executable, PROGRAM], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


SEARCH = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
shared = Shmobj.Manager.new("both-ways").list("l")
assert "plain" in shared and shared.count(5) == 0
for search in (shared.index, shared.contains, shared.count, shared.remove):
    try:
        search({1})
    except Shmobj.NotRepresentable:
        continue
    raise SystemExit(f"{search} does not say that it cannot know")
del shared[-1:]
assert {1} not in shared and shared.count({1}) == 0
"""


class BothWays(unittest.TestCase):
    maxDiff = None

    def test_the_same(self):
        fast, plain = lines(""), lines("1")
        self.assertGreater(len(fast), 250)
        self.assertEqual([pair for pair in zip(fast, plain) if pair[0] != pair[1]], [])
        self.assertEqual(len(fast), len(plain))

    def test_without_it_nobody_says_that_a_pickle_is_not_there(self):
        shared = Shmobj.Manager.new("both-ways").list("l")
        shared.allow_pickle = True
        shared.extend(["plain", {1}])
        environment = {**os.environ, "SHMOBJ_PYTHON_NO_EXT": "1"}
        subprocess.run([sys.executable, "-c", SEARCH], env=environment, check=True)
        self.assertEqual(list(shared), ["plain"])


if __name__ == "__main__":
    unittest.main()
