# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page Values: in each row, the columns of all languages are one and the same GVariant."""

import os
import subprocess
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import GLib, Shmobj  # noqa: F401 (finds the package shmobj)
from shmobj import _values

import page

HERE = os.path.dirname(os.path.abspath(__file__))
VALA = os.path.join(os.environ["SHMOBJ_BUILD"], "tests", "languages", "print-values")


def lines(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Page(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.rows = page.rows("What becomes what")
        assert len(cls.rows) > 20
        # what Python makes of its column is what the others are compared with
        values = [eval(page.code(row[page.PYTHON]), {"GLib": GLib}) for row in cls.rows]
        cls.expected = {row[page.NAME]: _values.to_variant(value).print_(True) for row, value in zip(cls.rows, values)}

    def compare(self, column, command):
        given = [row for row in self.rows if row[column] != "–"]
        found = lines(command(page.code(row[column]) for row in given))
        names = [row[page.NAME] for row in given]
        self.assertGreater(len(names), 20)
        self.assertEqual(dict(zip(names, found)), {name: self.expected[name] for name in names})

    def test_javascript(self):
        self.compare(page.JAVASCRIPT, lambda cells: ["gjs", "-m", os.path.join(HERE, "javascript", "print-values.js"), *cells])

    def test_vala(self):
        # the program was made from the column when the tests were built
        self.compare(page.VALA, lambda _cells: [VALA])


if __name__ == "__main__":
    unittest.main()
