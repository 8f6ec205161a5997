# SPDX-License-Identifier: LGPL-2.1-or-later
"""Any sequence of calls does to a shared list, dict or value what it does to a plain one of Python's.

Hypothesis draws the sequences, the same ones each time; $SHMOBJ_ORACLE_EXAMPLES is a number of others to search on with."""

import os
import unittest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import operations
import workers
from gi.repository import Shmobj
from shmobj import multiprocessing as mp

ON_DEMAND = int(os.environ.get("SHMOBJ_ORACLE_EXAMPLES", 0))


def examples(number):
    # not fewer under the sanitizers: Hypothesis begins with the shortest, and a few are nearly nothing
    return settings(max_examples=ON_DEMAND or number, derandomize=not ON_DEMAND, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))


def made_by_shmobj(kind):
    return getattr(Shmobj.Manager(), kind)()


def made_by_multiprocessing(kind):
    manager = mp.Manager()
    return manager.Value("i", None) if kind == "value" else getattr(manager, kind)()


class Alone(unittest.TestCase):
    def check(self, kind, shared, program):
        plain = operations.PLAIN[kind]()
        operations.outcome(kind, shared, operations.RESET[kind])
        for done, operation in enumerate(program):
            ours, theirs = (operations.outcome(kind, side, operation) for side in (shared, plain))
            if not operations.agree(ours, theirs):
                self.fail(f"after {program[:done]!r}\n{operation!r} gives\n{ours!r}, to a plain one\n{theirs!r}")
        look = ("get",) if kind == "value" else ("copy",)
        self.assertEqual(*(operations.outcome(kind, side, look) for side in (shared, plain)), program)


class InTurn(unittest.TestCase):
    """Each operation by another process, and each of them sees what the others have done."""

    @classmethod
    def setUpClass(cls):
        manager = Shmobj.Manager()
        cls.things = {kind: getattr(manager, kind)() for kind in operations.KINDS}
        cls.workers = workers.start(cls.things)

    @classmethod
    def tearDownClass(cls):
        for worker in cls.workers:
            worker.end()

    def check(self, kind):
        turns = st.lists(st.integers(0, len(self.workers) - 1), min_size=1, max_size=10)
        calls = dict.fromkeys((worker.name for worker in self.workers), 0)

        @examples(40)
        @given(operations.programs(kind), turns)
        def check(program, turns):
            plain = operations.PLAIN[kind]()
            operations.outcome(kind, self.things[kind], operations.RESET[kind])
            for done, operation in enumerate(program):
                worker = self.workers[turns[done % len(turns)]]
                worker = worker if worker.can(kind, operation) else self.workers[0]
                ours, theirs = workers.do(worker, kind, operation), operations.outcome(kind, plain, operation)
                calls[worker.name] += 1
                if not operations.agree(ours, theirs):
                    self.fail(f"after {program[:done]!r}\n{operation!r}, done by {worker.name}, gives\n{ours!r}, "
                              f"to a plain one\n{theirs!r}")

        check()
        print(f"# {kind}: calls by {calls}")
        self.assertTrue(all(calls.values()))

    def test_list(self):
        self.check("list")

    def test_dict(self):
        self.check("dict")

    def test_value(self):
        self.check("value")


def add_tests():
    for kind in operations.KINDS:
        for make, odd in ((made_by_shmobj, False), (made_by_multiprocessing, True)):
            def test(self, kind=kind, make=make, odd=odd):
                shared = make(kind)

                @examples(50)
                @given(operations.programs(kind, odd))
                def check(program):
                    self.check(kind, shared, program)

                check()

            setattr(Alone, f"test_{kind}_{make.__name__}", test)


add_tests()

if __name__ == "__main__":
    unittest.main()
