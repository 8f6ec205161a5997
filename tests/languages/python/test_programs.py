# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example programs, run as a user runs them, under every start method."""

import ast
import os
import re
import signal
import subprocess
import sys
import unittest

FOLDER = os.path.join(os.environ["SHMOBJ_SOURCE"], "bindings", "examples", "python")
METHODS = ("fork", "spawn", "forkserver")

# Runs a program as __main__, in which spawned children find its functions.
RUN = """
import multiprocessing, runpy, sys
multiprocessing.set_start_method(sys.argv[1])
runpy.run_path(sys.argv[2], run_name="__main__")
"""


def start(name, method, **more):
    return subprocess.Popen(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", RUN, method, os.path.join(FOLDER, name)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        **more,
    )


# Two processes print into one pipe, so their lines may run together, but each text is whole.
SENT = re.compile(r"Process 1 is sending data: (\d+|END)")
GOT = re.compile(r"Process 2 got `(\d+|END)` data")


class Seed(unittest.TestCase):
    def output_of(self, name, method):
        program = start(name, method)
        output = program.communicate()[0]
        self.assertEqual(program.returncode, 0)
        return output

    def test_queue(self):
        # its second process waits for ever, as the program is written: ended when all is printed
        values = [str(number) for number in range(10)]
        for method in METHODS:
            with self.subTest(method):
                program = start("seed_queue.py", method, stderr=subprocess.PIPE)
                output = ""
                while not (len(SENT.findall(output)) == len(GOT.findall(output)) == 10):
                    line = program.stdout.readline()
                    self.assertTrue(line, output)
                    output += line
                program.send_signal(signal.SIGINT)
                rest, errors = program.communicate()
                self.assertEqual(rest, "")
                self.assertTrue(errors.endswith("\nKeyboardInterrupt\n"), errors)
                self.assertEqual(SENT.findall(output), values)
                self.assertEqual(GOT.findall(output), values)

    def test_pipe(self):
        values = [*map(str, range(10)), "END"]
        for method in METHODS:
            with self.subTest(method):
                output = self.output_of("seed_pipe.py", method)
                self.assertEqual(SENT.findall(output), values)
                self.assertEqual(GOT.findall(output), values)

    def final_list(self, name, method):
        match = re.fullmatch(r"The final list is : (\[.*\])\n", self.output_of(name, method))
        return ast.literal_eval(match[1])

    def test_manager(self):
        for method in METHODS:
            with self.subTest(method):
                final = self.final_list("seed_manager.py", method)
                self.assertEqual([number for number in final if number < 10], list(range(10)))
                self.assertEqual([number for number in final if number >= 10], list(range(10, 20)))

    def test_lock(self):
        # whoever takes the lock first appends all of its numbers before the other one
        one, two = list(range(100)), list(range(100, 200))
        for method in METHODS:
            with self.subTest(method):
                self.assertIn(self.final_list("seed_lock.py", method), (one + two, two + one))

    def test_memory(self):
        for method in METHODS:
            with self.subTest(method):
                lines = self.output_of("seed_memory.py", method).splitlines()
                self.assertRegex(lines[0], "^psm_[0-9a-f]+$")
                self.assertFalse(os.path.exists("/dev/shm/" + lines[0]))
                self.assertEqual(len(lines), 8)  # numpy prints the corners of the array
                self.assertEqual(set(re.findall(r"\d+", "\n".join(lines[1:]))), {"255"})


if __name__ == "__main__":
    unittest.main()
