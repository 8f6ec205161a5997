# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service, used by clients that know nothing of this library, and the column "on D-Bus" of the page Values."""

import math
import mmap
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
from xml.etree import ElementTree

import dbus
import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj

sys.path.insert(0, os.path.join(os.environ["SHMOBJ_SOURCE"], "tests", "languages"))
import page

NAME = "org.shmobj.Manager1"
ROOT = "/org/shmobj/Manager1"


def same(left, right):
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and left == right


def bus_type(cell):
    return None if cell == "–" else page.code(cell)


class Values(unittest.TestCase):
    """Each row of the page, from the store to the bus and back."""

    def setUp(self):
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        self.manager = Shmobj.Manager.new("session")
        self.call(ROOT, NAME, "Open", GLib.Variant("(ssa{sv})", ("list", "values", {})))
        self.list = self.manager.list("values")
        self.list.clear()

    def call(self, path, interface, method, arguments):
        return self.bus.call_sync(NAME, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, -1, None)

    def item(self, index):
        reply = self.call(ROOT + "/values", NAME + ".List", "GetItem", GLib.Variant("(x)", (index,)))
        return reply.get_child_value(0).get_variant()

    def test_every_row_of_the_page(self):
        table = page.rows("What becomes what")
        self.assertGreater(len(table), 20)
        for row in table:
            value = eval(page.code(row[page.PYTHON]), {"GLib": GLib})
            with self.subTest(row[page.NAME]):
                self.list.append(value)
                expected = bus_type(row[page.BUS])
                if expected is None:
                    with self.assertRaises(GLib.Error) as caught:
                        self.item(-1)
                    self.assertEqual(Gio.DBusError.get_remote_error(caught.exception),
                                     "org.shmobj.Error.NotRepresentable")
                    continue
                seen = self.item(-1)
                self.assertEqual(seen.get_type_string(), expected)

                # what the bus showed, sent back, is the same value again
                self.call(ROOT + "/values", NAME + ".List", "Append", GLib.Variant("(v)", (seen,)))
                self.assertTrue(same(self.list[-1], self.list[-2]), (self.list[-1], self.list[-2]))

    def test_service_lived_through_it(self):
        pid = self.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                 GLib.Variant("(s)", (NAME,)), None, Gio.DBusCallFlags.NONE, -1, None).unpack()
        self.test_every_row_of_the_page()
        self.assertEqual(pid, self.bus.call_sync(
            "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
            GLib.Variant("(s)", (NAME,)), None, Gio.DBusCallFlags.NONE, -1, None).unpack())


