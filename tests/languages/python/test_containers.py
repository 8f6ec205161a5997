# SPDX-License-Identifier: LGPL-2.1-or-later
"""List, Dict and Manager from Python: as list and dict are used, and as multiprocessing's managers are."""

import collections.abc
import copy
import os
import random
import tempfile
import threading
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

import ctrl_c
from shmobj import multiprocessing as mp

EXTENSION = not os.environ.get("SHMOBJ_PYTHON_NO_EXT")
LONG = 60


def add_often(count, times):
    for _ in range(times):
        count.add(1)


def answer(questions, answers):
    for number in range(100):
        questions.wait(number + 1, LONG)
        answers.append(2 * questions[number])


def count_up(shared, to):
    for number in range(to + 1):
        shared["other"] = shared["n"] = number


def fill(outer):
    manager = outer.get_manager()
    inner, mapping = manager.list(), manager.dict()
    inner.extend([1, 2])
    mapping["x"] = manager.list()
    mapping["x"].append(3)
    outer.extend([inner, mapping])


def rename(namespace):
    namespace.name += "!"
    del namespace.old
    namespace.new = [namespace.count]


class List(unittest.TestCase):
    def setUp(self):
        self.manager = mp.Manager()
        self.addCleanup(self.manager.shutdown)

    def list(self, *items):
        return self.manager.list(items)

    def test_content_is_the_first_argument(self):
        self.assertEqual(self.manager.list("abc"), ["a", "b", "c"])
        self.assertEqual(self.manager.list(), [])
        self.assertEqual(len(self.manager.list([0] * 1000)), 1000)

    def test_reading(self):
        shared = self.list(*range(10))
        self.assertEqual((shared[0], shared[-1], len(shared), bool(shared)), (0, 9, 10, True))
        self.assertIn(3, shared)
        self.assertNotIn(10, shared)
        self.assertEqual((shared.index(4), shared.count(4), shared.count(99)), (4, 1, 0))
        self.assertEqual(list(shared), list(range(10)))
        self.assertEqual(list(reversed(shared)), list(range(9, -1, -1)))
        for index in (10, -11):
            with self.assertRaises(IndexError):
                shared[index]
        with self.assertRaises(TypeError):
            shared["0"]
        with self.assertRaises(ValueError):
            shared.index(99)

    def test_slices_are_those_of_list(self):
        shared, plain = self.list(*range(10)), list(range(10))
        bounds = (None, 0, 1, 5, 9, 10, 11, -1, -5, -10, -11)
        for start in bounds:
            for stop in bounds:
                for step in (None, 1, 2, -1):
                    self.assertEqual(shared[start:stop:step], plain[start:stop:step], (start, stop, step))

    def test_is_a_sequence(self):
        shared = self.list(1, 2, 3)
        self.assertIsInstance(shared, collections.abc.MutableSequence)
        match shared:
            case [first, *rest]:
                self.assertEqual((first, rest), (1, [2, 3]))
            case _:
                self.fail("it is a list")
        for name in dir(collections.abc.MutableSequence):
            if not name.startswith("_"):
                self.assertTrue(callable(getattr(shared, name)), name)

    def test_copies_are_plain(self):
        shared, inner = self.list(1, [2]), self.manager.dict(a=3)
        for copied in (copy.copy(shared), copy.deepcopy(shared)):
            self.assertIs(type(copied), list)
            self.assertEqual(copied, [1, [2]])
        shared.append(inner)
        inner["outer"] = shared
        self.assertIsInstance(copy.copy(shared)[2], type(inner))
        deep = copy.deepcopy(shared)
        self.assertIs(type(deep[2]), dict)
        self.assertEqual(deep[2]["a"], 3)
        self.assertIs(deep[2]["outer"], deep)

    def test_printing(self):
        shared = self.list(1, "a", None)
        self.assertEqual(str(shared), "[1, 'a', None]")
        self.assertEqual(f"The final list is : {shared}", "The final list is : [1, 'a', None]")

    def test_changing(self):
        shared = self.list(1, 2, 3)
        shared.append(4)
        shared.extend([5, 6])
        shared += (7,)
        shared[0] = "one"
        shared.insert(1, 1.5)
        shared.insert(-1, 6.5)
        self.assertEqual(shared, ["one", 1.5, 2, 3, 4, 5, 6, 6.5, 7])
        self.assertEqual((shared.pop(), shared.pop(0), shared.pop(-1)), (7, "one", 6.5))
        shared.remove(3)
        del shared[0], shared[-1]
        self.assertEqual(shared, [2, 4, 5])
        del shared[1:]
        self.assertEqual(shared, [2])
        with self.assertRaises(ValueError):
            shared.remove(99)
        shared.clear()
        with self.assertRaises(IndexError):
            shared.pop()
        with self.assertRaises(IndexError):
            del shared[0]
        with self.assertRaises(IndexError):
            shared[0] = 1
        self.assertEqual(shared.copy(), [])

    def test_combining(self):
        shared = self.list(1, 2)
        self.assertEqual((shared + [3], [0] + shared, shared * 2), ([1, 2, 3], [0, 1, 2], [1, 2, 1, 2]))
        self.assertEqual(shared + shared, [1, 2, 1, 2])
        self.assertTrue(shared == self.list(1, 2) and shared != [1] and shared != 1)

    def test_random_work_is_what_a_list_does(self):
        seed = int(os.environ.get("SHMOBJ_TEST_SEED", random.SystemRandom().randrange(2**32)))
        print(f"# SHMOBJ_TEST_SEED={seed}")
        rng = random.Random(seed)
        shared, plain = self.list(), []

        def both(work):
            outcomes = []
            for side in (shared, plain):
                try:
                    outcomes.append(work(side))
                except (IndexError, ValueError) as error:
                    outcomes.append(IndexError if isinstance(error, IndexError) else ValueError)
            self.assertEqual(*outcomes)

        for _ in range(1500):
            i, j, value = rng.randrange(-30, 30), rng.randrange(-30, 30), rng.choice([1, 2, "a", None, (1,), 2.5])
            both(
                rng.choice(
                    (
                        lambda s: s.append(value),
                        lambda s: s.extend([value, i]),
                        lambda s: s.insert(i, value),
                        lambda s: s.pop(i),
                        lambda s: s[i],
                        lambda s: s[i:j],
                        lambda s: s.__setitem__(i, value),
                        lambda s: s.__delitem__(i),
                        lambda s: s.remove(value),
                        lambda s: s.index(value),
                        lambda s: s.count(value),
                        len,
                    )
                )
            )
        self.assertEqual(shared, plain)

    def test_what_only_python_knows(self):
        shared = self.list({1, 2}, 3)
        self.assertEqual(shared[0], {1, 2})
        self.assertTrue({1, 2} in shared and {3} not in shared)
        shared.allow_pickle = False
        self.assertEqual((shared.count({3}), {3} in shared), (0, False))
        with self.assertRaises(ValueError):
            shared.index({3})
        with self.assertRaises(ValueError):
            shared.remove({3})
        for index in (0, -2):
            with self.assertRaises(Shmobj.Incompatible):
                shared[index]
            with self.assertRaises(Shmobj.Incompatible):
                shared.pop(index)
        shared.allow_pickle = True
        shared.append(frozenset("a"))
        self.assertEqual(shared.pop(), frozenset("a"))
        self.assertEqual(list(shared), [{1, 2}, 3])

    if not EXTENSION:  # what only it can do
        del test_what_only_python_knows


