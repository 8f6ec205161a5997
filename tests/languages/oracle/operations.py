# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be done to a list, a dict and a value, as data: a name and arguments.

The same operation is done to a shared object and to a plain one of Python's (a dataclass for a value), and must come
to the same end. What it came to is text: the repr of the result, which also tells 1 from True and 1.0, or the class of
the exception. Arguments are drawn by Hypothesis from few values, so that what is looked for is often there, and among
them are those at which the store or the codec do something else: large items, long keys, integers of every width."""

import datetime
from dataclasses import dataclass
from typing import Any, NamedTuple

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from hypothesis import strategies as st

LARGE = 600  # bytes of an item that gets a row of its own, and of a key that is hashed

# No 0, 1 and whole doubles beside True and False: in a shared list they are different values (docs/values.md).
VALUES = (
    None, True, False, 2, 3, -1, 255, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 0.5, -1.5, 1e300,
    float("inf"), "", "a", "größe", "x" * LARGE, b"", b"a", b"\0\xff", b"y" * 5000, (), ("a", 2), ("a", (2, None)),
    [], [2, 3], ["a", None], [[2], b"a"], {}, {"a": 2, "b": 3}, {"b": 3, "a": 2}, {2: "a"}, {"a": {"b": [2]}},
)  # fmt: skip
# What needs a pickle.
ODD_VALUES = (2**70, "nul\0", "\ud800", datetime.date(2024, 2, 29), frozenset("a"), {2: "a", "b": 3}, [2, 2**70], ("nul\0", 2))
SORTABLE = (2, 3, -1, 0.5, 2**63 - 1, 2**63, -(2**63), 2**31)

KEYS = (
    "", "a", "b", "größe", "k" * 480, "k" * 490, "k" * 491, "k" * 499, "k" * LARGE, "k" * LARGE + "b", 0, 1, True, False,
    1.0, -0.0, 2.5, -1, 2**31, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**60, 2.0**60, -(2.0**63), 2.0**63, 1e300,
    float("inf"), b"", b"a", b"k" * LARGE, ("a", 2), ("a", 2.0), (True, b"a"), (("a", 1), 2), (),
)  # fmt: skip
NO_KEYS = ([2], {}, {2}, ([2],))

NUMBERS = (0, 1, -1, 2**31, 2**62, 2**63 - 1, -(2**63), 0.5, -2.5)


def key_of(key):
    """A shared dict says 1 where a dict says 1, 1.0 or True, whichever came first."""
    if isinstance(key, tuple):
        return tuple(key_of(item) for item in key)
    return int(key) if isinstance(key, bool) or (isinstance(key, float) and key.is_integer() and -(2**63) <= key < 2**64) else key


@dataclass
class Plain:
    """What a shared value is, in one process."""

    value: Any = None

    def get(self):
        return self.value

    def set(self, value):
        self.value = value

    def add(self, amount):
        if self.value in ODD_VALUES:
            raise Shmobj.Incompatible("a pickle")
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise Shmobj.InvalidArgument("no number")
        total = self.value + amount
        if isinstance(total, int) and not -(2**63) <= total < 2**64:
            raise Shmobj.NotRepresentable("no integer of 64 bits")
        self.value = total
        return total

    def compare_and_set(self, expected, value):
        if not same(self.value, expected):
            return False
        self.value = value
        return True


def same(one, other):
    """Equal, and neither a boolean nor a double where the other is an integer."""
    return one == other and isinstance(one, bool) == isinstance(other, bool) and isinstance(one, float) == isinstance(other, float)


def _sort(shared, *, key=None, reverse=False):
    if isinstance(shared, list):
        shared[:] = sorted(shared, key=key, reverse=reverse)  # sort() that fails would leave it half sorted
    else:
        shared.sort(key=key, reverse=reverse)


def _add_in_place(shared, values):
    shared += values


def _or_in_place(shared, pairs):
    shared |= pairs


def _multiply_in_place(shared, times):
    shared *= times


def _delete(shared, place):
    del shared[place]


def _set(shared, place, value):
    shared[place] = value


LIST = {
    "append": lambda s, value: s.append(value),
    "extend": lambda s, values: s.extend(values),
    "extend_from": lambda s, values: s.extend(value for value in values),
    "+=": _add_in_place,
    "*=": _multiply_in_place,
    "insert": lambda s, index, value: s.insert(index, value),
    "pop": lambda s, *index: s.pop(*index),
    "remove": lambda s, value: s.remove(value),
    "index": lambda s, value, *between: s.index(value, *between),
    "count": lambda s, value: s.count(value),
    "in": lambda s, value: value in s,
    "reverse": lambda s: s.reverse(),
    "sort": lambda s, reverse: _sort(s, reverse=reverse),
    "sort_by_repr": lambda s, reverse: _sort(s, key=repr, reverse=reverse),
    "get": lambda s, index: s[index],
    "set": _set,
    "del": _delete,
    "get_slice": lambda s, *bounds: s[slice(*bounds)],
    "set_slice": lambda s, values, *bounds: _set(s, slice(*bounds), values),
    "del_slice": lambda s, *bounds: _delete(s, slice(*bounds)),
    "clear": lambda s: s.clear(),
    "len": len,
    "bool": bool,
    "iterate": list,
    "reversed": lambda s: list(reversed(s)),
    "copy": lambda s: s.copy(),
    "+": lambda s, values: s + values,
    "*": lambda s, times: s * times,
    "==": lambda s, values: (s == values, s != values),
}

DICT = {
    "[]": lambda s, key: s[key],
    "get": lambda s, key, *default: s.get(key, *default),
    "in": lambda s, key: key in s,
    "set": _set,
    "setdefault": lambda s, key, *default: s.setdefault(key, *default),
    "pop": lambda s, key, *default: _pop(s, key, *default),
    "popitem": lambda s: _pair(s.popitem()),
    "del": _delete,
    "update": lambda s, pairs: s.update(pairs),
    "update_dict": lambda s, pairs: s.update(dict(pairs), z=2),
    "|=": lambda s, pairs: _or_in_place(s, dict(pairs)),
    "|": lambda s, pairs: _pairs((s | dict(pairs)).items()),
    "clear": lambda s: s.clear(),
    "len": len,
    "bool": bool,
    "keys": lambda s: [key_of(key) for key in s.keys()],
    "iterate": lambda s: [key_of(key) for key in s],
    "reversed": lambda s: [key_of(key) for key in reversed(s)],
    "values": lambda s: list(s.values()),
    "items": lambda s: _pairs(s.items()),
    "copy": lambda s: _pairs(s.copy().items()),
    "==": lambda s, pairs: s == dict(pairs),
}

VALUE = {
    "get": lambda s: s.get(),
    "read": lambda s: s.value,
    "set": lambda s, value: s.set(value),
    "write": lambda s, value: setattr(s, "value", value),
    "add": lambda s, amount: s.add(amount),
    "compare_and_set": lambda s, expected, value: s.compare_and_set(expected, value),
}

KINDS = {"list": LIST, "dict": DICT, "value": VALUE}
PLAIN = {"list": list, "dict": dict, "value": Plain}
RESET = {"list": ("clear",), "dict": ("clear",), "value": ("set", None)}


def _pop(shared, key, *default):
    if isinstance(shared, dict):
        hash(key)  # an empty dict does not look whether it can be one
    return shared.pop(key, *default)


def _pair(pair):
    return key_of(pair[0]), pair[1]


def _pairs(items):
    return [_pair(item) for item in items]


class Raised(NamedTuple):
    """An exception, so that it can be sent and compared."""

    classes: tuple  # its class's name, and those of what it derives from
    message: str


def outcome(kind, thing, operation):
    """What doing it comes to: the repr of the result, or what was raised."""
    name, *arguments = operation
    try:
        return repr(KINDS[kind][name](thing, *arguments))
    except Exception as error:  # whatever it is, the other one must raise it too
        return Raised(tuple(cls.__name__ for cls in type(error).__mro__), str(error))


def agree(ours, plain):
    """The same result, or an exception of ours that is also the plain one's."""
    if isinstance(ours, str) or isinstance(plain, str):
        return ours == plain
    return plain.classes[0] in ours.classes


