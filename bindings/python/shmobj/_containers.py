# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.List and Shmobj.Dict with the methods of list and dict.

Each call is one look at what is shared, or one change of it. Iterating reads some items at a time,
and like iterating over a list goes on with what is there by then."""

import operator

from . import _errors, _values

CHUNK = 256


def _plain(other):
    """What a container is compared by, or NotImplemented for what is none."""
    if isinstance(other, (list, dict)):
        return other
    copy = getattr(other, "copy", None)
    return copy() if copy and isinstance(other, (ListMethods.cls, DictMethods.cls)) else NotImplemented


class ListMethods:
    cls = ()
    allow_pickle = False
    __hash__ = None

    def __len__(self):
        return self.get_length()

    def __bool__(self):
        return self.get_length() > 0

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._slice(index)
        return self.get(operator.index(index))

    def _slice(self, index):
        if index.step in (None, 1) and (index.start or 0) >= 0 and (index.stop is None or index.stop >= 0):
            stop = 2**63 - 1 if index.stop is None else index.stop
            return self.get_range(index.start or 0, stop)
        return self.copy()[index]

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise TypeError("only slices without a step can be assigned to")
            self.splice(start, max(0, stop - start), list(value))
        else:
            self.set(operator.index(index), value)

    def __delitem__(self, index):
        if not isinstance(index, slice):
            self.pop(operator.index(index))
            return
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise TypeError("only slices without a step can be deleted")
        self.delete_range(start, max(start, stop))

    def __contains__(self, value):
        return self.contains(value)

    def __iter__(self):
        start = 0
        while True:
            chunk = self.get_range(start, start + CHUNK)
            yield from chunk
            if len(chunk) < CHUNK:
                return
            start += CHUNK

    def __reversed__(self):
        return reversed(self.copy())

    def remove(self, value):
        """Removes the first item that equals the value; ValueError when there is none."""
        self.remove_value(value)

    def copy(self):
        """A plain list of what is in it now."""
        return self.get_range(0, 2**63 - 1)

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __add__(self, other):
        other = _plain(other)
        return self.copy() + other if isinstance(other, list) else NotImplemented

    def __radd__(self, other):
        return other + self.copy() if isinstance(other, list) else NotImplemented

    def __mul__(self, times):
        return self.copy() * times

    __rmul__ = __mul__

    def __eq__(self, other):
        other = _plain(other)
        return other if other is NotImplemented else self.copy() == other

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __str__(self):
        return repr(self.copy())

    def __repr__(self):
        return f"Shmobj.List({self.copy()!r})"


class DictMethods:
    cls = ()
    allow_pickle = False
    __hash__ = None

    def __len__(self):
        return self.get_length()

    def __bool__(self):
        return self.get_length() > 0

    def __contains__(self, key):
        return self.contains(key)

    def __iter__(self):
        return iter(self.keys())

    def __reversed__(self):
        return reversed(self.keys())

    def values(self):
        """A list of the values, in the order of the keys."""
        return [value for _, value in self.items()]

    def copy(self):
        """A plain dict of what is in it now."""
        return dict(self.items())

    def __eq__(self, other):
        other = _plain(other)
        return other if other is NotImplemented else self.copy() == other

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __or__(self, other):
        other = _plain(other)
        return self.copy() | other if isinstance(other, dict) else NotImplemented

    def __ror__(self, other):
        return other | self.copy() if isinstance(other, dict) else NotImplemented

    def __ior__(self, other):
        self.update(other)
        return self

    def __str__(self):
        return repr(self.copy())

    def __repr__(self):
        return f"Shmobj.Dict({self.copy()!r})"
