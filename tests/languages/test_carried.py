# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that Python sends through a pipe to JavaScript, and JavaScript to Python."""

import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, Shmobj

from shmobj import multiprocessing as mp

LONG = 60
SCRIPT = """
import Shmobj from 'gi://Shmobj?version=1';

const connection = Shmobj.Connection.take_inherited('connection');
const {jobs, done} = connection.receive();
jobs.put(['from JavaScript', 1]);
done[0].set();
const answers = new Shmobj.Queue();
answers.put('made by JavaScript');
connection.send({answers, fine: true});
connection.receive();
"""


class Carried(unittest.TestCase):
    def test_there_and_back(self):
        ours, theirs = mp.Pipe()
        path = Gio.File.new_tmp("carried-XXXXXX.js")[0].get_path()
        with open(path, "w") as file:
            file.write(SCRIPT)
        launcher = Gio.SubprocessLauncher()
        theirs.pass_to(launcher, "connection")
        child = launcher.spawnv(["gjs", "-m", path])
        launcher.close()
        theirs.close()

        jobs, event = mp.Queue(), mp.Event()
        ours.send({"jobs": jobs, "done": (event,)})
        self.assertEqual(jobs.get(timeout=LONG), ["from JavaScript", 1])
        self.assertTrue(event.wait(LONG))
        answer = ours.recv()
        self.assertIs(answer["fine"], True)
        self.assertEqual(answer["answers"].get(timeout=LONG), "made by JavaScript")
        ours.send("done")
        self.assertTrue(child.wait_check(None))
        with self.assertRaises(EOFError):
            ours.recv()
        Gio.File.new_for_path(path).delete(None)


NESTED = """
import Shmobj from 'gi://Shmobj?version=1';

const table = Shmobj.List.take_inherited('table');
const row = table.get(0);
row.set('seen', row.get('x').get(0));
const manager = table.get_manager();
const made = manager.list();
made.append(manager.value(null, 'deep'));
table.append(made);
"""


class Nested(unittest.TestCase):
    """What one language nests the other opens."""

    def test_there_and_back(self):
        manager = mp.Manager()
        table, row = manager.list(), manager.dict()
        row["x"] = manager.list([17])
        table.append(row)
        path = Gio.File.new_tmp("nested-XXXXXX.js")[0].get_path()
        with open(path, "w") as file:
            file.write(NESTED)
        launcher = Gio.SubprocessLauncher()
        table.pass_to(launcher, "table")
        self.assertTrue(launcher.spawnv(["gjs", "-m", path]).wait_check(None))
        launcher.close()
        self.assertEqual((row["seen"], table[1][0].value), (17, "deep"))
        Gio.File.new_for_path(path).delete(None)


if __name__ == "__main__":
    unittest.main()