# ---- what Hypothesis draws ----

HUGE = (2**31, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64, 2**100, -(2**100))
INDEX = st.integers(-9, 9) | st.integers(-40, 40) | st.sampled_from((*HUGE, True, None, "a", 1.5))
BOUND = st.none() | st.integers(-9, 9) | st.integers(-40, 40) | st.sampled_from(HUGE)
STEP = st.none() | st.sampled_from((1, 2, -1, -3, 7, 0, 2**64))
TIMES = st.integers(-1, 3)
MANY = st.sampled_from((200, 1000)).map(lambda n: list(range(2, n + 2)))


def _operations(drawn):
    """From names with the strategies of their arguments to a strategy of operations."""
    return st.one_of(*(st.tuples(st.just(name), *arguments) for name, *arguments in drawn))


def list_operations(value, _key):
    values = st.lists(value, max_size=4)
    bounds = (BOUND, BOUND, STEP)
    return _operations([
        ("append", value), ("extend", values), ("extend", MANY), ("extend_from", values), ("+=", values | st.just("ab")),
        ("*=", TIMES), ("insert", INDEX, value), ("pop",), ("pop", INDEX), ("remove", value), ("index", value),
        ("index", value, BOUND.filter(lambda bound: bound is not None)), ("index", value, st.integers(-40, 40), st.integers(-40, 40)),
        ("count", value), ("in", value), ("reverse",), ("sort", st.booleans()), ("sort_by_repr", st.booleans()), ("get", INDEX),
        ("set", INDEX, value), ("del", INDEX), ("get_slice", *bounds), ("set_slice", values, *bounds), ("set_slice", values, BOUND, BOUND),
        ("set_slice", MANY, BOUND, BOUND), ("set_slice", st.just(2), BOUND, BOUND), ("del_slice", *bounds), ("clear",), ("len",), ("bool",),
        ("iterate",), ("reversed",), ("copy",), ("+", values), ("*", TIMES), ("==", values | st.just(2)),
    ])  # fmt: skip


