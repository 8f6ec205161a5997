# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: what it prints, how it ends, and what it does while others use, hold or die."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

SHMOBJ = os.path.join(os.environ["SHMOBJ_BUILD"], "tools", "shmobj")

# makes a private manager with a list in it, says where it is, and waits to be killed
PRIVATE = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
manager = Shmobj.Manager.new(None)
manager.list("kept").append(1)
print(manager.get_path(), flush=True)
input()
"""

COUNT = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
Shmobj.Manager.new("session").value("n", 41).add(1)
"""

PLACES = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
with Shmobj.Manager.new("session").semaphore("places", value=3, maximum=4):
    print("in", flush=True)
    input()
"""

FILL = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
manager = Shmobj.Manager.new("session")
items = manager.list("items")
items.extend([*range(3000), "text", 2**63, (1, [2.5, None]), b"bytes", "x" * 300000])
inner = manager.dict()
inner["deep"] = [1, 2]
items.append(inner)
settings = manager.dict("settings")
settings.update({"b": 1, "a": 2})
settings[5] = "five"
manager.value("count", 7)
manager.queue("jobs", 10).put(1)
"""

# what all containers of a manager hold, inner ones too
TELL = """
import sys, gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
manager = Shmobj.Manager.new(sys.argv[1])
items = list(manager.list("items"))
print([*items[:-1], list(items[-1].items())], list(manager.dict("settings").items()), manager.value("count").get())
"""


