# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes and a pipe: written for multiprocessing, here with its import changed."""

import time

from shmobj import multiprocessing as mp


def process_1(data: list, conn_1):
    for _data in data:
        print(f"Process 1 is sending data: {_data}")
        conn_1.send(_data)
        time.sleep(0.02)


def process_2(conn_2):
    while True:
        _data = conn_2.recv()
        print(f"Process 2 got `{_data}` data")
        time.sleep(0.03)
        if _data == "END":
            break


if __name__ == "__main__":
    conn_1, conn_2 = mp.Pipe()
    data_list = list(range(10)) + ["END"]
    p1 = mp.Process(target=process_1, args=(data_list, conn_1), daemon=True)
    p2 = mp.Process(target=process_2, args=(conn_2,), daemon=True)
    p1.start()
    p2.start()
    p1.join()
    p2.join()
