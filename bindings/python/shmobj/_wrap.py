# SPDX-License-Identifier: LGPL-2.1-or-later
"""Introspected methods, as Python wants them.

Every class of the library passes through here once, when the override is loaded:

 - a GError becomes an exception of shmobj._errors,
 - an argument `timeout_us` becomes `timeout` in seconds (None: for ever), and it and what follows it
   may be left out,
 - a GVariant argument takes any Python value, a GVariant result arrives as one,
 - what only says that it did not fail says nothing.

What is called often is then replaced by the extension's own methods.
"""

import math
import time

import gi
from gi.repository import GLib

from . import _errors, _values

# Handles and references are GVariants by nature.
RAW = {"to_handle", "new_from_handle", "get_reference"}

# Other booleans of calls that can fail only say that they did not, which Python says by not raising.
QUESTIONS = {"contains", "poll", "compare_and_set", "reorder"}

# Their values may be other containers.
CONTAINERS = {"Container", "List", "Dict", "Value", "ListIter"}

# Waits that end at a signal by themselves, or that are done in another way for Python.
NOT_SLICED = {"wait", "poll", "put_many", "get_many"}

# The extension's: raises what a signal's handler raised that ended the last call, a write that waited for others.
RAISE_INTERRUPT = None

CANCELLED = (_errors.Cancelled.DOMAIN, _errors.Cancelled.CODE)
SLICE_US = 100_000
GAVE_UP = {
    (_errors.Empty.DOMAIN, _errors.Empty.CODE),
    (_errors.Full.DOMAIN, _errors.Full.CODE),
    (_errors.TimedOut.DOMAIN, _errors.TimedOut.CODE),
}


def microseconds(timeout):
    """From what Python says to what the library wants."""
    if timeout is None:
        return -1
    if math.isnan(timeout):
        raise ValueError("timeout is not a number")
    if timeout > 1e12:
        return -1
    return max(0, math.ceil(timeout * 1e6))


def end_of(timeout):
    """The moment when a wait of so many seconds that begins now is over; None: never."""
    timeout_us = microseconds(timeout)
    return None if timeout_us < 0 else GLib.get_monotonic_time() + timeout_us


def left_of(end):
    """The seconds until then."""
    return None if end is None else max(0, end - GLib.get_monotonic_time()) / 1e6


def patiently(attempt, give_up, timeout_us, wait=None):
    """attempt () until it does not raise give_up, or the time is over; then that is raised.

    It must not wait in C: a GError that comes back when Python has a Ctrl-C to deliver is turned into
    a RuntimeError by PyGObject, and the KeyboardInterrupt is lost. wait (seconds or None) may, if it
    has no GError; otherwise we sleep, a little longer each time."""
    end = GLib.get_monotonic_time() + timeout_us
    pause = 0.0005
    while True:
        try:
            return attempt()
        except give_up:
            left = None if timeout_us < 0 else (end - GLib.get_monotonic_time()) / 1e6
            if left is not None and left <= 0:
                raise
        if wait:
            wait(left)
        else:
            time.sleep(pause if left is None else min(pause, left))
            pause = min(pause * 2, 0.05)


def _type_of(argument):
    """PyGObject has called it both."""
    return argument.get_type_info() if hasattr(argument, "get_type_info") else argument.get_type()


def _is_variant(type_info):
    if type_info.get_tag_as_string() != "interface":
        return False
    interface = type_info.get_interface()
    return interface.get_namespace() == "GLib" and interface.get_name() == "Variant"


def _is_array(type_info):
    return type_info.get_tag_as_string() == "array"


def _is_variant_array(type_info):
    return _is_array(type_info) and _is_variant(type_info.get_param_type(0))


