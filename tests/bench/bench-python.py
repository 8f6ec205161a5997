# SPDX-License-Identifier: LGPL-2.1-or-later
"""One measurement in Python, of multiprocessing or of what stands in for it. Prints nanoseconds.

    bench-python.py MODULE CASE [N]      MODULE: multiprocessing or shmobj.multiprocessing
"""

import importlib
import sys
import time

ITEM = (1, "two", 3.0)
LARGE = bytes(1024 * 1024)
KEYS = 1000
MANY = 10000


def timed(work, n):
    work(max(n // 8, 1))
    start = time.perf_counter_ns()
    work(n)
    return (time.perf_counter_ns() - start) / n


def with_process(mp, target, args, work, n):
    """The other process first does an eighth of what is counted, as we do."""
    other = mp.Process(target=target, args=(*args, max(n // 8, 1) + n), daemon=True)
    other.start()
    took = timed(work, n)
    other.join()
    return took


def put_all(queue, item, n):
    for _ in range(n):
        queue.put(item)


def queue_of(mp, item, n):
    q = mp.Queue()

    def get_all(n):
        for _ in range(n):
            q.get()

    return with_process(mp, put_all, (q, item), get_all, n)


def queue(mp, n):
    return queue_of(mp, ITEM, n)


def queue_large(mp, n):
    return queue_of(mp, LARGE, n)


def answer_all(connection, n):
    for _ in range(n):
        connection.send(connection.recv())


def pipe(mp, n):
    here, there = mp.Pipe()

    def ask_all(n):
        for _ in range(n):
            here.send(ITEM)
            here.recv()

    return with_process(mp, answer_all, (there,), ask_all, n)


def lock(mp, n):
    one = mp.Lock()

    def work(n):
        for _ in range(n):
            one.acquire()
            one.release()

    return timed(work, n)


def in_list(mp, work, n, length=KEYS):
    with mp.Manager() as manager:
        shared = manager.list(range(length))
        return timed(lambda n: work(shared, n), n)


def append_all(shared, n):
    for i in range(n):
        shared.append(i)


def set_all(shared, n):
    for i in range(n):
        shared[f"key {i % KEYS}"] = i


def list_append(mp, n):
    return in_list(mp, append_all, n)


def list_read(mp, n):
    def work(shared, n):
        for i in range(n):
            shared[i % KEYS]

    return in_list(mp, work, n)


def list_set(mp, n):
    def work(shared, n):
        for i in range(n):
            shared[i % KEYS] = i

    return in_list(mp, work, n)


def list_copy(mp, n):
    def work(shared, n):
        for i in range(n):
            shared[:]

    return in_list(mp, work, n, MANY)


def in_dict(mp, work, n, length=KEYS):
    with mp.Manager() as manager:
        shared = manager.dict({f"key {i}": i for i in range(length)})
        return timed(lambda n: work(shared, n), n)


def dict_set(mp, n):
    return in_dict(mp, set_all, n)


def dict_get(mp, n):
    def work(shared, n):
        for i in range(n):
            shared[f"key {i % KEYS}"]

    return in_dict(mp, work, n)


def dict_copy(mp, n):
    def work(shared, n):
        for i in range(n):
            shared.copy()

    return in_dict(mp, work, n, MANY)


def do_when_told(work, shared, ready, told, n):
    work(shared, 1)
    ready.put(None)
    told.wait()
    work(shared, n)


def by_4(mp, work, make, n):
    """Four processes at the same time, until the last is done; for one of all their calls."""
    with mp.Manager() as manager:
        shared, ready, told = make(manager), mp.Queue(), mp.Event()
        workers = [mp.Process(target=do_when_told, args=(work, shared, ready, told, n // 4), daemon=True) for _ in range(4)]
        for worker in workers:
            worker.start()
        for _ in workers:
            ready.get()
        start = time.perf_counter_ns()
        told.set()
        for worker in workers:
            worker.join()
        return (time.perf_counter_ns() - start) / n


def list_append_by_4(mp, n):
    return by_4(mp, append_all, lambda manager: manager.list(range(KEYS)), n)


def dict_set_by_4(mp, n):
    return by_4(mp, set_all, lambda manager: manager.dict(), n)


CASES = {function.__name__.replace("_", "-"): function
         for function in (queue, queue_large, pipe, lock, list_append, list_read, list_set, list_copy,
                          dict_set, dict_get, dict_copy, list_append_by_4, dict_set_by_4)}

if __name__ == "__main__":
    module, case, *number = sys.argv[1:]
    print(f"{CASES[case](importlib.import_module(module), int(number[0]) if number else 10000):.3f}")
