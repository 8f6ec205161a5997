# SPDX-License-Identifier: LGPL-2.1-or-later
"""One queue, received from the bus service by Attach, between all languages (bindings/examples/*/attach), and a list
that all of them append to, seen from the bus."""

import subprocess
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj

from examples import commands

ATTACH = commands("attach")
EACH = 500
NAME = "org.shmobj.Manager1"


def start(language, *arguments):
    return subprocess.Popen([*ATTACH[language], *arguments], stdout=subprocess.PIPE, text=True)


def call(path, interface, method, arguments):
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    reply = bus.call_sync(NAME, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, -1, None)
    return reply.unpack()


class Matrix(unittest.TestCase):
    def setUp(self):
        # what the service shows is the session's manager: this is the same queue as in the programs
        self.queue = Shmobj.Manager.new("session").queue("numbers")
        self.assertTrue(self.queue.is_empty())

    def end(self, process):
        output, _ = process.communicate()
        self.assertEqual(process.returncode, 0, process.args)
        return output.splitlines()

    def test_each_language_gets_what_each_puts(self):
        for consumer in ATTACH:
            for producer in ATTACH:
                with self.subTest(f"{producer} to {consumer}"):
                    self.end(start(producer, "put", "1", "3"))
                    self.queue.put(False)
                    self.assertEqual(self.end(start(consumer, "get")), [f"{consumer}: {number}" for number in (1, 2, 3)])

    def test_each_number_arrives_once_when_all_are_at_it(self):
        consumers = [start(language, "get") for language in ATTACH for _two in range(2)]
        producers = [start(language, "put", str(i * EACH + 1), str((i + 1) * EACH)) for i, language in enumerate(ATTACH)]
        for producer in producers:
            self.end(producer)
        for _consumer in consumers:
            self.queue.put(False)
        got = [int(line.split(": ")[1]) for consumer in consumers for line in self.end(consumer)]
        self.assertEqual(sorted(got), list(range(1, len(ATTACH) * EACH + 1)))
        self.assertTrue(self.queue.is_empty())

    def test_all_append_to_a_list_that_the_bus_shows(self):
        manager = Shmobj.Manager.new("session")
        jobs = manager.queue("jobs")
        for number in range(1, 13):
            jobs.put(number)
        for worker in [subprocess.Popen(command) for command in commands("worker").values()]:
            self.assertEqual(worker.wait(), 0)
        arguments = GLib.Variant("(ssa{sv})", ("list", "done", {}))
        (path,) = call("/org/shmobj/Manager1", NAME, "Open", arguments)
        call(path, NAME + ".List", "Append", GLib.Variant("(v)", (GLib.Variant("s", "from the bus"),)))
        (done,) = call(path, NAME + ".List", "GetRange", GLib.Variant("(xx)", (0, 100)))
        self.assertEqual(done, list(manager.list("done")))
        self.assertEqual({line.split(": ")[0] for line in done}, {*ATTACH, "from the bus"})
        self.assertEqual(len(done), 13)


if __name__ == "__main__":
    unittest.main()
