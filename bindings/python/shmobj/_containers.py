# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shmobj.List and Shmobj.Dict with the methods of list and dict, Shmobj.Value as a property.

Each call is one look at what is shared, or one change of it. Iterating is one look too: what others change
meanwhile is not met.

Containers of the same manager can be items; what is then read is the same container, live."""

import collections.abc
import copy
import operator
import select
import threading

from gi.repository import GLib

from . import _asyncio, _errors, _values, _wrap

END = 2**63 - 1
SORT_TRIES = 100  # as in the library
SHOWN_DEPTH = 10  # containers may contain each other, and themselves

ANY = object()

LIST = DICT = ()  # the classes, when they have been adapted
RAW_WAIT = RAW_WAIT_ASYNC = None  # Container's, when that has been adapted
OPEN_FLAGS = None


def _plain(other):
    """What a container is compared and combined with, or NotImplemented for what is none."""
    if isinstance(other, (list, dict)):
        return other
    return other.copy() if isinstance(other, (LIST, DICT)) else NotImplemented


class _Waiting:
    def wait_async(self, since, timeout=None, cancellable=None, callback=None, *data):
        """Without a callback: a coroutine that waits as wait() does.

        With one: the call of the library, which ends in the main loop with wait_finish()."""
        if callback:
            return RAW_WAIT_ASYNC(self, since, timeout, cancellable, callback, *data)
        return _asyncio.patiently(self, lambda: self.wait(since, 0), _errors.TimedOut, self.get_fd(), timeout)


class PlainWaiting:
    def wait(self, since, timeout=None):
        fd = self.get_fd()
        return _wrap.patiently(lambda: RAW_WAIT(self, since, 0), _errors.TimedOut, _wrap.microseconds(timeout),
                               lambda left: select.select([fd], [], [], left))


_shown = threading.local()


class _Referring(_Waiting):
    allow_pickle = False

    def _open_reference(self, path):
        """The container that an item of this one refers to."""
        flags = OPEN_FLAGS.READ_ONLY if self.get_read_only() else OPEN_FLAGS.DEFAULT
        opened = self.get_manager().open_reference(GLib.Variant.new_object_path(path), flags)
        if self.allow_pickle:
            opened.allow_pickle = True
        return opened

    def __repr__(self):
        depth = getattr(_shown, "depth", 0)
        if depth == SHOWN_DEPTH:
            return f"Shmobj.{type(self).__name__}(...)"
        _shown.depth = depth + 1
        try:
            return self._show()
        finally:
            _shown.depth = depth


class _Common(_Referring):
    """What the copies of copy.copy() and copy.deepcopy() are too: plain. The deep one's containers are plain as well."""

    __hash__ = None

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return copy.deepcopy(_remembered(self, memo), memo)

    def __bool__(self):
        return len(self) > 0

    def __eq__(self, other):
        other = _plain(other)
        return other if other is NotImplemented else self.copy() == other

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __str__(self):
        return repr(self.copy())

    def _show(self):
        return f"Shmobj.{type(self).__name__}({self.copy()!r})"


def _remembered(container, memo):
    """The plain copy of what may contain itself: the same one wherever it is met. Two handles of a container are it."""
    key = container.get_manager().get_path(), container.get_reference().get_string()
    if key not in memo:
        memo[key] = container.copy()
    return memo[key]


def _bound(bound, otherwise):
    return otherwise if bound is None else max(-END, min(operator.index(bound), END))


def _bounds(index):
    """Start, end and step of a slice; as in Python they may count from the end."""
    step = _bound(index.step, 1)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    first, last = (0, END) if step > 0 else (END, -END)
    return _bound(index.start, first), _bound(index.stop, last), step


def _index(position):
    position = operator.index(position)
    if not -(2**63) <= position < 2**63:
        raise IndexError("cannot fit 'int' into an index-sized integer")
    return position


class ListMethods(_Common):
    def _get_slice(self, index):
        start, end, step = _bounds(index)
        return self.get_range(start, end) if step == 1 else self.copy()[index]

    def _set_slice(self, index, values):
        self.set_slice(*_bounds(index), list(values))

    def __delitem__(self, index):
        if isinstance(index, slice):
            self.delete_slice(*_bounds(index))
        else:
            self.pop(_index(index))

    def sort(self, *, key=None, reverse=False):
        """Sorts the items, in one step. Nothing is held while the key function runs: when others have changed
        the list by then, it is called again for all of them. Busy, when they do so each time."""
        for _ in range(SORT_TRIES):
            revision, items = self.get_revision(), self.copy()
            keys = items if key is None else [key(item) for item in items]
            if self.reorder(revision, sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)):
                return
        raise _errors.Busy(f"Others changed the list each of the {SORT_TRIES} times that it was sorted; sort it in a "
                           "transaction, which keeps them out")

    def __imul__(self, times):
        self.repeat(operator.index(times))
        return self

    def _index_between(self, arguments):
        return self.copy().index(*arguments)

    def __iter__(self):
        return iter(self.copy())

    def __reversed__(self):
        return reversed(self.copy())

    def copy(self):
        """A plain list of what is in it now."""
        return self.get_range(0, END)

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


