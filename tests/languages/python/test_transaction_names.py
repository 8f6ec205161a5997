# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that come and go inside of blocks, against a plain dict of lists that is copied when a block begins."""

import copy
import os
import random
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

KINDS = "list dict value queue lock event memory".split()
NAMES = "a b c d".split()
STEPS = 3000


class GiveUp(Exception):
    pass


class Both:
    """A manager, and the model of it: name -> (kind, items)."""

    def __init__(self, test, seed):
        self.test, self.random = test, random.Random(seed)
        self.manager, self.model = Shmobj.Manager.new(None, None), {}
        self.lost = []  # lists and dicts whose making came to nothing

    def open(self, name, kind):
        if kind == "memory":
            return self.manager.memory(name, 100)
        return getattr(self.manager, kind)(name)

    def step_open(self):
        name, kind = self.random.choice(NAMES), self.random.choice(KINDS)
        known, _ = self.model.get(name, (kind, []))
        if known != kind:
            with self.test.assertRaises(Shmobj.WrongKind):
                self.open(name, kind)
            return None
        self.model.setdefault(name, (kind, []))
        return self.open(name, kind)

    def step_append(self):
        name, number = self.random.choice(NAMES), self.random.randrange(100)
        if self.model.get(name, ("list",))[0] == "list":
            self.manager.list(name).append(number)
            self.model.setdefault(name, ("list", []))[1].append(number)

    def step_remove(self):
        name = self.random.choice(NAMES)
        if self.model.pop(name, None) is not None:
            self.manager.remove(name)
        else:
            with self.test.assertRaises(Shmobj.NotFound):
                self.manager.remove(name)

    def step_nameless(self):
        made = self.manager.list(None)
        made.append(1)
        self.test.assertEqual(made, [1])
        return made

    def block(self, depth):
        before, made = copy.deepcopy(self.model), []
        known = {name: self.open(name, kind) for name, (kind, _) in before.items()}
        try:
            with self.manager.transaction():
                for _ in range(self.random.randrange(8)):
                    if depth < 2 and self.random.random() < 0.2:
                        self.block(depth + 1)
                    else:
                        made.append(self.step())
                self.check()
                if self.random.random() < 0.5:
                    raise GiveUp
        except GiveUp:
            new = [o for o in made if isinstance(o, Shmobj.List) and self.is_lost(o)]
            self.model, self.lost = before, self.lost[-20:] + new
            for name, (kind, items) in before.items():
                if kind == "list":
                    self.test.assertEqual(known[name], items)

    def is_lost(self, made):
        try:
            return len(made) < 0
        except Shmobj.NotFound:
            return True

    def step(self):
        return self.random.choice([self.step_open, self.step_append, self.step_remove, self.step_nameless])()

    def check(self):
        found = [(name, kind) for name, kind, _size in self.manager.list_objects()]
        expected = [(name, {"memory": "shared-memory"}.get(kind, kind)) for name, (kind, _) in sorted(self.model.items())]
        self.test.assertEqual(found, expected)
        for name, (kind, items) in self.model.items():
            if kind == "list":
                self.test.assertEqual(self.manager.list(name), items)
        for lost in self.lost:
            self.test.assertTrue(self.is_lost(lost))

    def files(self):
        return {name.split(".")[0] for name in os.listdir(self.manager.get_path()) if name[0].isdigit()}


class TransactionNames(unittest.TestCase):
    def setUp(self):
        self.manager = Shmobj.Manager.new(None, None)

    def test_as_a_plain_dict(self):
        seed = random.randrange(1 << 30)
        print("# seed", seed)
        both = Both(self, seed)
        for _ in range(STEPS // 10):
            both.block(0)
            both.step()
            both.check()
        self.assertEqual(len(both.files()), sum(kind in ("queue", "memory") for kind, _ in both.model.values()))

    def test_made_and_undone(self):
        self.manager.list("old").append(1)
        with self.assertRaises(ZeroDivisionError), self.manager.transaction():
            made, nameless = self.manager.dict("new"), self.manager.list(None)
            made["key"] = 1
            nameless.append(1)
            self.manager.remove("old")
            self.assertIsNone(self.manager.lookup("old"))
            self.manager.remove(1 // 0)
        self.assertEqual((self.manager.lookup("new"), self.manager.list("old")), (None, [1]))
        for lost in (lambda: made["key"], lambda: made.update(key=2), lambda: nameless[0], lambda: nameless.append(2)):
            with self.assertRaises(Shmobj.NotFound):
                lost()

    def test_replaced(self):
        old = self.manager.dict("rates")
        old.update({"EUR": 1})
        with self.manager.transaction():
            self.manager.remove("rates")
            self.manager.dict("rates").update({"NOK": 11})
        self.assertEqual(dict(self.manager.dict("rates").items()), {"NOK": 11})
        self.assertEqual(dict(old.items()), {"EUR": 1})

    def test_a_forked_child_sees_none_of_it(self):
        with self.manager.transaction():
            queue = self.manager.queue("new")
            child = os.fork()
            if child == 0:
                os._exit(0 if self.manager.lookup("new") is None else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        queue.put(1)
        self.assertEqual(self.manager.queue("new").get(), 1)


if __name__ == "__main__":
    unittest.main()
