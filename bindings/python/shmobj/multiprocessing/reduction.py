# SPDX-License-Identifier: LGPL-2.1-or-later
"""send_handle() and recv_handle(), as multiprocessing.reduction has them, for our connections."""

import os

from .._library import Shmobj

__all__ = ["recv_handle", "send_handle"]


def send_handle(conn, handle, destination_pid=None):
    """Sends a descriptor, by its number. Who receives it does not matter."""
    conn.send_with_fds(None, [handle])


def recv_handle(conn):
    """Receives a descriptor: a number of this process, to be closed by who wants it no more."""
    message = conn.receive_with_fds()
    if len(message.fds) != 1:
        raise Shmobj.Incompatible(f"A message with one descriptor was expected, and this one has {len(message.fds)}")
    return os.dup(message.fds[0])  # the message closes its own