class DictMethods(_Common):
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

    def update(self, *args, **kwargs):
        """Sets what dict(*args, **kwargs) has, all of it in one step."""
        other = args[0] if len(args) == 1 and isinstance(args[0], DICT) else None
        self._update((dict(other.items(), **kwargs) if other is not None else dict(*args, **kwargs)).items())

    def __or__(self, other):
        other = _plain(other)
        return self.copy() | other if isinstance(other, dict) else NotImplemented

    def __ror__(self, other):
        return other | self.copy() if isinstance(other, dict) else NotImplemented

    def __ior__(self, other):
        self.update(other)
        return self


    def _is_there(self, key, unlike):
        value = self.get(key, ANY)
        return value is not ANY and (unlike is ANY or value != unlike), value

    def wait_key(self, key, unlike=ANY, timeout=None):
        """Waits until the key is there, with another value than unlike, and returns the value."""
        end = _wrap.end_of(timeout)
        while True:
            revision = self.get_revision()
            found, value = self._is_there(key, unlike)
            if found:
                return value
            self.wait(revision, _wrap.left_of(end))

    async def wait_key_async(self, key, unlike=ANY, timeout=None):
        """The same as a coroutine."""
        end = _wrap.end_of(timeout)
        while True:
            revision = self.get_revision()
            found, value = self._is_there(key, unlike)
            if found:
                return value
            await self.wait_async(revision, _wrap.left_of(end))


class ValueMethods(_Referring):
    @property
    def value(self):
        """What it is now. `v.value += 1` is two steps; add() is one."""
        return self.get()

    @value.setter
    def value(self, value):
        self.set(value)

    def _show(self):
        return f"Shmobj.Value({self.get()!r})"


class ItemMethods:
    @property
    def value(self):
        """What the list has there."""
        return self.get_value()

    def __repr__(self):
        return f"Shmobj.Item({self.value!r})"


def _translating(call, exception):
    """The call, with NotFound as the exception that Python's own type has for it."""

    def method(*args):
        try:
            return call(*args)
        except _errors.NotFound as error:
            message = str(error)
        raise exception(message)

    return method


def _searching(call, not_there):
    """A search for a value. What only Python knows is in no list but one that has something of the kind, which
    cannot be read without the extension."""

    def method(self, value):
        try:
            return call(self, value)
        except _errors.NotRepresentable as error:
            refused = error
        try:
            self.copy()
        except _errors.Incompatible:
            raise refused from None
        return not_there(value)

    return method


def _not_there(value):
    raise _errors.NoSuchValue(f"The value {value!r} is not in the list")


def register(list_class, dict_class):
    """isinstance() and patterns know them as what they behave like."""
    collections.abc.MutableSequence.register(list_class)
    collections.abc.MutableMapping.register(dict_class)


def plain_list_methods(cls):
    """What the extension does for lists, without it."""
    get, set_, pop = (_translating(method, _errors.NoSuchItem) for method in (cls.get, cls.set, cls.pop))
    index, remove = (_translating(method, _errors.NoSuchValue) for method in (cls.index, cls.remove_value))
    index, remove = _searching(index, _not_there), _searching(remove, _not_there)
    extend, get_length, get_range = cls.extend, cls.get_length, cls.get_range

    class Plain(PlainWaiting):
        def __len__(self):
            return get_length(self)

        def __getitem__(self, position):
            return self._get_slice(position) if isinstance(position, slice) else self.get(position)

        def __setitem__(self, position, value):
            if isinstance(position, slice):
                self._set_slice(position, value)
            else:
                self.set(position, value)

        contains = _searching(cls.contains, lambda _: False)
        count = _searching(cls.count, lambda _: 0)
        __contains__ = contains

        def get_range(self, start, end):
            return get_range(self, _index(start), _index(end))

        def get(self, position):
            return get(self, _index(position))

        def set(self, position, value):
            set_(self, _index(position), value)

        def pop(self, position=-1):
            return pop(self, _index(position))

        def index(self, value, *between):
            return self._index_between((value, *between)) if between else index(self, value)

        def remove(self, value):
            remove(self, value)

        remove_value = remove

        def extend(self, values):
            extend(self, list(values))

    return Plain


def _pair(key, value):
    variants = (_values.to_variant(_values.key_of(key)), _values.to_item(value))
    return GLib.Variant.new_tuple(*[GLib.Variant.new_variant(variant) for variant in variants])


def plain_dict_methods(cls):
    """What the extension does for dicts, without it."""
    get, set_, contains, pop, set_default = cls.get, cls.set, cls.contains, cls.pop, cls.set_default
    update, get_length = cls.update, cls.get_length
    nothing = object()

    class Plain(PlainWaiting):
        def __len__(self):
            return get_length(self)

        def __getitem__(self, key):
            plain = _values.key_of(key)
            while True:
                try:
                    return get(self, plain)
                except _errors.NotFound:
                    if not contains(self, plain):  # where the dict itself is gone, this is what says so
                        break
            raise KeyError(key)

        def get(self, key, default=None):
            try:
                return self[key]
            except KeyError:
                return default

        def __contains__(self, key):
            return contains(self, _values.key_of(key))

        contains = __contains__

        def set(self, key, value):
            set_(self, _values.key_of(key), value)

        __setitem__ = set

        def pop(self, key, default=nothing):
            try:
                return pop(self, _values.key_of(key))
            except _errors.NotFound:
                if default is not nothing:
                    return default
            raise KeyError(key)

        def __delitem__(self, key):
            self.pop(key)

        def setdefault(self, key, default=None):
            return set_default(self, _values.key_of(key), default)

        popitem = _translating(cls.pop_item, KeyError)

        def _update(self, pairs):
            update(self, GLib.Variant.new_array(GLib.VariantType("(vv)"), [_pair(*pair) for pair in pairs]))

    return Plain
