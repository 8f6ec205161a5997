# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of tools/bench: what is measured, beside what, and what we aim at.

A program is (its name, its case, arguments…); it prints nanoseconds. The last argument is a number of
rounds, which --quick divides. A ratio tells how many times as fast we are as the peer (FASTER, at least
the aim), or how many times as long we take (LONGER, at most the aim)."""

from typing import NamedTuple, Optional

FASTER = "faster"
LONGER = "longer"


class Row(NamedTuple):
    what: str
    peer_name: str
    ours: tuple
    peer: Optional[tuple]
    unit: str = "M/s"  # or us, ns: how both are shown
    ratio: str = FASTER
    aim: Optional[float] = None
    floor: Optional[float] = None  # what must hold; the aim, where left out


class Section(NamedTuple):
    title: str
    rows: list


def c(case, *arguments):
    return ("bench-objects", case, *arguments)


def boost(case, *arguments):
    return ("bench-boost", case, *arguments)


def peers(case, *arguments):
    return ("bench-peers", case, *arguments)


def python(module, case, n):
    return ("bench-python.py", module, case, n)


def in_python(what, case, n, **aims):
    name = {"queue": "mp.Queue", "pipe": "mp.Pipe", "lock": "mp.Lock"}.get(case, "mp.Manager")
    return Row(what, name, python("shmobj.multiprocessing", case, n), python("multiprocessing", case, n // 5),
               "us", **aims)


def in_manager(what, case, n):
    """From C, beside Python's Manager (a server and pickles), Redis (a server) and LMDB without any of ours."""
    ours = ("bench-manager", case, n)
    lmdb = peers("lmdb-write" if case in ("list-append", "dict-set") else "lmdb-read", n)
    return [
        Row(f"{what}", "mp.Manager", ours, python("multiprocessing", case, 2000), "us", FASTER, 60, 20),
        Row(f"{what}", "Redis", ours, ("bench-redis", case, 2000), "us", FASTER, 25),
        Row(f"{what}", "LMDB by hand", ours, lmdb, "us", LONGER),
    ]


ONE_TO_ONE = c("queue", 1, 1, 0, 1000000)


def crowd(writers, readers, floor=0.5):
    return Row(f"Queue 64 B, {writers}:{readers}", "our 1:1", c("queue", writers, readers, 0, 1000000), ONE_TO_ONE,
               aim=0.7, floor=floor)


def bounded(maxsize, n, peer_n):
    return Row(f"Queue 64 B, 2:2, maxsize {maxsize}", "Boost message_queue", c("queue", 2, 2, maxsize, n),
               boost("queue", 2, 2, maxsize, peer_n), aim=1)


SECTIONS = [
    Section("Queue, between processes", [
        Row("Queue 64 B, 1:1", "Boost message_queue", ONE_TO_ONE, boost("queue", 1, 1, 0, 300000), aim=8, floor=4),
        Row("Queue 64 B, 1:1", "Boost lockfree spsc", ONE_TO_ONE, boost("spsc", 2000000), aim=0.25),
        Row("Ring 64 B, 1:1, batches of 64", "Boost lockfree spsc", ("bench-batches", 4000000), boost("spsc", 2000000),
            aim=0.8),
        crowd(2, 2), crowd(8, 1), crowd(1, 8), crowd(8, 8), crowd(32, 32),
        bounded(1, 20000, 2000), bounded(10, 50000, 5000), bounded(100, 200000, 20000),
    ]),
    Section("Round trips", [
        Row("Queue 64 B, both awake", "two spinning words", c("trip", 50000), peers("words", 200000), "us", LONGER, 3),
        Row("Queue 64 B, asleep, one CPU", "bare futexes", c("trip-asleep", 20000), peers("futex", 20000), "us", LONGER,
            1.25),
        Row("Pipe 64 B, asleep, one CPU", "bare socketpair", c("pipe-asleep", 10000), peers("socketpair", 10000), "us",
            LONGER, 1.25),
    ]),
    Section("One process, CPU time", [
        Row("Queue 64 B, put + get", "Boost message_queue", c("pair", 500000), boost("pair", 300000), "ns", FASTER, 1),
        Row("Queue 1 MiB, put + get", "two memcpy", c("large", 200), peers("memcpy", 200), "us", LONGER, 1.3),
        Row("Queue, GVariant (isd)", "the GVariant alone", c("pair-variant", 50000), c("variant", 50000), "ns", LONGER),
        Row("64 GVariants, put_many + get_many", "one by one", c("many-variants", 50000), c("pair-variants", 50000), "ns",
            LONGER, 1),
        Row("Lock, acquire + release", "robust mutex", c("lock", 1000000), peers("mutex", 1000000), "ns", LONGER, 2),
    ]),
    Section("Manager, from C", [
        *in_manager("List, append", "list-append", 10000), *in_manager("List, read", "list-read", 50000),
        *in_manager("Dict, set", "dict-set", 10000), *in_manager("Dict, get", "dict-get", 50000),
    ]),
    Section("Python", [
        in_python("Queue, put and get", "queue", 20000, aim=10, floor=3),
        in_python("Pipe, round trip", "pipe", 10000, aim=1),
        in_python("Lock, acquire + release", "lock", 100000, aim=1),
        in_python("list, append", "list-append", 10000, aim=25, floor=10),
        in_python("list, read", "list-read", 10000, aim=25, floor=10),
        in_python("dict, set", "dict-set", 10000, aim=25, floor=10),
        in_python("dict, get", "dict-get", 10000, aim=25, floor=10),
    ]),
]

# What it counts of sleepers: (what, program's case and arguments, unit, at most)
IDLE = [
    ("a lone sleeper: wake-ups", ("bench-idle", "wakeups", 1), "/s", 0),
    ("a lone sleeper: CPU", ("bench-idle", "cpu", 1), "us/s", 0),
    ("each in a pool of 4: wake-ups", ("bench-idle", "wakeups", 4), "/s", 1),
    ("each in a pool of 4: CPU", ("bench-idle", "cpu", 4), "us/s", 100),
]

# Instructions per round, in one process, counted by valgrind.
INSTRUCTIONS = [
    ("Queue, 64 B: put_data + get_into", c("pair", 1000)),
    ("Queue, GVariant (isd): new + put + get", c("pair-variant", 500)),
    ("List: append of an integer", ("bench-manager", "list-append", 500)),
    ("List: get", ("bench-manager", "list-read", 500)),
    ("Dict: set", ("bench-manager", "dict-set", 500)),
    ("Dict: get", ("bench-manager", "dict-get", 500)),
    ("Lock: acquire + release", c("lock", 1000)),
    ("Boost message_queue: send + receive", boost("pair", 1000)),
    ("robust mutex: lock + unlock", peers("mutex", 1000)),
]
