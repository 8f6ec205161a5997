# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gets the queue "numbers" itself from the bus service, then uses it without the bus:

    attach put 1 10    puts the numbers from 1 to 10
    attach get         prints what comes, until that is no number
"""

import sys

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, Shmobj


def call(path, interface, method, arguments):
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    return bus.call_with_unix_fd_list_sync(
        "org.shmobj.Manager1", path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, -1, None
    )


def attach(name):
    arguments = GLib.Variant("(ssa{sv})", ("queue", name, {}))
    opened, _fds = call("/org/shmobj/Manager1", "org.shmobj.Manager1", "Open", arguments)
    (path,) = opened.unpack()
    handle, fds = call(path, "org.shmobj.Manager1.Queue", "Attach", None)
    return Shmobj.Shareable.new_from_handle(Shmobj.Queue, handle, fds)


queue = attach("numbers")

if len(sys.argv) > 3:
    for number in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        queue.put(number)
else:
    while type(number := queue.get()) is int:
        print(f"Python: {number}")