class DBusPython(unittest.TestCase):
    def setUp(self):
        self.bus = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
        self.root = dbus.Interface(self.bus.get_object(NAME, ROOT), NAME)

    def tearDown(self):
        self.bus.close()

    def open(self, kind, name, interface, **options):
        path = self.root.Open(kind, name, dbus.Dictionary(options, signature="sv"))
        return dbus.Interface(self.bus.get_object(NAME, path), NAME + "." + interface)

    def test_list_and_dict(self):
        todo = self.open("list", "todo", "List")
        todo.Extend(["milk", 3, True, [1, 2]])
        self.assertEqual(list(todo.GetRange(0, 10)), ["milk", 3, True, [1, 2]])
        self.assertEqual(todo.Pop(0), "milk")
        todo.RemoveValue(3)
        with self.assertRaises(dbus.DBusException) as caught:
            todo.GetItem(99)
        self.assertEqual(caught.exception.get_dbus_name(), "org.shmobj.Error.NotFound")
        self.assertIn("99", caught.exception.get_dbus_message())

        conf = self.open("dict", "conf", "Dict")
        conf.Update({"volume": 11, "name": "amp"})
        self.assertEqual(dict(conf.ToMap()), {"volume": 11, "name": "amp"})
        self.assertEqual(dict(conf.GetAll(NAME + ".Dict", dbus_interface=dbus.PROPERTIES_IFACE))["Length"], 2)

    def test_none_is_the_empty_signature(self):
        todo = self.open("list", "nothing", "List")
        todo.Append(dbus.Signature(""))
        self.assertEqual(todo.GetItem(0), "")
        self.assertIsInstance(todo.GetItem(0), dbus.Signature)
        self.assertIsNone(Shmobj.Manager.new("session").list("nothing")[0])

    def test_who_gave_up_leaves_the_lock(self):
        lock = self.open("lock", "printer", "Lock")
        lease, abandoned = lock.Acquire(dbus.Int64(-1), dbus.Dictionary({}, signature="sv"))
        self.assertFalse(abandoned)
        impatient = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
        other = dbus.Interface(impatient.get_object(NAME, ROOT + "/printer"), NAME + ".Lock")
        with self.assertRaises(dbus.DBusException):
            other.Acquire(dbus.Int64(-1), dbus.Dictionary({}, signature="sv"), timeout=0.2)
        os.close(lease.take())
        impatient.close()  # libdbus looks at what came late only when it is used again, or here
        second, abandoned = lock.Acquire(dbus.Int64(-1), dbus.Dictionary({}, signature="sv"))
        self.assertFalse(abandoned)
        os.close(second.take())

    def test_queue(self):
        queue = self.open("queue", "q", "Queue", maxsize=2)
        queue.Put("a", 0)
        queue.Put(("b", 1), 0)
        with self.assertRaises(dbus.DBusException) as caught:
            queue.Put("c", 0)
        self.assertEqual(caught.exception.get_dbus_name(), "org.shmobj.Error.Full")
        self.assertEqual(Shmobj.Manager.new("session").queue("q").get(), "a")
        self.assertEqual(tuple(queue.Get(0)), ("b", 1))

    def test_value_event_and_memory(self):
        value = self.open("value", "sum", "Value", initial=40)
        self.assertEqual((value.Add(2), value.Read()), (42, 42))
        self.assertEqual((value.CompareAndSet(41, 0), value.CompareAndSet(42, "done")), (False, True))
        self.assertEqual(Shmobj.Manager.new("session").value("sum").get(), "done")

        event = self.open("event", "bell", "Event")
        self.assertFalse(event.Wait(dbus.Int64(1)))
        event.Set()
        self.assertTrue(event.Wait(dbus.Int64(-1)))

        places = self.open("semaphore", "places", "Semaphore", value=2)
        os.close(places.Acquire(dbus.Int64(-1), dbus.Dictionary(signature="sv")).take())
        lease = places.Acquire(dbus.Int64(-1), dbus.Dictionary(signature="sv")).take()
        places.Release(dbus.UInt32(1))
        os.close(lease)

        memory = self.open("shared-memory", "page", "SharedMemory", size=dbus.UInt64(100))
        memory.Write(dbus.UInt64(10), dbus.ByteArray(b"hello"))
        self.assertEqual(bytes(memory.Read(dbus.UInt64(10), dbus.UInt64(5), byte_arrays=True)), b"hello")
        _class, _properties, descriptors = memory.Attach()
        with mmap.mmap(descriptors[0].take(), 100) as mapped:
            self.assertEqual(mapped[10:15], b"hello")

    def test_made_in_a_transaction(self):
        def operation(path, method, *arguments):
            return dbus.Struct((dbus.ObjectPath(path), NAME + "." + method, dbus.Struct(arguments)), signature="osv")

        path, nothing = ROOT + "/made", dbus.Dictionary({}, signature="sv")
        calls = [operation(ROOT, "Open", "list", "made", nothing), operation(path, "List.Append", dbus.String("in it", variant_level=1))]
        wrong = operation(ROOT, "RemoveObject", "nobody")
        with self.assertRaises(dbus.DBusException) as caught:
            self.root.Transact(dbus.Array([*calls, wrong], signature="(osv)"), nothing)
        self.assertEqual(caught.exception.get_dbus_name(), "org.shmobj.Error.NotFound")
        self.assertIsNone(Shmobj.Manager.new("session").lookup("made"))
        self.assertEqual(self.root.Transact(dbus.Array(calls, signature="(osv)"), nothing)[0], path)
        self.assertEqual(Shmobj.Manager.new("session").list("made"), ["in it"])

    def test_one_key_whatever_client(self):
        """The integer 1, as each client sends it: one key."""
        numbers = self.open("dict", "numbers", "Dict")
        for number in (dbus.Byte(1), dbus.Int16(1), dbus.UInt16(1), dbus.Int32(1), dbus.UInt32(1), dbus.Int64(1),
                       dbus.UInt64(1)):
            numbers.SetItem(number, str(type(number)))
        Shmobj.Manager.new("session").dict("numbers")[1] = "python"
        run(["gdbus", "call", "--session", "-d", NAME, "-o", ROOT + "/numbers", "-m", NAME + ".Dict.SetItem", "<1>",
             "<'gdbus'>"])
        run(["dbus-send", "--session", "--print-reply", "--dest=" + NAME, ROOT + "/numbers", NAME + ".Dict.SetItem",
             "variant:uint32:1", "variant:string:dbus-send"])
        self.assertEqual(list(numbers.Keys()), [1])
        self.assertEqual(numbers.GetItem(1), "dbus-send")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