class Dict(unittest.TestCase):
    def setUp(self):
        self.manager = mp.Manager()
        self.addCleanup(self.manager.shutdown)

    def test_is_a_mapping(self):
        shared = self.manager.dict(a=1, b=[2])
        self.assertIsInstance(shared, collections.abc.MutableMapping)
        match shared:
            case {"a": 1, **rest}:
                self.assertEqual(rest, {"b": [2]})
            case _:
                self.fail("it has that key")
        for name in dir(collections.abc.MutableMapping):
            if not name.startswith("_"):
                self.assertTrue(callable(getattr(shared, name)), name)
        self.assertIs(type(copy.deepcopy(shared)), dict)
        self.assertEqual(copy.copy(shared), {"a": 1, "b": [2]})

    def test_content_is_what_dict_takes(self):
        self.assertEqual(self.manager.dict(), {})
        self.assertEqual(self.manager.dict({"a": 1}, name=2), {"a": 1, "name": 2})
        self.assertEqual(self.manager.dict([(1, 2), (3, 4)]), {1: 2, 3: 4})

    def test_reading(self):
        shared = self.manager.dict({"a": 1, "b": [2]})
        self.assertEqual((shared["a"], shared["b"], len(shared), bool(shared)), (1, [2], 2, True))
        self.assertTrue("a" in shared and "c" not in shared)
        with self.assertRaises(KeyError) as caught:
            shared["c"]
        self.assertEqual(caught.exception.args, ("c",))
        self.assertEqual((shared.get("a"), shared.get("c"), shared.get("c", 5)), (1, None, 5))
        self.assertEqual((shared.keys(), shared.values(), shared.items()), (["a", "b"], [1, [2]], [("a", 1), ("b", [2])]))
        self.assertEqual(list(shared), ["a", "b"])
        self.assertEqual(str(shared), "{'a': 1, 'b': [2]}")

    def test_changing(self):
        shared = self.manager.dict()
        shared["a"] = 1
        shared.update({"b": 2, "c": 3})
        shared.update([("d", 4)], e=5)
        shared |= {"f": 6}
        self.assertEqual(shared, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6})
        self.assertEqual((shared.pop("a"), shared.pop("a", None)), (1, None))
        with self.assertRaises(KeyError):
            shared.pop("a")
        del shared["b"]
        with self.assertRaises(KeyError):
            del shared["b"]
        self.assertEqual((shared.setdefault("c", 9), shared.setdefault("z", 9)), (3, 9))
        self.assertEqual(shared.keys(), ["c", "d", "e", "f", "z"])
        self.assertEqual(shared.popitem(), ("z", 9))
        shared.clear()
        self.assertEqual((len(shared), shared.copy()), (0, {}))
        with self.assertRaises(KeyError):
            shared.popitem()

    def test_keys_are_equal_as_in_a_dict(self):
        shared = self.manager.dict()
        for key in (1, 1.0, True):
            shared[key] = repr(key)
        self.assertEqual((len(shared), shared[1], shared.keys()), (1, "True", [1]))
        for key in ("text", -5, 2**63, 2.5, b"bytes", ("eu", 3), (1, ("a", b"b"))):
            shared[key] = [key]
            self.assertEqual(shared[key], [key])
            self.assertIn(key, shared.keys())
        self.assertEqual(shared[("eu", 3.0)], [("eu", 3)])
        for key in ([1], {}, {1}, None):
            with self.assertRaises(TypeError):
                shared[key] = 1

    def test_nested_values(self):
        shared = self.manager.dict()
        shared[("eu", 3)] = {"n": 1, "list": [1, (2, None)]}
        self.assertEqual(shared[("eu", 3)], {"n": 1, "list": [1, (2, None)]})


