# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that do operations to the same shared objects: forked ones, spawned ones, and a C program.

Each has the objects of its own: inherited, from a pickle, or from the handle that a child of GSubprocess is given.

What one is asked is a Request, or many of them at once; it answers each with a Step for each operation. Requests of one
number begin at the same time in all workers, which meet before it: a word of each, in shared memory, that says how often
it has come to a meeting, and that the others look at until it is as high as theirs."""

import multiprocessing
import os
import time
from typing import NamedTuple

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj

import operations
from operations import Raised
from shmobj import _values


class Request(NamedTuple):
    meeting: int  # 0: at once; else they meet, `first` is done, and they meet again
    kind: str
    first: list  # operations whose end does not matter
    operations: list


class Step(NamedTuple):
    start: int  # of the monotonic clock, in nanoseconds
    outcome: object
    end: int


class Meeting:
    """Where workers wait for each other. Pickled, and so made for as many as will come."""

    def __init__(self, memory, me):
        self.memory, self.me = memory, me
        self.words = memory.buf.cast("Q")

    def __reduce__(self):
        return Meeting, (self.memory, self.me)

    def come(self, number):
        self.words[self.me] = number
        while min(self.words) < number:
            os.sched_yield()


def _do(request, things, meeting):
    thing, act = things[request.kind], operations.outcome
    if request.meeting:
        meeting.come(2 * request.meeting - 1)
    for operation in request.first:
        act(request.kind, thing, operation)
    if request.meeting:
        meeting.come(2 * request.meeting)
    steps, clock = [], time.monotonic_ns
    for operation in request.operations:
        start = clock()
        result = act(request.kind, thing, operation)
        steps.append(Step(start, result, clock()))
    return steps


def _serve(connection, things, meeting):
    while True:
        connection.send([_do(request, things, meeting) for request in connection.recv()])


class PythonWorker:
    """A process started as the method says, and asked by a pipe."""

    def __init__(self, method, things, memory, me):
        context = multiprocessing.get_context(method)
        self.name = method
        self.connection, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, things, Meeting(memory, me)), daemon=True)
        self.process.start()
        there.close()

    def can(self, _kind, _operation):
        return True

    def ask(self, requests):
        self.connection.send(requests)

    def answers(self):
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
             "set": "iv", "get_slice": "ii", "set_slice": "liii", "del_slice": "iii", "reverse": "", "*=": "i", "iterate": "", "clear": "",
             "len": ""},
    "dict": {"[]": "k", "get": "k", "in": "k", "set": "kv", "pop": "k", "del": "k", "update": "p", "setdefault": "kv", "popitem": "", "clear": "", "len": "", "keys": "",
             "items": ""},
    "value": {"get": "", "set": "v", "add": "v", "compare_and_set": "vv"},
}  # fmt: skip


class _Cannot(Exception):
    """The C program has no such call."""


def _index(index):
    if type(index) is not int or not -(2**63) <= index < 2**63:
        raise _Cannot
    return GLib.Variant.new_int64(index)


def _bounds(name, bounds):
    """The bounds of a slice as the library wants them. It reads ranges only."""
    start, end, step = (*bounds, None)[:3]
    step = _within(1 if step is None else step)
    first, last = (0, 2**63 - 1) if step > 0 else (2**63 - 1, -(2**63))
    start, end = first if start is None else _within(start), last if end is None else _within(end)
    if name != "get_slice":
        return start, end, step
    if step != 1:
        raise _Cannot
    return start, end


def _within(bound):
    return max(-(2**63), min(bound, 2**63 - 1))


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

    def __init__(self, program, things, memory, me):
        launcher = Gio.SubprocessLauncher.new(Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE)
        for name, thing in {**things, "meeting": memory}.items():
            thing.pass_to(launcher, name)
        self.process = launcher.spawnv([program, str(me)])
        self.input = self.process.get_stdin_pipe()
        self.output = Gio.DataInputStream.new(self.process.get_stdout_pipe())
        self.asked = []

    @staticmethod
    def _order(kind, operation):
        name, *arguments = operation
        wanted = _VOCABULARY[kind].get(name)
        if name.endswith("_slice"):
            values = arguments[:1] if name == "set_slice" else []
            arguments = [*values, *_bounds(name, arguments[len(values):])]
        if wanted is None or len(wanted) != len(arguments):
            raise _Cannot
        values = [_CONVERT[letter](argument) for letter, argument in zip(wanted, arguments)]
        return GLib.Variant.new_tuple(GLib.Variant.new_string(f"{kind} {name}"), _boxed(values))

    def _line(self, request):
        def orders(many):
            return GLib.Variant.new_array(GLib.VariantType("(sav)"), [self._order(request.kind, one) for one in many])

        parts = GLib.Variant.new_uint64(request.meeting), orders(request.first), orders(request.operations)
        return GLib.Variant.new_tuple(*parts).print_(True) + "\n"

    def can(self, kind, operation):
        try:
            self._order(kind, operation)
        except (_Cannot, TypeError):
            return False
        return True

    def ask(self, requests):
        self.asked = requests
        self.input.write_all("".join(map(self._line, requests)).encode(), None)

    def answers(self):
        return [[self._step() for _ in request.operations] for request in self.asked]

    def _step(self):
        start, end, verdict, text = self.output.read_line_utf8(None)[0].split(" ", 3)
        if verdict == "done":
            outcome = repr(_values.from_variant(GLib.Variant.parse(None, text, None, None)))
        else:
            outcome = Raised(_CLASSES.get(verdict, (verdict,)), text)
        return Step(int(start), outcome, int(end))

    def end(self):
        self.process.force_exit()
        self.process.wait(None)


def do(worker, kind, operation):
    """One operation, and what it came to."""
    worker.ask([Request(0, kind, [], [operation])])
    return worker.answers()[0][0].outcome


def _may_fork():
    """The address sanitizer's allocator may be locked for ever in the fork of a process with several threads."""
    return "libasan" not in os.environ.get("LD_PRELOAD", "") or len(os.listdir("/proc/self/task")) == 1


def start(things, methods=("fork", "spawn", "C")):
    """One of each. Those that are forked come first, while this process has one thread."""
    if not _may_fork():
        methods = ["spawn" if method == "fork" else method for method in methods]
    program = os.path.join(os.environ["SHMOBJ_BUILD"], "tests", "languages", "oracle", "oracle-worker")
    memory = Shmobj.SharedMemory.new(8 * len(methods))
    return [
        CWorker(program, things, memory, me) if method == "C" else PythonWorker(method, things, memory, me)
        for me, method in enumerate(methods)
    ]