KINDS = {"list": {}, "dict": {}, "value": {}, "queue": {}, "lock": {}, "event": {}, "semaphore": {}, "condition": {}, "barrier": {"parties": 2},
         "shared-memory": {"size": 64}}


class Export(unittest.TestCase):
    """A manager of a program's own ends with the connection on which it is shown."""

    def connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        return Gio.DBusConnection.new_for_address_sync(os.environ["DBUS_SESSION_BUS_ADDRESS"], flags, None, None)

    def test_ends_with_its_connection(self):
        manager, connection = Shmobj.Manager.new(None), self.connect()
        manager.list("mine").append("seen")
        export = manager.export(connection)
        self.assertTrue(manager.unexport(export))
        self.assertFalse(manager.unexport(export))
        export = manager.export(connection)
        connection.close_sync(None)
        self.assertFalse(manager.unexport(export))  # whatever the main loop has not told yet
        with self.assertRaises(Shmobj.Closed):
            manager.export(connection)

    def test_ends_when_the_other_side_closes(self):
        server = Gio.DBusServer.new_sync(f"unix:dir={GLib.get_user_runtime_dir()}", Gio.DBusServerFlags.NONE, Gio.dbus_generate_guid(),
                                         None, None)
        accepted, manager, context = [], Shmobj.Manager.new(None), GLib.MainContext.default()
        server.connect("new-connection", lambda _server, peer: accepted.append(peer) or True)
        server.start()
        made = []
        Gio.DBusConnection.new_for_address(server.get_client_address(), Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None,
                                           lambda _source, result: made.append(Gio.DBusConnection.new_for_address_finish(result)))
        while not (accepted and made):
            context.iteration(True)
        closed, export = [], manager.export(accepted[0])
        accepted[0].connect("closed", lambda *_: closed.append(True))
        made[0].close_sync(None)
        while not closed:
            context.iteration(True)
        self.assertFalse(manager.unexport(export))
        server.stop()


class Introspection(unittest.TestCase):
    """What the service says of itself is what the XML files say."""

    @staticmethod
    def members(interface):
        """{(tag, name): (signature of what goes in, of what comes out) or the type of a property}"""
        found = {}
        for member in interface:
            if member.tag == "property":
                found[member.tag, member.get("name")] = member.get("type"), member.get("access")
            elif member.tag in ("method", "signal"):
                found[member.tag, member.get("name")] = tuple(
                    "".join(arg.get("type") for arg in member.iter("arg") if arg.get("direction", "out") == direction)
                    for direction in ("in", "out"))
        return found

    def setUp(self):
        self.described = {}
        folder = pathlib.Path(os.environ["SHMOBJ_SOURCE"], "libshmobj", "bus")
        for file in folder.glob("*.xml"):
            interface = ElementTree.parse(file).getroot().find("interface")
            self.described[interface.get("name")] = self.members(interface)
        self.bus = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
        self.addCleanup(self.bus.close)

    def test_each_kind(self):
        root = dbus.Interface(self.bus.get_object(NAME, ROOT), NAME)
        paths = {ROOT: None}
        for kind, options in KINDS.items():
            paths[root.Open(kind, "a " + kind, dbus.Dictionary(options, signature="sv"))] = kind
        seen = set()
        for path, kind in paths.items():
            text = self.bus.get_object(NAME, path).Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")
            shown = {node.get("name"): self.members(node) for node in ElementTree.fromstring(text).iter("interface")}
            ours = {name: members for name, members in shown.items() if name in self.described}
            self.assertEqual(len(ours), 2, (path, list(shown)))
            for name, members in ours.items():
                self.assertEqual(members, self.described[name], name)
            seen |= set(ours)

            lines = run(["gdbus", "introspect", "--session", "-d", NAME, "-o", path])
            for members in ours.values():
                for _tag, member in members:
                    self.assertRegex(lines, r"\b" + member + r"\b")
        self.assertEqual(seen, set(self.described))

    @unittest.skipUnless(shutil.which("busctl"), "there is no busctl here")
    def test_busctl_shows_them(self):
        at = ["busctl", "--user", "--address=" + os.environ["DBUS_SESSION_BUS_ADDRESS"]]
        run([*at, "call", NAME, ROOT, NAME, "Open", "ssa{sv}", "queue", "for busctl", "0"])
        lines = run([*at, "introspect", NAME, ROOT + "/for_20busctl"]).splitlines()
        shown = {tuple(line.split()[:2]) for line in lines}
        for (tag, member) in self.described[NAME + ".Queue"]:
            self.assertIn(("." + member, tag), shown)


