# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that link the library and clients of the service agree: what all of them do to one list, dict, value or queue at
the same time is what one plain object could have answered. So a change from either side is seen by the other at once, and in
the same order. tests/languages/oracle/linear.py looks for that order. $SHMOBJ_ROUNDS is a number of rounds to search on with,
$SHMOBJ_TEST_SEED where to begin."""

import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["SHMOBJ_SOURCE"], "tests", "languages", "oracle"))
import linear
import operations
import over_bus
import test_linear
import workers
from gi.repository import Shmobj
from linear import Call
from workers import Request

SLOWER = int(os.environ.get("SHMOBJ_TEST_SLOWER", 1))
ROUNDS = int(os.environ.get("SHMOBJ_ROUNDS", max(2, 8 // SLOWER)))
SEED = int(os.environ.get("SHMOBJ_TEST_SEED", 1))
NATIVE_CALLS, BUS_CALLS = 150, 20  # in a round; a call over the bus takes longer
QUEUE_CALLS = 30  # that may have come in many orders are many states to look at
OVERLAPS = 50


class BusWorker(workers.PythonWorker):
    def can(self, kind, operation):
        return over_bus.can(kind, operation)


START = {**test_linear.START, "queue": lambda _rng: [("drain",), ("put", "a")]}
KINDS = {"list": over_bus.List, "dict": over_bus.Dict, "value": over_bus.Value, "queue": over_bus.Queue}


def draw(rng, kind):
    if kind == "queue":
        return ("put", rng.randrange(3)) if rng.random() < 0.5 else ("get",)
    return test_linear.draw(rng, kind)


def drawn_for(rng, kind, worker):
    while True:
        operation = draw(rng, kind)
        if worker.can(kind, operation):
            return operation


class Agree(unittest.TestCase):
    def start_workers(self, kind):
        method = "fork" if workers._may_fork() else "spawn"
        memory = Shmobj.SharedMemory.new(8 * 4)
        name = "agreed" + kind
        native, over = {kind: getattr(Shmobj.Manager.new("session"), kind)(name)}, {kind: KINDS[kind](name)}
        started = [(BusWorker if number < 2 else workers.PythonWorker)(method, over if number < 2 else native, memory, number)
                   for number in range(4)]
        for worker in started:
            self.addCleanup(worker.end)
        return started

    def round(self, kind, rng, number, started):
        first = START[kind](rng)
        native_calls = QUEUE_CALLS if kind == "queue" else NATIVE_CALLS
        mine = [[drawn_for(rng, kind, worker) for _ in range(BUS_CALLS if isinstance(worker, BusWorker) else native_calls)]
                for worker in started]
        for who, worker in enumerate(started):  # the last one is native: it can do all that comes first
            worker.ask([Request(number, kind, first if who == len(started) - 1 else [], mine[who])])
        plain, calls = operations.PLAIN[kind](), []
        for place, operation in enumerate(first):
            calls.append(Call(0, operation, place, operations.outcome(kind, plain, operation), place))
        for who, worker in enumerate(started):
            calls += [Call(who, operation, *step) for operation, step in zip(mine[who], worker.answers()[0])]
        return calls

    def check(self, kind):
        started = self.start_workers(kind)
        rng, begun, rounds, count, overlaps = random.Random(SEED), time.monotonic(), 0, 0, 0
        while rounds < ROUNDS or overlaps < OVERLAPS:
            rounds += 1
            calls = self.round(kind, rng, rounds, started)
            count, overlaps = count + len(calls), overlaps + linear.overlaps(calls)
            wrong = linear.unexplained(kind, calls)
            if wrong is not None:
                self.fail(f"no order of the calls of round {rounds}, seed {SEED}, explains these answers (workers 0 and 1 are on the "
                          f"bus):\n{linear.show(calls, wrong)}")
        print(f"# {kind}: {count} calls, {overlaps} of them while another one ran, in {time.monotonic() - begun:.1f} s")

    def test_list(self):
        self.check("list")

    def test_dict(self):
        self.check("dict")

    def test_value(self):
        self.check("value")

    def test_queue(self):
        self.check("queue")


if __name__ == "__main__":
    unittest.main()
