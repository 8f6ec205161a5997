# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints what many calls give, for test_both_ways: one line for each, and the state behind it."""

import operator

import gi

gi.require_version("Shmobj", "1")
from gi.repository import GLib, Shmobj

from shmobj import multiprocessing as mp

MANAGER = Shmobj.Manager.new(None)

# Numbers of arguments and their names are checked by each in its own words, but all are TypeErrors.
LIST = """
    l.append(5) | l.append() | l.append({1}) | l.append(object()) | l.append(float("nan"))
    l.extend([1, {2}]) | l.extend(5) | l.extend(None) | l.extend(range(3)) | l.extend({1: 2}) | l.extend("ab") | l.extend(l)
    l.insert(0, "x") | l.insert(-1, "x") | l.insert(100, "x") | l.insert(-100, "x") | l.insert("a", "x") | l.insert(0)
    l.insert(2**70, "x") | l.set(0, 9) | l.set(9, 9) | l.set("a", 9) | l.get(0) | l.get(9) | l.get(-1) | l.get(-9) | l.get("a")
    l.get(2**70) | l.get(True) | l.get(1.0) | l.get_range(0, 2) | l.get_range(1) | l.get_range(-2, 9) | l.get_range(0, 2**70)
    l.pop() | l.pop(0) | l.pop(9) | l.pop("a") | l.pop(None) | l.index("b") | l.index("z") | l.index("b", 1) | l.index("b", 2)
    l.index({1}) | l.count("b") | l.count({1}) | l.contains("b") | l.contains({1}) | l.remove("b") | l.remove("z") | l.remove({1})
    l.remove() | l.remove_value("z") | len(l) | l[0] | l[-1] | l[9] | l["a"] | l[1:3] | l[::-1] | l[::2] | l[::0] | l[5:1]
    l[True] | l[None:2] | l["a":] | l.__setitem__(0, 5) | l.__setitem__(9, 5) | l.__setitem__(0, {1})
    l.__setitem__(slice(0, 2), [1, 2, 3]) | l.__setitem__(slice(0, 2), 5) | l.__setitem__(slice(0, 2), "xy")
    l.__setitem__(slice(0, 4, 2), [1, 2]) | l.__setitem__(slice(0, 4, 2), [1, 2, 3]) | l.__setitem__(slice(0, 2), [{1}])
    l.__setitem__(slice(None, None, -1), [1, 2, 3, 4]) | l.__setitem__(slice(9, 9), l) | l.__delitem__(0) | l.__delitem__(9)
    l.__delitem__(slice(0, 2)) | l.__delitem__(slice(None, None, 2)) | l.__delitem__("a") | "b" in l | {1} in l
    l.sort() | l.sort(key=str) | l.sort(key=str, reverse=True) | l.sort(5) | l.reverse() | l.clear() | l.copy() | l + [1]
    [1] + l | l * 2 | 2 * l | l + 5 | l == ["a", "b", 3, None] | l == l | l != [1] | l < [1] | list(l) | list(reversed(l))
    bool(l) | str(l) | repr(l) | hash(l) | l.__iadd__([1]) | l.__imul__(2) | l.__imul__(0) | l.__imul__("a") | max([1], l)
    l.get_length() | l.get_revision() | l.reorder(l.get_revision(), [3, 2, 1, 0]) | l.reorder(0, [3, 2, 1, 0])
    l.reorder(l.get_revision(), [0, 0]) | l.set_slice(0, 1, 1, [7]) | l.delete_slice(0, 1, 1) | l.repeat(2)
    l.wait(0, 0) | l.wait(l.get_revision(), 0) | l.wait(l.get_revision(), 0.001) | l.allow_pickle
"""
DICT = """
    d.get("a") | d.get("z") | d.get("z", 5) | d.get() | d.get({1}) | d.get(1.5) | d.get(None) | d.get((1, "a")) | d.get([1])
    d.set("a", 9) | d.set("n", {1}) | d.set([1], 1) | d.set(1, 1) | d.set(1) | d.setdefault("a", 5) | d.setdefault("q", 5)
    d.setdefault("q") | d.contains("a") | d.contains([1]) | d.pop("a") | d.pop("z") | d.pop("z", 1) | d.pop("z", None) | d.pop()
    d.popitem() | d.keys() | d.items() | d.values() | d.update({"x": 1}) | d.update(x=1) | d.update([("x", 1)], y=2) | d.update(d)
    d.update(5) | d.update([5]) | d.update([("x", {1})]) | d.update({(1, 2): 3}) | d["a"] | d["z"] | d[[1]] | d.clear() | d.copy()
    d.__setitem__("a", 1) | d.__setitem__([1], 1) | d.__delitem__("a") | d.__delitem__("z") | "a" in d | [1] in d | None in d
    d.remove("a") | d.remove("z") | operator.or_(d, {"q": 1}) | operator.or_({"q": 1}, d) | operator.or_(d, 5) | d.__ior__({"q": 1}) | d == {"a": 1, "b": [2]} | d != {}
    list(d) | list(reversed(d)) | len(d) | bool(d) | str(d) | repr(d) | hash(d) | d.get_length() | d.wait_key("a", timeout=0)
    d.wait_key("z", timeout=0) | d.wait_key("a", 1, timeout=0) | d.wait_key("a", 2, timeout=0) | d.wait(0, 0)
"""
VALUE = """
    v.get() | v.set(7) | v.set({1}) | v.value | setattr(v, "value", 3) | v.add(2) | v.add("a") | v.add(1.5) | repr(v) | v == 5
    v.compare_and_set(5, 6) | v.compare_and_set(4, 6) | v.compare_and_set({1}, 6) | v.compare_and_set(5, {1}) | v.wait(0, 0)
"""
QUEUE = r"""
    q.put(1) | q.put() | q.put(1, 2, 3, 4, 5) | q.put(1, blok=1) | q.put(None) | q.put({1}) | q.put(2**63) | q.put(2**70)
    q.put("\ud800") | q.put("a\0b") | q.put(bytearray(b"x")) | q.put(memoryview(b"x")) | q.put((1, "a")) | q.put({1: 2})
    q.put({1: 2, "a": 3}) | q.put([]) | q.put(()) | q.put(1 + 2j) | q.put(GLib.Variant("i", 5)) | q.put(1, timeout="x")
    q.put(1, timeout=float("nan")) | q.put(1, True, -1) | q.get(timeout=0) | q.get(False) | q.get(timeout="x") | q.get(1, 2, 3, 4)
    q.get_nowait() | q.put_nowait(1) | q.put_many([1, 2]) | q.put_many(range(9), 0) | q.put_many([1, {2}]) | q.put_many(5)
    q.get_many(2, 0) | q.get_bytes(0) | q.put_bytes(b"x") | q.put_bytes(GLib.Bytes.new(b"x")) | q.put_data(b"x") | q.put_data("x")
    q.qsize() | q.empty() | q.full() | q.join(0) | q.receive(0) | q.take(0) | q.shutdown() | q.close() | q.allow_pickle
"""
CONNECTION = """
    a.send(1) | a.send() | a.send(b"x") | a.send(1, timeout=0) | a.recv() | a.receive(0) | a.receive(timeout=0) | a.recv(1, 2, 3)
    a.poll() | a.poll(0) | a.poll(0.001) | a.poll(-1) | a.poll("x") | a.send_bytes(b"abc", 1) | a.send_bytes("x") | a.send([[b""]])
    a.recv_bytes() | a.close() | a.closed | a.readable
"""
LOCKS = """
    k.acquire() | k.acquire(False) | k.acquire(timeout=0) | k.acquire(True, "x") | k.acquire(1, 2, 3, 4) | k.release()
    k.__enter__() | k.locked() | k.is_locked() | repr(k) | e.wait(0) | e.wait(timeout=0) | e.wait("x") | e.set() | e.is_set()
    e.clear() | e.wait(1, 2, 3) | repr(e) | s.acquire() | s.acquire(False) | s.acquire(timeout=0) | s.acquire(True, "x") | s.acquire(1, 2, 3, 4)
    s.release() | s.release(0) | s.release(n=1) | s.release(2**40) | s.release(-1) | s.release("x") | s.release(1, 2) | s.__enter__()
    s.__exit__(None, None, None) | repr(s)
"""


