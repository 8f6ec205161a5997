# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several processes do to one list, dict or value at the same time is what one plain object could have answered.

Python processes and a C program make random calls, thousands of them, and linear.py looks for an order of the calls that
explains all answers. $SHMOBJ_ROUNDS is a number of rounds to search on with, $SHMOBJ_TEST_SEED where to begin."""

import os
import random
import time
import unittest

import linear
import operations
import workers
from gi.repository import Shmobj
from linear import Call
from operations import Raised
from workers import Request

SLOWER = int(os.environ.get("SHMOBJ_TEST_SLOWER", 1))
ROUNDS = int(os.environ.get("SHMOBJ_ROUNDS", max(2, 10 // SLOWER)))
SEED = int(os.environ.get("SHMOBJ_TEST_SEED", 1))
OVERLAPS = 50  # calls that began while another one ran: at least
CALLS = 150  # of each worker in a round

VALUES = (2, 3, "a")
LIST = (
    lambda v, i: ("append", v), lambda v, i: ("append", v), lambda v, i: ("extend", [v, i]), lambda v, i: ("insert", i, v),
    lambda v, i: ("pop",), lambda v, i: ("pop", i), lambda v, i: ("remove", v), lambda v, i: ("index", v), lambda v, i: ("count", v),
    lambda v, i: ("in", v), lambda v, i: ("reverse",), lambda v, i: ("sort_by_repr", False), lambda v, i: ("get", i),
    lambda v, i: ("set", i, v), lambda v, i: ("get_slice", i, 9), lambda v, i: ("set_slice", [v, i], i, 2),
    lambda v, i: ("set_slice", [v], None, None, -2), lambda v, i: ("del_slice", i, 2), lambda v, i: ("del_slice", None, None, 2),
    lambda v, i: ("clear",), lambda v, i: ("len",), lambda v, i: ("iterate",), lambda v, i: ("copy",), lambda v, i: ("index", v, 1),
    lambda v, i: ("*=", 2), lambda v, i: ("del_slice", 4, 99),
)  # fmt: skip
DICT = (
    lambda k, v: ("[]", k), lambda k, v: ("get", k), lambda k, v: ("in", k), lambda k, v: ("set", k, v), lambda k, v: ("set", k, v),
    lambda k, v: ("setdefault", k, v), lambda k, v: ("pop", k), lambda k, v: ("popitem",), lambda k, v: ("del", k),
    lambda k, v: ("update", [(k, v), (2, v)]), lambda k, v: ("clear",), lambda k, v: ("len",), lambda k, v: ("keys",),
    lambda k, v: ("items",), lambda k, v: ("values",), lambda k, v: ("copy",),
)  # fmt: skip
VALUE = (
    lambda v, w: ("get",), lambda v, w: ("set", v), lambda v, w: ("add", v), lambda v, w: ("add", w),
    lambda v, w: ("compare_and_set", v, w),
)  # fmt: skip


def draw(rng, kind):
    if kind == "list":
        return rng.choice(LIST)(rng.choice(VALUES), rng.randrange(-3, 4))
    if kind == "dict":
        return rng.choice(DICT)(rng.choice((2, 3, "a")), rng.choice(VALUES))
    return rng.choice(VALUE)(rng.randrange(3), rng.randrange(3))


START = {
    "list": lambda rng: [("clear",), ("extend", [rng.choice(VALUES) for _ in range(rng.randrange(4))])],
    "dict": lambda rng: [("clear",), ("update", [(key, key) for key in VALUES[: rng.randrange(4)]])],
    "value": lambda rng: [("set", rng.randrange(3))],
}


class Arena:
    """Workers with objects of one manager."""

    def __init__(self, methods, things):
        self.workers = workers.start(things, methods)
        self.rounds = self.calls = self.overlaps = 0

    def end(self):
        for worker in self.workers:
            worker.end()

    def round(self, kind, rng, drawn=draw):
        """All calls of it; the first ones, one after the other, bring the object to where it starts."""
        self.rounds += 1
        first = START[kind](rng)
        mine = [[self._draw(rng, kind, worker, drawn) for _ in range(CALLS)] for worker in self.workers]
        for number, worker in enumerate(self.workers):
            worker.ask([Request(self.rounds, kind, [] if number else first, mine[number])])
        plain, calls = operations.PLAIN[kind](), []
        for place, operation in enumerate(first):
            calls.append(Call(0, operation, place, operations.outcome(kind, plain, operation), place))
        for who, worker in enumerate(self.workers):
            calls += [Call(who, operation, *step) for operation, step in zip(mine[who], worker.answers()[0])]
        self.calls += len(calls)
        self.overlaps += linear.overlaps(calls)
        return calls

    @staticmethod
    def _draw(rng, kind, worker, drawn):
        while True:
            operation = drawn(rng, kind)
            if worker.can(kind, operation):
                return operation


class Linear(unittest.TestCase):
    def check(self, kind):
        manager = Shmobj.Manager()
        arena = Arena(("fork", "spawn", "C", "fork"), {kind: getattr(manager, kind)() for kind in operations.KINDS})
        self.addCleanup(arena.end)
        rng, started = random.Random(SEED), time.monotonic()
        while arena.rounds < ROUNDS or arena.overlaps < OVERLAPS:  # on a busy machine workers may run one after the other
            calls = arena.round(kind, rng)
            wrong = linear.unexplained(kind, calls)
            if wrong is not None:
                self.fail(f"no order of the calls of round {arena.rounds}, seed {SEED}, explains these answers:\n"
                          f"{linear.show(calls, wrong)}")
        print(f"# {kind}: {arena.calls} calls, {arena.overlaps} of them while another one ran, "
              f"in {time.monotonic() - started:.1f} s")

    def test_list(self):
        self.check("list")

    def test_dict(self):
        self.check("dict")

    def test_value(self):
        self.check("value")


class TwoSteps:
    """A value whose add() is a look and a change: what the checker must notice."""

    def __init__(self, value):
        self.value = value

    def set(self, value):
        self.value.set(value)

    def add(self, amount):
        total = self.value.get() + amount
        os.sched_yield()
        self.value.set(total)
        return total


class CheckerFails(unittest.TestCase):
    """It finds the order where there is one, and says so where there is none."""

    def explained(self, kind, *calls):
        return linear.unexplained(kind, [Call(*call) for call in calls]) is None

    def test_calls_that_overlap_may_come_in_any_order(self):
        read = (1, ("len",), 0, "1", 9)
        self.assertTrue(self.explained("list", (0, ("append", 2), 5, "None", 6), read))
        self.assertTrue(self.explained("list", (0, ("append", 2), 5, "None", 6), (1, ("len",), 0, "0", 9)))
        self.assertFalse(self.explained("list", (0, ("append", 2), 5, "None", 6), (1, ("len",), 0, "2", 9)))

    def test_what_has_ended_came_before(self):
        self.assertFalse(self.explained("list", (0, ("append", 2), 1, "None", 2), (1, ("len",), 3, "0", 4)))
        self.assertFalse(self.explained("list", (0, ("append", 2), 5, "None", 6), (1, ("len",), 3, "1", 4)))

    def test_two_cannot_have_the_same_item(self):
        pops = [(who, ("pop",), 2, "2", 9) for who in (1, 2)]
        self.assertFalse(self.explained("list", (0, ("append", 2), 0, "None", 1), *pops))
        self.assertTrue(self.explained("list", (0, ("extend", [2, 2]), 0, "None", 1), *pops))

    def test_exceptions_are_answers(self):
        missing = Raised(("NoSuchItem", "IndexError"), "")
        self.assertTrue(self.explained("list", (0, ("pop",), 0, missing, 9), (1, ("append", 2), 1, "None", 2)))
        self.assertFalse(self.explained("list", (0, ("pop",), 4, missing, 9), (1, ("append", 2), 1, "None", 2)))

    def test_new_then_old_is_no_order(self):
        """Each read by itself could be; that one process sees the new value and a later one the old one, not."""
        write = (0, ("set", 5), 0, "None", 100)
        self.assertTrue(self.explained("value", write, (1, ("get",), 10, "None", 20), (2, ("get",), 30, "5", 40)))
        self.assertFalse(self.explained("value", write, (1, ("get",), 10, "5", 20), (2, ("get",), 30, "None", 40)))

    def test_an_add_of_two_steps_is_found(self):
        manager = Shmobj.Manager()
        arena = Arena(("fork", "fork"), {"list": None, "dict": None, "value": TwoSteps(manager.value())})
        self.addCleanup(arena.end)
        rng, started, wrong = random.Random(SEED), time.monotonic(), None
        while wrong is None and time.monotonic() < started + 60:
            calls = arena.round("value", rng, lambda rng, _kind: ("add", rng.randrange(1, 3)))
            wrong = linear.unexplained("value", calls)
        self.assertIsNotNone(wrong, f"not in {arena.calls} calls, {arena.overlaps} of them while another one ran")
        print(f"# found in {arena.calls} calls:")
        print("".join(f"# {line}\n" for line in linear.show(calls, wrong, 6).splitlines()), end="")


if __name__ == "__main__":
    unittest.main()
