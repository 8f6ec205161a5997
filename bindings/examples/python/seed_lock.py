# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes, a list and a lock: written for multiprocessing, here with its import changed."""

from shmobj import multiprocessing as mp


def process_1(shared_list, lock):
    range_numbers = list(range(100))
    with lock:
        for num in range_numbers:
            shared_list.append(num)


def process_2(shared_list, lock):
    range_numbers = list(range(100, 200))
    with lock:
        for num in range_numbers:
            shared_list.append(num)


if __name__ == "__main__":
    lock = mp.Lock()
    manager = mp.Manager()
    shared_list = manager.list()
    p1 = mp.Process(target=process_1, args=(shared_list, lock), daemon=True)
    p2 = mp.Process(target=process_2, args=(shared_list, lock), daemon=True)
    p1.start()
    p2.start()
    p1.join()
    p2.join()
    print(f"The final list is : {shared_list}")