def show(value):
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(show, value))})"
    return repr(value) if type(value).__module__ == "builtins" else type(value).__name__


def left_in(name, thing):
    if name == "q":
        return [thing.get(False) for _ in range(thing.qsize())]
    if name == "a":
        return thing[1].receive(0) if thing[1].poll() else None
    return {"l": list, "d": dict.items, "v": repr}.get(name, lambda _: None)(thing.copy() if name == "d" else thing)


def run(source, make):
    calls = [call.strip() for line in source.strip().splitlines() for call in line.split(" | ")]
    for call in calls:
        names = make()
        name, thing = next(iter(names.items()))
        try:
            outcome = show(eval(call, globals(), names))
        except Exception as error:
            outcome = type(error).__name__
        try:
            left = show(left_in(name, (names["a"], names["b"]) if name == "a" else thing))
        except Shmobj.Error as error:
            left = type(error).__name__
        print(f"{call}: {outcome}; {left}")


def a_list():
    made = MANAGER.list()
    made.extend(["a", "b", 3, None])
    return {"l": made}


def a_dict():
    made = MANAGER.dict()
    made.update(a=1, b=[2])
    return {"d": made}


def a_pipe():
    pipe = Shmobj.Pipe(duplex=True)
    a, b = pipe.steal_start(), pipe.steal_end()
    b.send(["from b", (1,)])
    return {"a": a, "b": b}


run(LIST, a_list)
run(DICT, a_dict)
run(VALUE, lambda: {"v": MANAGER.value(None, 5)})
run(QUEUE, lambda: {"q": Shmobj.Queue(maxsize=5)})
run(CONNECTION, a_pipe)
run(LOCKS, lambda: {"k": mp.Lock(), "e": mp.Event(), "s": mp.BoundedSemaphore(2)})