CIRCLE = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
circle = Shmobj.Manager.new("session").list()
circle.append(circle)
"""


def start(*words, **options):
    return subprocess.Popen([SHMOBJ, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run(*words):
    done = subprocess.run([SHMOBJ, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        os.environ["XDG_RUNTIME_DIR"] = self.folder.name

    def good(self, *words):
        status, out, error = run(*words)
        self.assertEqual((status, error), (0, ""), words)
        return out

    def bad(self, *words, status=1):
        found, out, error = run(*words)
        self.assertEqual((found, out), (status, ""), words)
        self.assertTrue(error.startswith("shmobj: "), error)
        return error

    def test_dict(self):
        self.good("dict", "set", "config", "theme", "dark")
        self.good("dict", "set", "config", "sizes", "[1, 2]")
        self.assertEqual(self.good("dict", "get", "config", "sizes"), "[1, 2]\n")
        self.assertEqual(self.good("show", "config"), "'theme': 'dark'\n'sizes': [1, 2]\n")
        self.assertEqual(json.loads(self.good("--json", "show", "config")), {"theme": "dark", "sizes": [1, 2]})
        self.good("dict", "set", "config", "--", "-5", "'minus five'")
        self.assertEqual(json.loads(self.good("-j", "show", "config"))[2], [-5, "minus five"])
        self.assertIn("none", self.bad("dict", "get", "config", "none"))

    def test_list(self):
        self.good("append", "todo", "milk", "7", "{'a': <true>}")
        self.assertEqual(self.good("show", "todo"), "'milk'\n7\n{'a': <true>}\n")
        self.assertEqual(json.loads(self.good("show", "-j", "todo")), ["milk", 7, {"a": True}])

    def test_value(self):
        subprocess.run(["/usr/bin/python3", "-c", COUNT], check=True)
        self.assertEqual((self.good("show", "n"), self.good("show", "-j", "n")), ("int64 42\n", "42\n"))
        self.good("value", "set", "n", "{'a': <1>}")
        self.assertEqual((self.good("value", "get", "n"), json.loads(self.good("-j", "value", "get", "n"))), ("{'a': <1>}\n", {"a": 1}))
        self.good("value", "set", "--", "new", "-5")
        self.assertEqual(self.good("value", "get", "new"), "-5\n")
        self.assertIn("“x”", self.bad("value", "get", "x"))
        self.bad("value", "set", "n", status=2)

    def test_queue(self):
        self.good("queue", "put", "jobs", "1", "two")
        self.assertEqual(self.good("queue", "get", "jobs"), "1\n")
        self.assertEqual(self.good("queue", "get", "jobs"), "'two'\n")
        self.assertIn("empty", self.bad("-t", "0", "queue", "get", "jobs"))
        statistics = json.loads(self.good("-j", "show", "jobs"))
        self.assertEqual((statistics["puts"], statistics["gets"]), (2, 2))

    def test_a_get_waits_and_is_seen_waiting(self):
        self.good("queue", "put", "jobs", "0")
        self.good("queue", "get", "jobs")
        with start("queue", "get", "jobs") as waiting:
            # it waits as soon as it is listed as one who does
            while [entry["role"] for entry in json.loads(self.good("-j", "who", "jobs"))] != ["waits for a message"]:
                pass
            self.good("queue", "put", "jobs", "here")
            self.assertEqual(waiting.communicate()[0], "'here'\n")

    def test_objects_of_all_managers(self):
        self.assertEqual(json.loads(self.good("-j", "list")), [])
        self.good("append", "todo", "1", "2", "3")
        self.good("-m", "other", "dict", "set", "config", "a", "1")
        self.assertEqual(json.loads(self.good("-j", "list")), [
            {"manager": "other", "name": "config", "kind": "dict", "size": 1},
            {"manager": "session", "name": "todo", "kind": "list", "size": 3}])
        self.assertEqual(self.good("-m", "other", "list").split(), "MANAGER NAME KIND SIZE other config dict 1".split())
        self.good("remove", "todo")
        self.assertEqual(len(json.loads(self.good("-j", "list"))), 1)

    def test_durable(self):
        path = os.path.join(self.folder.name, "kept")
        self.good("-m", path, "append", "log", "first")
        self.assertEqual(self.good("-m", path, "show", "log"), "'first'\n")

    def test_lock_runs_a_command(self):
        status, out, _error = run("lock", "build", "--", "sh", "-c", "echo done; exit 7")
        self.assertEqual((status, out), (7, "done\n"))
        self.assertEqual(self.good("show", "build"), "locked: false\n")
        self.assertIn("no-such-command", self.bad("lock", "build", "--", "no-such-command"))
        self.assertEqual(self.good("show", "build"), "locked: false\n")

    def test_lock_excludes_and_survives_its_holder(self):
        with start("lock", "build", "--", "cat", start_new_session=True) as holder:
            holder.stdin.write("in\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "in\n")
            who = json.loads(self.good("-j", "who", "build"))
            self.assertEqual([(entry["pid"], entry["role"]) for entry in who], [(holder.pid, "holds the lock")])
            self.assertIn(str(holder.pid), self.bad("-t", "0.01", "lock", "build", "--", "true"))
            with start("lock", "build", "--", "true", start_new_session=True) as waiter:
                # it waits as soon as it is listed as one who does
                while (waiter.pid, "waits for the lock") not in [(one["pid"], one["role"]) for one in json.loads(self.good("-j", "who", "build"))]:
                    pass
                os.killpg(waiter.pid, signal.SIGKILL)
            self.assertEqual([one["pid"] for one in json.loads(self.good("-j", "who", "build"))], [holder.pid])
            os.killpg(holder.pid, signal.SIGKILL)
        status, _out, error = run("lock", "build", "--", "true")
        self.assertEqual(status, 0)
        self.assertIn("died", error)

    def test_semaphore(self):
        with subprocess.Popen(["/usr/bin/python3", "-c", PLACES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
            self.assertEqual(user.stdout.readline(), "in\n")
            self.assertEqual(sorted(self.good("show", "places").splitlines()), ["maximum: 4", "recovers: true", "value: 2"])
            who = json.loads(self.good("-j", "who", "places"))
            self.assertEqual([(one["pid"], one["role"]) for one in who], [(user.pid, "holds 1 of the semaphore")])
            user.communicate("\n")
        self.assertEqual(json.loads(self.good("-j", "show", "places")), {"value": 3, "maximum": 4, "recovers": True})
        self.assertEqual(json.loads(self.good("-j", "who", "places")), [])

    def test_clean(self):
        with subprocess.Popen(["/usr/bin/python3", "-c", PRIVATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
            path = user.stdout.readline().strip()
            self.assertTrue(os.path.isdir(path), path)
            self.assertEqual(self.good("clean"), "")
            user.kill()
        self.assertEqual(self.good("clean", "--dry-run"), f"would remove {path}\n")
        self.assertEqual(self.good("clean"), f"removed {path}\n")
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.good("clean"), "")

    def test_clean_finds_circles(self):
        subprocess.run(["/usr/bin/python3", "-c", CIRCLE], check=True)
        self.assertEqual(self.good("clean", "--dry-run"), "would remove 1 objects of session\n")
        self.assertEqual(json.loads(self.good("-j", "clean", "-m", "session")), [{"manager": "session", "objects": 1}])
        self.assertEqual(self.good("clean"), "")
        self.assertIn("none", self.bad("clean", "-m", "none"))

    def test_what_is_wrong_is_named(self):
        self.assertIn("session", self.bad("show", "x"))
        self.assertEqual(os.listdir(self.folder.name), ["shmobj"])
        self.assertEqual(os.listdir(os.path.join(self.folder.name, "shmobj")), [])
        self.good("append", "todo", "1")
        self.assertIn("“x”", self.bad("show", "x"))
        self.assertIn("“x”", self.bad("who", "x"))
        self.assertIn("“x”", self.bad("remove", "x"))
        self.assertIn("todo", self.bad("queue", "get", "todo"))
        self.assertIn("a/b", self.bad("append", "a/b", "1"))

    def test_usage(self):
        for words in ([], ["frob"], ["show"], ["show", "a", "b"], ["queue", "frob", "a"], ["queue", "put", "a"], ["lock", "a"],
                      ["lock", "a", "--"], ["--frob"], ["list", "--timeout", "soon"]):
            self.bad(*words, status=2)

    def tell(self, manager):
        return subprocess.run(["/usr/bin/python3", "-c", TELL, manager], capture_output=True, text=True, check=True).stdout

    def exported(self):
        """A file with what FILL made in the session's manager."""
        path = os.path.join(self.folder.name, "file")
        subprocess.run(["/usr/bin/python3", "-c", FILL], check=True)
        self.assertEqual(run("export", "session", path), (0, "", "not in the file: queue jobs\n"))
        return path

    def test_export_and_import(self):
        path, disk = self.exported(), os.path.join(self.folder.name, "disk")
        self.good("import", path, disk)
        self.assertEqual(self.tell(disk), self.tell("session"))
        self.assertIn("'five'", self.good("-m", disk, "show", "settings"))
        self.assertNotIn("jobs", self.good("-m", disk, "list"))
        self.good("-m", disk, "append", "items", "more")

        again = os.path.join(self.folder.name, "again")
        self.good("export", disk, again)
        self.good("import", again, disk + "2")
        self.assertEqual(self.good("-m", disk + "2", "show", "items"), self.good("-m", disk, "show", "items"))
        self.assertIn("already", self.bad("import", path, disk))
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["again", "disk", "disk2", "file", "shmobj"])

    def test_import_of_a_file_that_is_damaged(self):
        path, disk = self.exported(), os.path.join(self.folder.name, "disk")
        with open(path, "rb") as file:
            whole = file.read()

        def refused(data, what):
            with open(path, "wb") as file:
                file.write(data)
            self.assertRegex(self.bad("import", path, disk), what)
            self.assertEqual(sorted(os.listdir(self.folder.name)), ["file", "shmobj"])

        for at in (3, 17, 26, 36, 47, 5000, len(whole) // 2, len(whole) - 20, len(whole) - 1):
            refused(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :], r"damaged at byte \d+: ")
        for length in (0, 10, 31, 100, len(whole) // 2, len(whole) - 1):
            refused(whole[:length], r"damaged at byte \d+: it ends there")
        refused(whole + b"x", f"damaged at byte {len(whole)}: more follows")
        refused(b"PK\3\4" + bytes(1000), "damaged at byte 0: it is not what")

    def test_what_cannot_be_exported_or_imported(self):
        self.assertIn("nothing", self.bad("export", "nothing", os.path.join(self.folder.name, "file")))
        path = self.exported()
        self.assertIn("is not a path", self.bad("import", path, "session"))
        self.assertIn("already", self.bad("import", path, self.folder.name))
        self.bad("export", "session", os.path.join(self.folder.name, "no", "file"))
        self.bad("import", path + "2", os.path.join(self.folder.name, "disk"))

