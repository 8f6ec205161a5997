# SPDX-License-Identifier: LGPL-2.1-or-later
"""The objects of the service with the methods of Python's: a list, a dict, a value, a queue, each call one D-Bus call.

So what tests/languages/oracle does to native objects and plain ones can be done over the bus. Only what is one call
there is here. An object connects when it is first used, so it may be forked, and pickled."""

import os
import queue
from dataclasses import dataclass

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib

import operations
from shmobj import _values

NAME = "org.shmobj.Manager1"
ROOT = "/org/shmobj/Manager1"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Missing(IndexError, KeyError, ValueError):
    """No such item, key or value."""


ERRORS = {"NotFound": Missing, "Empty": queue.Empty, "Full": queue.Full}


class Object:
    kind = None  # "list"
    connection = None

    def __init__(self, name):
        self.name = name

    def __getstate__(self):
        return {"name": self.name}

    def _call(self, path, interface, method, *arguments):
        if self.connection is None:
            flags = Gio.DBusConnectionFlags
            self.connection = Gio.DBusConnection.new_for_address_sync(
                os.environ["DBUS_SESSION_BUS_ADDRESS"], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
            self._call(ROOT, NAME, "Open", GLib.Variant("s", self.kind), GLib.Variant("s", self.name), GLib.Variant("a{sv}", {}))
        try:
            reply = self.connection.call_sync(NAME, path, interface, method, GLib.Variant.new_tuple(*arguments), None,
                                              Gio.DBusCallFlags.NONE, -1, None)
        except GLib.Error as error:
            remote = (Gio.DBusError.get_remote_error(error) or "").rpartition(".")[2]
            raise ERRORS.get(remote, RuntimeError)(error.message) from error
        return reply.get_child_value(0) if reply.n_children() else None

    def call(self, method, *arguments):
        return self._call(f"{ROOT}/{self.name}", f"{NAME}.{self.kind.capitalize()}", method, *arguments)

    def __len__(self):
        length = self._call(f"{ROOT}/{self.name}", PROPERTIES, "Get", GLib.Variant("s", f"{NAME}.{self.kind.capitalize()}"),
                            GLib.Variant("s", "Length"))
        return length.unpack()

    def clear(self):
        self.call("Clear")


def _value(value):
    return GLib.Variant.new_variant(_values.to_variant(value))


def _index(index):
    return GLib.Variant.new_int64(index)


def _plain(boxed):
    return _values.from_variant(boxed.get_variant())


def _children(array):
    return [array.get_child_value(i) for i in range(array.n_children())]


class List(Object):
    kind = "list"

    def append(self, value):
        self.call("Append", _value(value))

    def extend(self, values):
        self.call("Extend", GLib.Variant.new_array(GLib.VariantType("v"), [_value(value) for value in values]))

    def insert(self, index, value):
        self.call("Insert", _index(index), _value(value))

    def pop(self, index=-1):
        return _plain(self.call("Pop", _index(index)))

    def remove(self, value):
        self.call("RemoveValue", _value(value))

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [_plain(value) for value in _children(self.call("GetRange", _index(place.start), _index(place.stop)))]
        return _plain(self.call("GetItem", _index(place)))

    def __setitem__(self, index, value):
        self.call("SetItem", _index(index), _value(value))

    def __delitem__(self, place):
        self.call("DeleteRange", _index(place.start), _index(place.stop))


class Dict(Object):
    kind = "dict"

    def __getitem__(self, key):
        return _plain(self.call("GetItem", _value(key)))

    def __contains__(self, key):
        return self.call("Contains", _value(key)).get_boolean()

    def __setitem__(self, key, value):
        self.call("SetItem", _value(key), _value(value))

    def pop(self, key):
        return _plain(self.call("Pop", _value(key)))

    def update(self, pairs):
        boxed = [GLib.Variant.new_tuple(_value(key), _value(value)) for key, value in pairs]
        self.call("UpdateItems", GLib.Variant.new_array(GLib.VariantType("(vv)"), boxed))

    def keys(self):
        return [_plain(key) for key in _children(self.call("Keys"))]

    def items(self):
        return [tuple(_plain(part) for part in _children(item)) for item in _children(self.call("Items"))]


class Value(Object):
    kind = "value"

    def get(self):
        return _plain(self.call("Read"))

    def set(self, value):
        self.call("Write", _value(value))

    def add(self, amount):
        return _plain(self.call("Add", _value(amount)))

    def compare_and_set(self, expected, value):
        return self.call("CompareAndSet", _value(expected), _value(value)).get_boolean()


class Queue(Object):
    kind = "queue"

    def put_nowait(self, value):
        self.call("Put", _value(value), _index(0))

    def get_nowait(self):
        return _plain(self.call("Get", _index(0)))


@dataclass(frozen=True)
class PlainQueue:
    """What a queue is, in one process. Copies must not share what is in it: hence a tuple."""

    items: tuple = ()

    def put_nowait(self, value):
        object.__setattr__(self, "items", (*self.items, value))

    def get_nowait(self):
        if not self.items:
            raise queue.Empty
        first, *rest = self.items
        object.__setattr__(self, "items", tuple(rest))
        return first


def drain(shared):
    while True:
        try:
            shared.get_nowait()
        except queue.Empty:
            return


operations.KINDS["queue"] = {
    "put": lambda s, value: s.put_nowait(value),
    "get": lambda s: s.get_nowait(),
    "drain": drain,
}
operations.PLAIN["queue"] = PlainQueue

# What is one call on the bus, and how many arguments it then has.
VOCABULARY = {
    "list": {"append": 1, "extend": 1, "insert": 2, "pop": 1, "remove": 1, "get": 1, "set": 2, "get_slice": 2, "del_slice": 2, "clear": 0,
             "len": 0},
    "dict": {"[]": 1, "in": 1, "set": 2, "pop": 1, "update": 1, "clear": 0, "len": 0, "keys": 0, "items": 0},
    "value": {"get": 0, "set": 1, "add": 1, "compare_and_set": 2},
    "queue": {"put": 1, "get": 0},
}  # fmt: skip


def can(kind, operation):
    name, *arguments = operation
    return VOCABULARY[kind].get(name) == len(arguments) and None not in arguments