def _converters(info):
    """For each argument by position a conversion or None, and the position of timeout_us."""
    convert, timeout_at, names = [], None, []
    arguments = info.get_arguments()
    owner = info.get_container()
    to_variant = _values.to_item if owner and owner.get_name() in CONTAINERS | {"Manager"} else _values.to_variant
    # the lengths of arrays are not arguments in Python
    lengths = {_type_of(a).get_array_length() for a in arguments if _is_array(_type_of(a))}
    for position, argument in enumerate(arguments):
        if argument.get_direction() == gi._gi.Direction.OUT or position in lengths:
            continue
        name, type_info = argument.get_name(), _type_of(argument)
        if name == "timeout_us":
            timeout_at = len(convert)
            convert.append(microseconds)
        elif _is_variant(type_info):
            convert.append(to_variant)
        elif _is_variant_array(type_info):
            convert.append(lambda values: [to_variant(value) for value in values])
        else:
            convert.append(None)
        names.append(name)
    return convert, timeout_at, names


def _result(info):
    """From what a call gives, and the object that it was called on, to what Python gets; None: nothing to do."""
    result, owner = info.get_return_type(), info.get_container()
    if info.can_throw_gerror() and result.get_tag_as_string() == "gboolean" and info.get_name() not in QUESTIONS:
        return lambda self, value: None

    def from_variant(self, value):
        return _values.from_item(self, value) if is_container else _values.from_variant(value)

    is_container = owner is not None and owner.get_name() in CONTAINERS
    if _is_variant(result):
        return lambda self, value: None if value is None else from_variant(self, value)
    if _is_variant_array(result):
        return lambda self, values: [from_variant(self, value) for value in values]
    return None


def _in_slices(call, args, kwargs, at):
    """A call that waits, a moment at a time, because Python notices Ctrl-C only in between. `at` is where
    its timeout_us is in args, if it is not in kwargs."""
    where, key = (kwargs, "timeout_us") if "timeout_us" in kwargs else (args, at)
    end = None if where[key] < 0 else GLib.get_monotonic_time() + where[key]
    while True:
        left = SLICE_US if end is None else max(0, end - GLib.get_monotonic_time())
        where[key] = min(left, SLICE_US)
        try:
            return call(*args, **kwargs)
        except GLib.Error as error:
            if (error.domain, error.code) not in GAVE_UP or (end is not None and left <= SLICE_US):
                raise


def _translate(call, info):
    """A function that calls `call`, which takes the arguments of `info` (and self before them)."""
    convert, timeout_at, names = _converters(info)
    result = _result(info)
    skip = 1 if info.is_method() else 0
    is_plain = timeout_at is None and not any(convert)
    rename = {"timeout": "timeout_us"}
    waits = timeout_at is not None and info.get_name() not in NOT_SLICED and not info.get_name().endswith("_async")

    def arguments(args, kwargs):
        args = list(args)
        for position in range(skip, len(args)):
            index = position - skip
            if index < len(convert) and convert[index]:
                args[position] = convert[index](args[position])
        named = {}
        for name, value in kwargs.items():
            name = rename.get(name, name) if timeout_at is not None else name
            index = names.index(name) if name in names else -1
            named[name] = convert[index](value) if index >= 0 and convert[index] else value
        if timeout_at is not None and len(args) - skip <= timeout_at and "timeout_us" not in named:
            named["timeout_us"] = -1
        return args, named

    def method(*args, **kwargs):
        if not is_plain:
            args, kwargs = arguments(args, kwargs)
        try:
            value = _in_slices(call, args, kwargs, skip + timeout_at) if waits else call(*args, **kwargs)
        except GLib.Error as error:
            translated = _errors.from_gerror(error)
            was_ended = (error.domain, error.code) == CANCELLED
        except RuntimeError as error:
            if str(error) != "Converting the GError failed":
                raise
            translated, was_ended = KeyboardInterrupt(), False  # see patiently()
        else:
            return result(args[0] if skip else None, value) if result else value
        if was_ended and RAISE_INTERRUPT:
            RAISE_INTERRUPT()
        raise translated

    method.__name__ = method.__qualname__ = info.get_name()
    method.__doc__ = getattr(call, "__doc__", None)
    return method


def wrap_class(cls):
    """Replaces each introspected method of the class that needs it."""
    for name, member in list(vars(cls).items()):
        info = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        if not isinstance(info, gi._gi.FunctionInfo) or name in RAW:
            continue
        if info.is_method():
            setattr(cls, name, _translate(info, info))
        elif info.can_throw_gerror():
            setattr(cls, name, staticmethod(_translate(getattr(cls, name), info)))