def append_range(shared, start, stop):
    for number in range(start, stop):
        shared.append(number)


def set_range(shared, start, stop):
    for number in range(start, stop):
        shared[number] = str(number)


class Nested(unittest.TestCase):
    """Containers that are items of containers."""

    def setUp(self):
        self.manager = mp.Manager()
        self.addCleanup(self.manager.shutdown)

    def test_items_are_live(self):
        inner, outer = self.manager.dict(a=1), self.manager.list()
        outer.append(inner)
        outer.append("text")
        outer[0]["b"] = {1, 2} if EXTENSION else 2
        inner["c"] = 3
        self.assertEqual(outer[0], inner)
        self.assertEqual(outer, [inner.copy(), "text"])
        self.assertEqual((outer.index(inner), inner in outer, outer.count(outer)), (0, True, 0))
        self.assertEqual(type(outer[0]), Shmobj.Dict)
        self.assertIsNone(outer[0].get_name())

    def test_as_in_the_documentation_of_multiprocessing(self):
        a, b = self.manager.list(), self.manager.list()
        a.append(b)
        b.append("hello")
        self.assertEqual(f"{a[0]} {b}", "['hello'] ['hello']")
        outer = self.manager.list([self.manager.dict() for _ in range(2)])
        outer[0]["a"], outer[0]["b"] = 1, 2
        outer[1]["c"] = 3
        self.assertEqual([item.copy() for item in outer], [{"a": 1, "b": 2}, {"c": 3}])

    def test_an_item_outlives_who_made_it(self):
        outer = self.manager.list()
        process = mp.Process(target=fill, args=(outer,))
        process.start()
        process.join()
        self.assertEqual((process.exitcode, len(outer), outer[0], outer[1]["x"]), (0, 2, [1, 2], [3]))
        first = outer.pop(0)
        del outer[0]
        self.assertEqual(first, [1, 2])
        first.append(4)
        self.assertEqual((first[-1], outer), (4, []))

    def test_every_call_takes_and_gives_them(self):
        manager = Shmobj.Manager.new(None)
        shared, one, two = manager.list("l"), manager.list(), manager.value(None, 5)
        one.append("one")
        shared.extend([one, two])
        shared.insert(1, manager.dict())
        shared.set(1, one)
        self.assertEqual([str(item) for item in shared], ["['one']", "['one']", "Shmobj.Value(5)"])
        self.assertEqual(shared.get(2).value, 5)
        self.assertEqual(shared[0:2], [["one"], ["one"]])
        shared.remove(two)
        shared.reverse()
        shared += [manager.list() for _ in range(300)]
        shared[0:2] = [one]
        self.assertEqual((len(shared), len(list(shared)), shared[0]), (301, 301, one))

        mapping = manager.dict("d")
        mapping["one"] = one
        mapping.update(two=two, one=one, plain=1)
        self.assertEqual(mapping.get("one"), ["one"])
        self.assertEqual(mapping.setdefault("two", 1).get(), 5)
        self.assertEqual(mapping.setdefault("three", manager.list()), [])
        self.assertEqual(mapping["three"], [])
        self.assertEqual([type(value) for value in mapping.values()], [Shmobj.List, Shmobj.Value, int, Shmobj.List])
        self.assertEqual(mapping.popitem(), ("three", []))
        self.assertEqual(mapping.pop("two").get(), 5)

        value = manager.value("v", one)
        self.assertEqual(value.value, ["one"])
        self.assertTrue(value.compare_and_set(one, mapping))
        self.assertEqual(value.get()["plain"], 1)
        self.assertEqual(manager.open_reference(mapping.get_reference())["plain"], 1)
        self.assertEqual(manager.clean_objects(False), 0)

    def test_a_disk_at_intervals(self):
        with tempfile.TemporaryDirectory() as folder:
            manager = Shmobj.Manager(address=f"{folder}/m", sync_interval_us=10**12)
            self.assertEqual(manager.props.sync_interval_us, 10**12)
            manager.list("l").append(1)
            self.assertTrue(os.path.exists(f"{folder}/m/unsynced"))
            manager.sync()
            with self.assertRaisesRegex(Exception, "in memory"):
                Shmobj.Manager().sync()

    def test_what_contains_itself_is_shown_and_no_further(self):
        shared = self.manager.list()
        shared.append(shared)
        self.assertEqual(repr(shared).count("Shmobj.List("), 11)
        self.assertIn("(...)", repr(shared))

    def test_read_only_goes_down(self):
        manager = Shmobj.Manager.new(None)
        manager.list("l").append(manager.list())
        shared = manager.list("l", Shmobj.OpenFlags.READ_ONLY)
        with self.assertRaises(PermissionError):
            shared[0].append(1)

    def test_what_is_refused(self):
        shared, inner, other = self.manager.list(), self.manager.list(), mp.Manager().list()
        for value in (other, [inner], {"a": inner}, (inner,)):
            with self.assertRaises(Shmobj.NotRepresentable):
                shared.append(value)
        with self.assertRaises(Shmobj.NotRepresentable):
            shared.extend([1, other])
        with self.assertRaises(TypeError):
            self.manager.dict()[inner] = 1
        with self.assertRaises(Shmobj.NotRepresentable):
            self.manager.Queue().put(inner)
        self.assertEqual(shared, [])


