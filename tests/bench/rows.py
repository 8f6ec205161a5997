# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of tools/bench: what is measured, beside what, and what we aim at.

A program is (its name, its case, arguments…). Its last argument is a number of rounds, which --quick divides.
A ratio tells how many times as fast we are as the peer (FASTER, at least the aim), or how many times as long we
take (LONGER, at most the aim)."""

from typing import NamedTuple, Optional

FASTER = "faster"
LONGER = "longer"


class Beside(NamedTuple):
    """A peer."""
    name: str
    program: tuple
    ratio: str = FASTER
    aim: Optional[float] = None
    floor: Optional[float] = None  # what must hold; the aim, where left out


class Row(NamedTuple):
    what: str
    ours: tuple
    besides: list = []
    unit: str = "M/s"  # how both are shown
    takes: str = "ns"  # which of the printed numbers
    limit: Optional[tuple] = None  # for what has no peer: (at least, or at most; how much), in the unit


class Section(NamedTuple):
    title: str
    rows: list
    rounds: int = 5


def peers(case, *arguments):
    return ("bench-peers", case, *arguments)


def python(module, case, n):
    return ("bench-python.py", module, case, n)


# ---- channels ----

KIB = 1024
MIB = 1024 * KIB

CHANNELS = {
    "ours": ("bench-queue", "queue"),
    "our Pipe": ("bench-queue", "pipe"),
    "our loans": ("bench-queue", "loan"),
    "Boost message_queue": ("bench-boost", "message_queue"),
    "Boost lockfree spsc": ("bench-boost", "spsc"),
    "POSIX mq": ("bench-kernel", "mqueue"),
    "pipe": ("bench-kernel", "pipe"),
    "socketpair": ("bench-kernel", "socketpair"),
    "bare socketpair": ("bench-kernel", "packets"),
    "ZeroMQ": ("bench-zmq", "push-pull"),
    "nng": ("bench-nng", "pipeline"),
    "iceoryx": ("bench-iceoryx", "publish"),
}


def channel(name, case, size, n, writers=1, readers=1, depth=0):
    return (*CHANNELS[name], case, size, writers, readers, depth, n)


def beside(name, case, size, n, *shape, **aims):
    return Beside(name, channel(name, case, size, n, *shape), **aims)


# How many messages a peer gets, beside the slow ones: so that each takes about as long.
PACE = {"Boost lockfree spsc": 5, "nng": 0.1, "iceoryx": 0.3, "socketpair": 0.5}


def one_to_one(what, size, n, slow_n, unit, names, **aims):
    return Row(f"Queue {what}, 1:1", channel("ours", "flow", size, n),
               [beside(name, "flow", size, max(2, min(n, int(slow_n * PACE.get(name, 1)))), **aims.get(name, {}))
                for name in names], unit)


EVERYBODY = ("Boost message_queue", "Boost lockfree spsc", "POSIX mq", "pipe", "socketpair", "ZeroMQ", "nng", "iceoryx")
WITHOUT_MQ = tuple(name for name in EVERYBODY if name != "POSIX mq")  # its messages are 8 KiB at most
WITHOUT_SPSC = tuple(name for name in WITHOUT_MQ if name != "Boost lockfree spsc")

SIZES = [
    one_to_one("8 B", 8, 2000000, 100000, "M/s", EVERYBODY),
    one_to_one("64 B", 64, 2000000, 100000, "M/s", EVERYBODY,
               **{"Boost message_queue": {"aim": 8, "floor": 4}, "Boost lockfree spsc": {"aim": 0.25}}),
    one_to_one("1 KiB", KIB, 200000, 50000, "M/s", EVERYBODY),
]

LARGE = [
    one_to_one("64 KiB", 64 * KIB, 10000, 3000, "us", WITHOUT_MQ),
    one_to_one("1 MiB", MIB, 500, 200, "us", WITHOUT_MQ),
    one_to_one("64 MiB", 64 * MIB, 6, 4, "ms", WITHOUT_SPSC),
]

ONE_TO_ONE = channel("ours", "flow", 64, 1000000)


def crowd(writers, readers, names=("Boost message_queue", "pipe")):
    return Row(f"Queue 64 B, {writers}:{readers}", channel("ours", "flow", 64, 1000000, writers, readers),
               [Beside("our 1:1", ONE_TO_ONE, aim=0.7, floor=0.5),
                *(beside(name, "flow", 64, 30000, writers, readers) for name in names)])


def bounded(maxsize, n, peer_n, names=("Boost message_queue",)):
    return Row(f"Queue 64 B, 2:2, maxsize {maxsize}", channel("ours", "flow", 64, n, 2, 2, maxsize),
               [beside(name, "flow", 64, peer_n, 2, 2, maxsize, aim=1 if name == "Boost message_queue" else None)
                for name in names])


def share(side, least):
    """Of 8 on each side: what the worst gets done of what each would, were all alike."""
    return Row(f"8:8, 64 B: the worst {side}'s share", channel("ours", "shares", 64, 0, 8, 8), unit="%", takes=side,
               limit=(True, least))


# ---- round trips: the median of single ones ----

def trip(what, case, ours, n, *besides):
    return Row(what, channel(ours, case, 64, n), besides, "us", "median_ns")


def slow_trips(case, n, names):
    return [beside(name, case, 64, n) for name in names]


TRIPS = [
    trip("Queue 64 B, both awake", "trip", "ours", 50000,
         Beside("two spinning words", peers("words", 50000), LONGER, 3),
         *slow_trips("trip", 500, ("Boost message_queue", "POSIX mq", "pipe", "iceoryx"))),
    trip("Pipe 64 B, both awake", "trip", "our Pipe", 20000, *slow_trips("trip", 500, ("socketpair", "ZeroMQ", "nng"))),
    trip("Queue 64 B, asleep, one CPU", "trip-asleep", "ours", 10000,
         Beside("bare futexes", peers("futex", 10000), LONGER, 1.25),
         *slow_trips("trip-asleep", 3000, ("Boost message_queue", "POSIX mq", "pipe", "iceoryx"))),
    trip("Pipe 64 B, asleep, one CPU", "trip-asleep", "our Pipe", 10000,
         beside("bare socketpair", "trip-asleep", 64, 10000, ratio=LONGER, aim=1.25),
         *slow_trips("trip-asleep", 500, ("ZeroMQ", "nng"))),
]


# ---- one process ----

def c(case, *arguments):
    return ("bench-objects", case, *arguments)


ALONE = [
    Row("Queue 64 B, put + get", channel("ours", "pair", 64, 500000),
        [beside("Boost message_queue", "pair", 64, 300000, aim=1)], "ns"),
    Row("Queue 1 MiB, put + get", channel("ours", "pair", MIB, 200),
        [Beside("two memcpy", peers("memcpy", MIB, 200), LONGER, 1.3)], "us"),
    Row("Queue 64 MiB, put + get", channel("ours", "pair", 64 * MIB, 12),
        [Beside("two memcpy", peers("memcpy", 64 * MIB, 6), LONGER)], "ms"),
    Row("Queue, loaned 64 MiB", channel("our loans", "pair", 64 * MIB, 20000),
        [Beside("loaned 64 B", channel("our loans", "pair", 64, 20000), LONGER, 2)], "ns"),
    Row("Queue, GVariant (isd)", c("pair-variant", 50000), [Beside("the GVariant alone", c("variant", 50000), LONGER)],
        "ns"),
    Row("64 GVariants, put_many + get_many", c("many-variants", 50000),
        [Beside("one by one", c("pair-variants", 50000), LONGER, 1)], "ns"),
    Row("Lock, acquire + release", c("lock", 1000000), [Beside("robust mutex", peers("mutex", 1000000), LONGER, 2)],
        "ns"),
]


# ---- managers: beside Python's (a server and pickles), Redis (a server) and LMDB without any of ours ----

def in_manager(what, case, n):
    lmdb = peers("lmdb-write" if case in ("list-append", "list-set", "dict-set") else "lmdb-read", n)
    return Row(what, ("bench-manager", case, n),
               [Beside("mp.Manager", python("multiprocessing", case, 2000), FASTER, 60, 20),
                Beside("Redis", ("bench-redis", case, 2000), FASTER, 25), Beside("LMDB by hand", lmdb, LONGER, 2)], "us")


def copy_in_manager(what, case, n):
    """All of 10 000 items at once: there the servers' round trips count for little."""
    return Row(what, ("bench-manager", case, n),
               [Beside("mp.Manager", python("multiprocessing", case, n // 4)), Beside("Redis", ("bench-redis", case, n // 4))], "us")


def by_4_processes(what, case, n):
    """At the same time, the time of one of all calls: where writers wait for each other."""
    return Row(what, ("bench-manager", f"{case}-by-4", n),
               [Beside("mp.Manager", python("multiprocessing", f"{case}-by-4", 4000)),
                Beside("one alone", ("bench-manager", case, n), LONGER)], "us")


def by_bus(what, case):
    """A client of the service, beside one of a service that does nothing."""
    return Row(what, ("bench-bus", case, 2000), [Beside("D-Bus echo", ("bench-bus", "echo", 2000), LONGER)], "us")


def in_javascript(what, case, n):
    return Row(what, ("bench-javascript.js", case, n), [Beside("mp.Manager", python("multiprocessing", case, n // 4))], "us")


# ---- Python ----

def in_python(what, case, n, **aims):
    name = {"queue": "mp.Queue", "pipe": "mp.Pipe", "lock": "mp.Lock"}.get(case.split("-")[0], "mp.Manager")
    return Row(what, python("shmobj.multiprocessing", case, n),
               [Beside(name, python("multiprocessing", case, n // 5), **aims)], "us")


# ---- sleepers ----

def idle(what, sleepers, takes, unit, most):
    return Row(what, ("bench-idle", sleepers, 3), unit=unit, takes=takes, limit=(False, most))


SECTIONS = [
    Section("Queue, from one process to another", SIZES),
    Section("Queue, large messages", LARGE, rounds=3),
    Section("Queue, many to many and bounded", [
        crowd(2, 2), crowd(8, 1), crowd(1, 8), crowd(8, 8), crowd(32, 32, ()),
        bounded(1, 20000, 2000, ("Boost message_queue", "POSIX mq")),
        bounded(10, 50000, 5000, ("Boost message_queue", "POSIX mq")),
        bounded(100, 200000, 20000),
    ]),
    Section("Batches", [
        Row("Ring 64 B, 1:1, batches of 64", ("bench-batches", 2000000),
            [beside("Boost lockfree spsc", "flow", 64, 500000, aim=0.8)]),
        Row("Queue, GVariants of 64 B, 1:1, batches of 64", c("flow-many", 300000),
            [Beside("one by one", c("flow-variants", 300000), aim=1), beside("Boost lockfree spsc", "flow", 64, 500000)]),
    ]),
    Section("Fair shares", [share("writer", 25), share("reader", 25)], rounds=3),
    Section("Round trips", TRIPS),
    Section("One process, CPU time", ALONE),
    Section("Manager, from C", [
        in_manager("List, append", "list-append", 10000), in_manager("List, read", "list-read", 50000),
        in_manager("List, set", "list-set", 10000),
        in_manager("Dict, set", "dict-set", 10000), in_manager("Dict, get", "dict-get", 50000),
        copy_in_manager("List, copy of 10 000", "list-copy", 200), copy_in_manager("Dict, copy of 10 000", "dict-copy", 100),
        Row("Transaction of 10 writes", ("bench-manager", "transact", 3000),
            [Beside("10 single ones", ("bench-manager", "dict-set-10", 3000)), Beside("Redis, MULTI", ("bench-redis", "transact", 1000)),
             Beside("LMDB by hand", peers("lmdb-transact", 3000), LONGER, 2)], "us"),
        by_4_processes("List, append, by 4 processes", "list-append", 20000),
        by_4_processes("Dict, set, by 4 processes", "dict-set", 20000),
        Row("List of 1 000 000, insert in the middle", ("bench-manager", "list-insert", 5000),
            [Beside("append", ("bench-manager", "list-append-long", 5000), LONGER, 30)], "us"),
    ], rounds=3),
    Section("Manager, by D-Bus", [
        by_bus("List, append, by D-Bus", "list-append"), by_bus("List, read, by D-Bus", "list-read"),
        by_bus("Dict, set, by D-Bus", "dict-set"), by_bus("Dict, get, by D-Bus", "dict-get"),
    ], rounds=3),
    Section("Python", [
        in_python("Queue, put and get", "queue", 20000, aim=10, floor=3),
        in_python("Queue, 1 MiB of bytes", "queue-large", 500), in_python("Pipe, round trip", "pipe", 10000, aim=1),
        in_python("Lock, acquire + release", "lock", 100000, aim=1),
        in_python("list, append", "list-append", 10000, aim=25, floor=10),
        in_python("list, read", "list-read", 10000, aim=25, floor=10),
        in_python("dict, set", "dict-set", 10000, aim=25, floor=10),
        in_python("dict, get", "dict-get", 10000, aim=25, floor=10),
        in_python("list, append, by 4 processes", "list-append-by-4", 10000),
        in_python("list, copy of 10 000", "list-copy", 100), in_python("dict, copy of 10 000", "dict-copy", 50),
    ], rounds=3),
    Section("JavaScript", [
        in_javascript("List, append, in JavaScript", "list-append", 8000), in_javascript("List, read, in JavaScript", "list-read", 8000),
        in_javascript("Dict, set, in JavaScript", "dict-set", 8000), in_javascript("Dict, get, in JavaScript", "dict-get", 8000),
        in_javascript("List, copy of 10 000, in JavaScript", "list-copy", 40),
    ], rounds=3),
    Section("Idle", [
        idle("a lone sleeper: wake-ups", 1, "wakeups", "/s", 0), idle("a lone sleeper: CPU", 1, "cpu_us", "us/s", 0),
        idle("each in a pool of 4: wake-ups", 4, "wakeups", "/s", 1),
        idle("each in a pool of 4: CPU", 4, "cpu_us", "us/s", 100),
    ], rounds=1),
]

# Instructions per round, in one process, counted by valgrind.
INSTRUCTIONS = [
    ("Queue, 64 B: put_data + get_into", channel("ours", "pair", 64, 1000)),
    ("Queue, GVariant (isd): new + put + get", c("pair-variant", 500)),
    ("Queue, each of 64 GVariants: new + put_many + get_many", c("many-variants", 640)),
    ("Queue, a loan: loan + put_loan + take + release", channel("our loans", "pair", 64, 1000)),
    ("Pipe, 64 B: send_bytes + receive_bytes", channel("our Pipe", "pair", 64, 1000)),
    ("List: append of an integer", ("bench-manager", "list-append", 500)),
    ("List: get", ("bench-manager", "list-read", 500)),
    ("List: copy of 10 000", ("bench-manager", "list-copy", 8)),
    ("Dict: set", ("bench-manager", "dict-set", 500)),
    ("Dict: get", ("bench-manager", "dict-get", 500)),
    ("Transaction of 10 dict sets", ("bench-manager", "transact", 100)),
    ("LMDB by hand: begin + 10 puts + commit", peers("lmdb-transact", 100)),
    ("Lock: acquire + release", c("lock", 1000)),
    ("LMDB by hand: begin + put + commit", peers("lmdb-write", 500)),
    ("LMDB by hand: renew + get + reset", peers("lmdb-read", 500)),
    ("Boost message_queue: send + receive", channel("Boost message_queue", "pair", 64, 1000)),
    ("robust mutex: lock + unlock", peers("mutex", 1000)),
]
