# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that do operations to the same shared objects: forked ones, spawned ones, and a C program.

Each has the objects of its own: inherited, from a pickle, or from the handle that a child of GSubprocess is given."""

import multiprocessing
import os

from gi.repository import Gio, GLib

import operations
from operations import Raised
from shmobj import _values


def _serve(connection, things):
    while True:
        kind, operation = connection.recv()
        connection.send(operations.outcome(kind, things[kind], operation))


class PythonWorker:
    """A process started as the method says, and asked by a pipe."""

    def __init__(self, method, things):
        context = multiprocessing.get_context(method)
        self.name = method
        self.connection, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, things), daemon=True)
        self.process.start()
        there.close()

    def can(self, _kind, _operation):
        return True

    def do(self, kind, operation):
        self.connection.send((kind, operation))
        return self.connection.recv()

    def end(self):
        self.process.kill()
        self.process.join()
        self.connection.close()


# How the C program's errors are called in Python.
_CLASSES = {
    "not-found": ("IndexError", "KeyError", "ValueError"),
    "not-representable": ("NotRepresentable", "TypeError"),
    "invalid-argument": ("InvalidArgument", "TypeError", "ValueError"),
}

# Which arguments it takes: i an index, v a value, k a key, l several values, p pairs.
_VOCABULARY = {
    "list": {"append": "v", "extend": "l", "insert": "iv", "pop": "i", "remove": "v", "index": "v", "count": "v", "in": "v", "get": "i",
             "set": "iv", "get_slice": "ii", "del_slice": "ii", "clear": "", "len": ""},
    "dict": {"[]": "k", "get": "k", "in": "k", "set": "kv", "pop": "k", "del": "k", "update": "p", "clear": "", "len": "", "keys": "",
             "items": ""},
    "value": {"get": "", "set": "v", "add": "v", "compare_and_set": "vv"},
}  # fmt: skip


class _Cannot(Exception):
    """The C program has no such call."""


def _index(index):
    if type(index) is not int or not -(2**63) <= index < 2**63:
        raise _Cannot
    return GLib.Variant.new_int64(index)


def _boxed(values):
    return GLib.Variant.new_array(GLib.VariantType("v"), [GLib.Variant.new_variant(value) for value in values])


def _pairs(pairs):
    if any(len(pair) != 2 for pair in pairs):
        raise _Cannot
    boxed = [tuple(GLib.Variant.new_variant(_CONVERT["v"](part)) for part in (operations.key_of(key), value)) for key, value in pairs]
    return GLib.Variant.new_array(GLib.VariantType("(vv)"), [GLib.Variant.new_tuple(*pair) for pair in boxed])


_CONVERT = {
    "i": _index,
    "v": _values.to_variant,
    "k": lambda key: _values.to_variant(operations.key_of(key)),
    "l": lambda values: _boxed([_values.to_variant(value) for value in values]),
    "p": _pairs,
}


class CWorker:
    """oracle-worker, asked by lines of GVariant text."""

    name = "C"

    def __init__(self, program, things):
        launcher = Gio.SubprocessLauncher.new(Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE)
        for kind, thing in things.items():
            thing.pass_to(launcher, kind)
        self.process = launcher.spawnv([program])
        self.input = self.process.get_stdin_pipe()
        self.output = Gio.DataInputStream.new(self.process.get_stdout_pipe())

    def _line(self, kind, operation):
        name, *arguments = operation
        wanted = _VOCABULARY[kind].get(name)
        if wanted is None or len(wanted) != len(arguments):
            raise _Cannot
        values = [_CONVERT[letter](argument) for letter, argument in zip(wanted, arguments)]
        return GLib.Variant.new_tuple(GLib.Variant.new_string(f"{kind} {name}"), _boxed(values)).print_(True)

    def can(self, kind, operation):
        try:
            self._line(kind, operation)
        except (_Cannot, TypeError):
            return False
        return True

    def do(self, kind, operation):
        self.input.write_all((self._line(kind, operation) + "\n").encode(), None)
        answer = self.output.read_line_utf8(None)[0]
        verdict, _, text = answer.partition(" ")
        if verdict != "done":
            return Raised(_CLASSES.get(verdict, (verdict,)), text)
        result = _values.from_variant(GLib.Variant.parse(None, text, None, None))
        return repr(result)

    def end(self):
        self.process.force_exit()
        self.process.wait(None)


def start(things):
    """One of each. The forked one is the first, as long as this process has one thread."""
    program = os.path.join(os.environ["SHMOBJ_BUILD"], "tests", "languages", "oracle", "oracle-worker")
    return [PythonWorker("fork", things), PythonWorker("spawn", things), CWorker(program, things)]
