# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.Manager with short spellings: m.list("todo") for m.open_list("todo", flags, cancellable)."""


def methods(module):
    default = module.OpenFlags.DEFAULT
    open_reference = module.Manager.open_reference

    class Methods:
        def list(self, name=None, flags=default):
            """The list of that name, made if there is none; without a name a new one."""
            return self.open_list(name, flags, None)

        def dict(self, name=None, flags=default):
            """The dict of that name, made if there is none; without a name a new one."""
            return self.open_dict(name, flags, None)

        def value(self, name=None, initial=None, flags=default):
            """The value of that name, made with that content if there is none."""
            return self.open_value(name, flags, initial, None)

        def queue(self, name=None, maxsize=0, capacity=0, flags=default):
            """The queue of that name, made with that size if there is none."""
            return self.open_queue(name, flags, maxsize, capacity, None)

        def open_reference(self, reference, flags=default):
            """The list, dict or value that a reference leads to (what get_reference() gives)."""
            return open_reference(self, reference, flags)

        def lock(self, name=None, flags=default):
            """The lock of that name, made if there is none."""
            return self.open_lock(name, flags, None)

        def event(self, name=None, flags=default):
            """The event of that name, made if there is none."""
            return self.open_event(name, flags, None)

        def memory(self, name=None, size=0, flags=default):
            """The memory of that name, made with that size if there is none."""
            return self.open_memory(name, flags, size, None)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            """Nothing to end: a manager is open for as long as somebody has it, or what it made."""

        def __contains__(self, name):
            return self.lookup(name) is not None

        def __repr__(self):
            return f"<Shmobj.Manager {self.get_address() or self.get_path()!r}>"

    return Methods
