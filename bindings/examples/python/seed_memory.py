# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes and a numpy array: written for multiprocessing, here with its imports changed."""

import numpy as np

from shmobj import multiprocessing as mp
from shmobj.multiprocessing import shared_memory


def process_1(shm_name, shape, dtype):
    shm = shared_memory.SharedMemory(name=shm_name)  # Connect to the shared memory address
    shared_array = np.ndarray(shape=shape, dtype=dtype, buffer=shm.buf)  # Get the value from the shm
    print(shared_array)


if __name__ == "__main__":
    array = np.full((100, 100), 255, dtype=np.uint8)  # Create an array
    shm = shared_memory.SharedMemory(create=True, size=array.size)  # As large as the array
    shared_array = np.ndarray(  # Initial a ndarray object
        array.shape,  # Set the shape of the ndarray equals to the array
        dtype=array.dtype,  # Set the type the same as the array type
        buffer=shm.buf,  # Connect the ndarray buffer to the shm buffer
    )
    np.copyto(shared_array, array)  # copy the array to the buffer
    shm_name = shm.name
    print(shm_name)
    p1 = mp.Process(target=process_1, args=(shm_name, array.shape, array.dtype), daemon=True)
    p1.start()  # Start the process
    p1.join()
    shm.close()  # Close the shm buffer
    shm.unlink()  # Disconnect all links to it