class Watching(unittest.TestCase):
    def setUp(self):
        self.bus = dbus.bus.BusConnection(os.environ["DBUS_SESSION_BUS_ADDRESS"])
        self.addCleanup(self.bus.close)
        self.root = dbus.Interface(self.bus.get_object(NAME, ROOT), NAME)

    def watched(self, kind, name):
        path = self.root.Open(kind, name, dbus.Dictionary(KINDS[kind], signature="sv"))
        proxy = self.bus.get_object(NAME, path)
        self.assertEqual(dbus.Interface(proxy, NAME + ".Object").Watch() == 0, kind not in ("list", "dict", "value"))
        return proxy

    def test_every_kind_but_memory_is_watched(self):
        for kind in KINDS:
            if kind == "shared-memory":
                continue
            with self.subTest(kind):
                dbus.Interface(self.watched(kind, "watched " + kind), NAME + ".Object").Unwatch()


class CommandLines(unittest.TestCase):
    def test_gdbus(self):
        at = ["gdbus", "call", "--session", "-d", NAME, "-o"]
        self.assertEqual(run([*at, ROOT, "-m", NAME + ".Open", "list", "shell", "{}"]), f"(objectpath '{ROOT}/shell',)")
        run([*at, ROOT + "/shell", "-m", NAME + ".List.Append", "<'milk'>"])
        run([*at, ROOT + "/shell", "-m", NAME + ".List.Append", "<signature ''>"])
        self.assertEqual(run([*at, ROOT + "/shell", "-m", NAME + ".List.GetRange", "0", "9"]),
                         "([<'milk'>, <signature ''>],)")
        tree = run(["gdbus", "introspect", "--session", "-d", NAME, "-o", ROOT, "--recurse"])
        self.assertIn(f"node {ROOT}/shell", tree)
        self.assertIn("interface org.shmobj.Manager1.List", tree)

    def test_lock_of_a_shell_is_gone_with_it(self):
        at = ["gdbus", "call", "--session", "-d", NAME, "-o"]
        run([*at, ROOT, "-m", NAME + ".Open", "lock", "shell lock", "{}"])
        for _again in range(3):  # gdbus ends at once, and its lease with it
            run([*at, ROOT + "/shell_20lock", "-m", NAME + ".Lock.Acquire", "--", "-1", "{}"])

    @unittest.skipUnless(shutil.which("busctl"), "there is no busctl here")
    def test_busctl(self):
        at = ["busctl", "--user", "--address=" + os.environ["DBUS_SESSION_BUS_ADDRESS"]]
        path = run([*at, "call", NAME, ROOT, NAME, "Open", "ssa{sv}", "list", "ctl", "0"]).split('"')[1]
        run([*at, "call", NAME, path, NAME + ".List", "Append", "v", "g", ""])
        run([*at, "call", NAME, path, NAME + ".List", "Append", "v", "(xs)", "5", "milk"])
        self.assertEqual(run([*at, "call", NAME, path, NAME + ".List", "GetRange", "xx", "0", "9"]),
                         'av 2 g "" (xs) 5 "milk"')


if __name__ == "__main__":
    unittest.main()