class Manager(unittest.TestCase):
    def test_children_of_each_kind(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method):
                context = mp.get_context(method)
                with context.Manager() as manager:
                    numbers, names = manager.list(), manager.dict()
                    work = [(append_range, numbers), (set_range, names)]
                    children = [
                        context.Process(target=target, args=(shared, start, start + 100))
                        for start in (0, 100)
                        for target, shared in work
                    ]
                    for child in children:
                        child.start()
                    for child in children:
                        child.join()
                        self.assertEqual(child.exitcode, 0)
                    self.assertEqual(sorted(numbers), list(range(200)))
                    self.assertEqual(names.copy(), {number: str(number) for number in range(200)})

    def test_what_a_manager_made_outlives_it(self):
        manager = mp.Manager()
        shared = manager.list([1])
        manager.shutdown()
        shared.append(2)
        self.assertEqual(shared, [1, 2])
        with self.assertRaises(Shmobj.Closed):
            manager.list()

    def test_it_makes_the_others_too(self):
        with mp.Manager() as manager:
            queue, lock, event = manager.Queue(1), manager.Lock(), manager.Event()
            queue.put(1)
            self.assertTrue(queue.full())
            with lock:
                event.set()
            self.assertTrue(event.is_set())

    def test_namespace(self):
        for method in mp.get_all_start_methods():
            with self.subTest(method), mp.Manager() as manager:
                shared = manager.Namespace(name="a", old=None)
                shared.count = 5
                shared._own = 1
                child = mp.get_context(method).Process(target=rename, args=(shared,))
                child.start()
                child.join()
                self.assertEqual((child.exitcode, shared.name, shared.new, shared._own), (0, "a!", [5], 1))
                for name in ("old", "_other"):
                    with self.assertRaises(AttributeError):
                        getattr(shared, name)
                    with self.assertRaises(AttributeError):
                        delattr(shared, name)
                self.assertEqual(repr(shared), "Namespace(name='a!', count=5, new=[5])")
                self.assertIn("count", dir(shared))

    def test_value(self):
        manager = Shmobj.Manager()
        counter = manager.value("n", 5)
        self.assertEqual((counter.value, counter.add(2), counter.get()), (5, 7, 7))
        self.assertIs(counter.compare_and_set(7, {"seven": (7, None)}), True)
        self.assertIs(counter.compare_and_set(7, 8), False)
        self.assertEqual(manager.value("n", "ignored").value, {"seven": (7, None)})
        counter.value = 2**63 - 1
        self.assertEqual(counter.add(1), 2**63)
        counter.set(0.5)
        self.assertEqual((counter.add(1), repr(counter)), (1.5, "Shmobj.Value(1.5)"))
        self.assertIsNone(manager.value().get())
        with self.assertRaises(Shmobj.Error):
            manager.value().add(1)
        with self.assertRaises(Shmobj.NotRepresentable):
            counter.set({1})
        with self.assertRaises(FileNotFoundError):
            manager.value("none", flags=Shmobj.OpenFlags.EXISTING)

    def test_drop_in_value(self):
        with mp.Manager() as manager:
            count = manager.Value("i", 3)
            workers = [mp.Process(target=add_often, args=(count, 200)) for _ in range(3)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(LONG)
            self.assertEqual((count.value, count.get()), (603, 603))
            count.value = "text"
            count.set(count.value + "!")
            self.assertEqual(count.value, "text!")
            if EXTENSION:
                count.set({1, 2})
                self.assertEqual(count.value, {1, 2})
                self.assertIs(count.compare_and_set({1, 2}, 0), True)

    def test_containers_have_a_parent(self):
        manager = Shmobj.Manager()
        for container in manager.list("l"), manager.dict("d"), manager.value("v"):
            self.assertIsInstance(container, Shmobj.Container)
            self.assertIs(container.get_manager(), manager)
            self.assertEqual((container.get_revision(), container.props.name), (1, container.get_name()))
            container.close()
            with self.assertRaises(Shmobj.Closed):
                container.get_revision()

    def test_wait(self):
        manager = Shmobj.Manager()
        for container, change in ((manager.list(), lambda it: it.append(1)), (manager.dict(), lambda it: it.set("k", 1)),
                                  (manager.value(None, 0), lambda it: it.add(1))):
            self.assertEqual(container.wait(0), 1)
            for timeout in (0, 0.01):
                with self.assertRaises(TimeoutError):
                    container.wait(1, timeout)
            thread = threading.Thread(target=change, args=(container,))
            thread.start()
            self.assertEqual(container.wait(1, timeout=LONG), 2)
            thread.join()
            for wrong in ("1", -1, None):
                with self.assertRaises((TypeError, OverflowError)):
                    container.wait(wrong)

    def test_wait_between_processes(self):
        manager = Shmobj.Manager()
        here, there = manager.list(), manager.list()
        process = mp.get_context("fork").Process(target=answer, args=(here, there))
        process.start()
        for number in range(100):
            revision = there.get_revision()
            here.append(number)
            there.wait(revision, LONG)
        process.join()
        self.assertEqual(there, [2 * number for number in range(100)])

    def test_wait_hears_ctrl_c(self):
        with ctrl_c.pressed(self, LONG / 2):
            Shmobj.Manager().list().wait(1, LONG)

    def test_wait_key(self):
        shared = Shmobj.Manager().dict()
        process = mp.get_context("fork").Process(target=count_up, args=(shared, 50))
        process.start()
        seen = shared.wait_key("n")
        while seen < 50:
            last, seen = seen, shared.wait_key("n", unlike=seen, timeout=LONG)
            self.assertGreater(seen, last)
        process.join()
        for arguments in (("missing",), ("n", 50)):
            with self.assertRaises(TimeoutError):
                shared.wait_key(*arguments, timeout=0.01)
        shared["none"] = None
        self.assertIsNone(shared.wait_key("none", timeout=0))

    def test_names(self):
        manager = Shmobj.Manager()
        todo = manager.list("todo")
        todo.append("write")
        self.assertEqual(manager.list("todo"), ["write"])
        self.assertEqual((manager.lookup("todo"), manager.lookup("nothing")), ("list", None))
        with self.assertRaises(Shmobj.WrongKind):
            manager.dict("todo")
        with self.assertRaises(FileNotFoundError):
            manager.list("other", flags=Shmobj.OpenFlags.EXISTING)
        with self.assertRaises(FileExistsError):
            manager.list("todo", flags=Shmobj.OpenFlags.EXCLUSIVE)
        jobs = manager.queue("jobs", maxsize=9)
        self.assertEqual(jobs.get_maxsize(), 9)
        jobs.put("x")
        self.assertEqual(manager.queue("jobs").get(), "x")
        with manager.lock("printer"):
            self.assertIs(manager.lock("printer").is_locked(), True)
        manager.event("go").set()
        self.assertIs(manager.event("go").wait(0), True)
        manager.memory("block", size=10).buf[:3] = b"abc"
        self.assertEqual(bytes(manager.memory("block").buf[:3]), b"abc")
        self.assertEqual(sorted(name for name, _kind, _size in manager.list_objects()),
                         ["block", "go", "jobs", "printer", "todo"])
        self.assertTrue("todo" in manager and "nothing" not in manager)
        manager.remove("todo")
        self.assertIsNone(manager.lookup("todo"))


if __name__ == "__main__":
    unittest.main()
