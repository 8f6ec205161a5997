# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random calls to the service: wrong types, ranges and objects, floods, clients that vanish. It must live, keep its memory
bounded, and answer right.

Wrong calls are drawn from all methods that the XML files describe, with arguments that are sometimes of the right type and
sometimes of any other; replies must come, and be well-formed. Right ones go to a list, a dict, a value and a queue that
nobody else has, with a plain one of Python's beside each. $SHMOBJ_CALLS is a number of calls, $SHMOBJ_TEST_SEED a seed; what went wrong is
repeated by the same two."""

import os
import pathlib
import random
import sys
import time
import unittest
from xml.etree import ElementTree

sys.path.insert(0, os.path.join(os.environ["SHMOBJ_SOURCE"], "tests", "languages", "oracle"))
import operations
import over_bus
import test_linear
from gi.repository import Gio, GLib
from over_bus import NAME, ROOT

SLOWER = int(os.environ.get("SHMOBJ_TEST_SLOWER", 1))
CALLS = int(os.environ.get("SHMOBJ_CALLS", 4000 // SLOWER))
SEED = int(os.environ.get("SHMOBJ_TEST_SEED", 1))
AT_ONCE = 200  # calls that are sent before their replies are waited for
MEMORY_KIB = 64 * 1024 * (1 if SLOWER == 1 else 5)  # what the service may have of its own; it has 4 MiB, the sanitizers much more

TYPES = "ybnqiuxtdsogvh"
KINDS = ("list", "dict", "value", "queue", "lock", "event", "semaphore", "condition", "shared-memory")
VALUES = (2, -1, 2**64 - 1, 0.5, "größe", "x" * 600, b"\0\xff", ("a", 2), [2, 3], {"a": 2})  # what D-Bus has, too
NAMES = ("a", "b", "ü", "x" * 200, "_", "a/b", "", "w\u2028")


def described():
    """(interface, method, signature) of all that the XML files have, and of the standard interfaces."""
    found = [("org.freedesktop.DBus.Properties", "Get", "ss"), ("org.freedesktop.DBus.Properties", "GetAll", "s"),
             ("org.freedesktop.DBus.Properties", "Set", "ssv"), ("org.freedesktop.DBus.Introspectable", "Introspect", ""),
             ("org.freedesktop.DBus.Peer", "Ping", "")]
    for file in sorted(pathlib.Path(os.environ["SHMOBJ_SOURCE"], "libshmobj", "bus").glob("*.xml")):
        interface = ElementTree.parse(file).getroot().find("interface")
        found += [(interface.get("name"), method.get("name"),
                   "".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") == "in"))
                  for method in interface.iter("method")]
    return found


class Drawer:
    """Draws types, values, calls."""

    def __init__(self, rng):
        self.rng = rng
        self.methods = described()
        self.interfaces = sorted({method[0] for method in self.methods})
        self.paths = [f"{ROOT}/{path}" for path in ("fuzz_2dlist", "a", "b", "_c3_bc", "none", "_", "a_2fb", "_zz")] + [
            ROOT, "/", "/org", ROOT + "/a/b", *(f"{ROOT}/wild_2d{kind.replace('-', '_2d')}" for kind in KINDS)]

    def type(self, depth=0):
        letter = self.rng.choice(TYPES + "a(a{" * (depth < 4))
        if letter == "a":
            return "a" + self.type(depth + 1)
        if letter == "(":
            return "(" + "".join(self.type(depth + 1) for _ in range(self.rng.randrange(1, 4))) + ")"
        if letter == "{":
            return "a{" + self.rng.choice("ysxu") + self.type(depth + 1) + "}"
        return letter

    def number(self, bits, signed):
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        return max(low, min(high, self.rng.choice((0, 1, 2, -1, -2, 5, low, high, high // 2, self.rng.randint(low, high)))))

    def basic(self, letter):
        rng = self.rng
        if letter in "nixqut":
            bits = {"n": 16, "q": 16, "i": 32, "u": 32, "x": 64, "t": 64}[letter]
            return GLib.Variant(letter, self.number(bits, letter in "nix"))
        return {
            "y": lambda: GLib.Variant("y", rng.randrange(256)),
            "b": lambda: GLib.Variant("b", rng.random() < 0.5),
            "d": lambda: GLib.Variant("d", rng.choice((0.0, -0.0, 1.5, float("nan"), float("inf"), 1e308))),
            "s": lambda: GLib.Variant("s", rng.choice((*NAMES, *KINDS, *self.interfaces, "Length", "existing", "x" * 5000))),
            "o": lambda: GLib.Variant("o", rng.choice(("/", ROOT, ROOT + "/a"))),
            "g": lambda: GLib.Variant("g", rng.choice(("", "s", "a{sv}", "(ii)"))),
            "h": lambda: GLib.Variant("h", rng.choice((0, 1, -1, 7))),
            "v": lambda: GLib.Variant.new_variant(self.value(self.type(2))),
        }[letter]()

    def value(self, text):
        if text[0] == "a":
            element = text[1:]
            count = self.rng.choice((0, 0, 1, 2, 3, 30))
            if element[0] == "{":
                entries = [GLib.Variant.new_dict_entry(self.value(element[1]), self.value(element[2:-1])) for _ in range(min(count, 3))]
                return GLib.Variant.new_array(GLib.VariantType(element), entries)
            return GLib.Variant.new_array(GLib.VariantType(element), [self.value(element) for _ in range(count if len(element) < 8 else min(count, 2))])
        if text[0] == "(":
            return GLib.Variant.new_tuple(*map(self.value, parts(text[1:-1])))
        return self.basic(text[0])

    def operations(self):
        """For Transact: calls of what can be part of it, mostly."""
        rng, calls = self.rng, []
        for _ in range(rng.randrange(1, 5)):
            interface, method, signature = rng.choice(self.methods)
            arguments = GLib.Variant("g", "")
            if rng.random() < 0.4:
                interface, method, arguments = NAME, "Open", GLib.Variant("(ssa{sv})", (rng.choice(KINDS), rng.choice(NAMES), {}))
            elif rng.random() < 0.2:
                interface, method, arguments = NAME, "RemoveObject", GLib.Variant("(s)", (rng.choice(NAMES),))
            elif signature:
                arguments = self.value(f"({signature})")
            calls.append(GLib.Variant.new_tuple(GLib.Variant("o", self.path_for(interface)), GLib.Variant("s", f"{interface}.{method}"),
                                                GLib.Variant.new_variant(arguments)))
        return GLib.Variant.new_tuple(GLib.Variant.new_array(GLib.VariantType("(osv)"), calls), GLib.Variant("a{sv}", {}))

    def arguments(self, signature):
        """Mostly of the signature, sometimes of another one."""
        if signature == "a(osv)a{sv}" and self.rng.random() < 0.8:
            return self.operations()
        chance = self.rng.random()
        if chance < 0.1:
            signature = "".join(self.type() for _ in range(self.rng.randrange(4)))
        elif chance < 0.15:
            signature = "".join(parts(signature)[:-1]) or "s"
        return self.value(f"({signature})") if signature else None

    def message(self):
        while not can_be_read(message := self.any_message()):
            pass
        return message

    def any_message(self):
        interface, method, signature = self.rng.choice(self.methods)
        body = self.arguments(signature)
        if self.rng.random() < 0.03:
            method = self.rng.choice(("Nope", "Append", "Get"))
        if self.rng.random() < 0.05:
            interface = self.rng.choice((*self.interfaces, None, "org.example.X"))
        message = Gio.DBusMessage.new_method_call(NAME, self.path_for(interface), interface, method)
        if body is not None:
            message.set_body(body)
        if self.rng.random() < 0.1:
            descriptors = Gio.UnixFDList.new()
            descriptors.append(0)
            message.set_unix_fd_list(descriptors)
        return message

    def path_for(self, interface):
        """Where that interface is, mostly."""
        last = (interface or "").rpartition(".")[2]
        if interface in (NAME, "org.freedesktop.DBus.ObjectManager") and self.rng.random() < 0.9:
            return ROOT
        mine = [path for path in self.paths if path.endswith({"SharedMemory": "shared_2dmemory"}.get(last, last.lower()))]
        return self.rng.choice(mine) if mine and self.rng.random() < 0.8 else self.rng.choice(self.paths)


def end_of_type(text, start):
    """Where the type that begins there ends."""
    while text[start] == "a":
        start += 1
    if text[start] not in "({":
        return start + 1
    depth = 0
    while True:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(text[start], 0)
        start += 1
        if depth == 0:
            return start


def parts(text):
    """The types in a row of them."""
    result, start = [], 0
    while start < len(text):
        end = end_of_type(text, start)
        result.append(text[start:end])
        start = end
    return result


def can_be_read(message):
    """Not every good D-Bus message can GDBus read: of nested arrays whose last element is very short it sees the end too early
    (GLib 2.74: uaa{yg}, aaavvq), and closes the connection, ours or that of the service, which then is started anew by
    the next call. Nobody above GDBus can help that."""
    try:
        message.set_serial(1)
        Gio.DBusMessage.new_from_blob(message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING), Gio.DBusCapabilityFlags.UNIX_FD_PASSING)
    except (GLib.Error, RuntimeError):  # PyGObject cannot make a GLib.Error of one whose text is not UTF-8
        return False
    finally:
        message.set_serial(0)
    return True


def connect():
    flags = Gio.DBusConnectionFlags
    return Gio.DBusConnection.new_for_address_sync(
        os.environ["DBUS_SESSION_BUS_ADDRESS"], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)


def ask_bus(connection, method, name):
    return connection.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", method, GLib.Variant("(s)", (name,)), None,
                                Gio.DBusCallFlags.NONE, -1, None).unpack()[0]


class Rights:
    """Right calls, each compared with what a plain object says."""

    kinds = {"list": over_bus.List, "dict": over_bus.Dict, "value": over_bus.Value, "queue": over_bus.Queue}
    first = {"list": ("clear",), "dict": ("clear",), "value": ("set", 0), "queue": ("drain",)}

    def __init__(self, rng):
        self.rng = rng
        self.things = {kind: make("checked" + kind) for kind, make in self.kinds.items()}
        self.plain = {kind: operations.PLAIN[kind]() for kind in self.kinds}
        for kind, first in self.first.items():
            for thing in (self.things[kind], self.plain[kind]):
                operations.outcome(kind, thing, first)
        self.count = 0

    def draw(self, kind):
        if kind == "queue":
            return ("put", self.rng.choice(VALUES)) if self.rng.random() < 0.5 else ("get",)
        while True:
            operation = test_linear.draw(self.rng, kind)
            if over_bus.can(kind, operation):
                return operation

    def one(self):
        kind = self.rng.choice(tuple(self.kinds))
        operation = self.draw(kind)
        ours = operations.outcome(kind, self.things[kind], operation)
        plain = operations.outcome(kind, self.plain[kind], operation)
        self.count += 1
        return None if operations.agree(ours, plain) else f"{kind} {operation}: {ours}, and not {plain}"


class Fuzz(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        self.drawer = Drawer(self.rng)
        self.watcher = connect()
        for kind in KINDS:
            options = {"size": GLib.Variant("t", 4096)} if kind == "shared-memory" else {}
            self.watcher.call_sync(NAME, ROOT, NAME, "Open", GLib.Variant("(ssa{sv})", (kind, "wild-" + kind, options)), None,
                                   Gio.DBusCallFlags.NONE, -1, None)
        self.pid = ask_bus(self.watcher, "GetConnectionUnixProcessID", NAME)
        self.errors = {}

    def memory(self):
        """Of its own: what others share with it is in /dev/shm, and bounded there."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("RssAnon:")[2].split()[0])

    def check_alive(self):
        self.assertEqual(ask_bus(self.watcher, "GetConnectionUnixProcessID", NAME), self.pid, f"it died, seed {SEED}")
        self.assertLess(self.memory(), MEMORY_KIB)

    def on_reply(self, connection, result):
        self.waiting -= 1
        try:
            reply = connection.send_message_with_reply_finish(result)
        except GLib.Error as error:  # the connection was closed
            self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CLOSED), error.message)
            return
        if reply.get_message_type() == Gio.DBusMessageType.ERROR:
            name = reply.get_error_name()
            self.assertRegex(name, r"^org\.(shmobj\.Error|freedesktop\.DBus\.Error)\.[A-Z][A-Za-z]+$")
            self.assertNotEqual(name, "org.freedesktop.DBus.Error.NoReply")
            self.errors[name] = self.errors.get(name, 0) + 1
        else:
            self.errors["none"] = self.errors.get("none", 0) + 1

    def send_wild(self, connection, count):
        self.waiting = 0
        for _ in range(count):
            message = self.drawer.message()
            try:
                connection.send_message_with_reply(message, Gio.DBusSendMessageFlags.NONE, 30000, None, self.on_reply)
            except GLib.Error:
                continue  # GDBus itself refuses to send that
            self.waiting += 1

    def wait_for_replies(self):
        while self.waiting:
            GLib.MainContext.default().iteration(True)

    def flood(self):
        """No replies wanted, as fast as it goes, and away."""
        connection = connect()
        for _ in range(AT_ONCE):
            message = self.drawer.message()
            message.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
            try:
                connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
            except GLib.Error:
                continue
        if self.rng.random() < 0.5:
            connection.flush_sync(None)
        connection.close_sync(None)
        return AT_ONCE

    def leave_in_the_middle(self):
        connection = connect()
        self.send_wild(connection, AT_ONCE)
        connection.close_sync(None)
        self.wait_for_replies()
        return AT_ONCE

    def wait_for_replies_then_leave(self):
        connection = connect()
        self.send_wild(connection, AT_ONCE)
        # what need not wait for messages or locks was answered before this is
        connection.call_sync(NAME, ROOT, over_bus.PROPERTIES, "GetAll", GLib.Variant("(s)", (NAME,)), None, Gio.DBusCallFlags.NONE, -1, None)
        connection.close_sync(None)
        self.wait_for_replies()
        return AT_ONCE

    def answer_right(self):
        for _ in range(30):
            wrong = self.rights.one()
            self.assertIsNone(wrong, f"seed {SEED}")
        return 30

    def test_random_calls(self):
        print(f"# seed {SEED}, {CALLS} calls")
        self.rights = Rights(self.rng)
        count, begun, most = 0, time.monotonic(), 0
        while count < CALLS:
            act = self.rng.choice((self.flood, self.leave_in_the_middle, self.wait_for_replies_then_leave, self.answer_right, self.answer_right))
            count += act()
            self.check_alive()
            most = max(most, self.memory())
        self.answer_right()
        kinds = ", ".join(f"{name.rpartition('.')[2]} {n}" for name, n in sorted(self.errors.items(), key=lambda item: -item[1]))
        print(f"# {count} calls in {time.monotonic() - begun:.1f} s, {self.rights.count} of them compared; memory of the service at most "
              f"{most // 1024} MiB; replies: {kinds}")


if __name__ == "__main__":
    unittest.main()