def dict_operations(value, key):
    any_key = key | st.sampled_from(NO_KEYS)
    pairs = st.lists(st.tuples(key, value), max_size=4)
    return _operations([
        ("[]", any_key), ("get", key), ("get", any_key, value), ("in", any_key), ("set", key, value), ("set", any_key, value),
        ("setdefault", key), ("setdefault", any_key, value), ("pop", any_key), ("pop", key, value), ("popitem",), ("del", any_key),
        ("update", pairs), ("update", st.just([("a",)])), ("update_dict", pairs), ("|=", pairs), ("|", pairs), ("clear",), ("len",),
        ("bool",), ("keys",), ("iterate",), ("reversed",), ("values",), ("items",), ("copy",), ("==", pairs),
    ])  # fmt: skip


def value_operations(value, _key):
    number = st.sampled_from(NUMBERS)
    value = value | number
    return _operations([
        ("get",), ("read",), ("set", value), ("write", value), ("add", number), ("add", number), ("compare_and_set", value, value),
        ("compare_and_set", number, number),
    ])  # fmt: skip


STRATEGIES = {"list": list_operations, "dict": dict_operations, "value": value_operations}


def _some(values):
    """A few of them: then what is looked for is often there."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=6).map(st.sampled_from)


def programs(kind, odd=False):
    """Strategies of many operations, one after the other. @odd: with values that only Python reads."""
    chosen = st.tuples(_some(VALUES + ODD_VALUES if odd else VALUES), _some(SORTABLE), _some(KEYS))
    # lists of lists, for Hypothesis draws short ones
    return chosen.flatmap(
        lambda of: st.lists(st.lists(STRATEGIES[kind](of[0] | of[1], of[2])), max_size=12).map(lambda parts: sum(parts, []))
    )
