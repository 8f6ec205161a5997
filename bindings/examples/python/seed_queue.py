# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes and a queue: written for multiprocessing, here with its import changed.

The second process waits for more when it has everything, so end the program with Ctrl-C."""

import time

from shmobj import multiprocessing as mp


def process_1(data: list, queue: mp.Queue):
    for _data in data:
        print(f"Process 1 is sending data: {_data}")
        queue.put(_data)
        time.sleep(0.02)


def process_2(queue: mp.Queue):
    while True:
        _data = queue.get(block=True)
        print(f"Process 2 got `{_data}` data")
        time.sleep(0.01)


if __name__ == "__main__":
    shm_queue = mp.Queue()
    data_list = list(range(10))
    p1 = mp.Process(target=process_1, args=(data_list, shm_queue), daemon=True)
    p2 = mp.Process(target=process_2, args=(shm_queue,), daemon=True)
    p1.start()
    p2.start()
    p1.join()
    p2.join()
