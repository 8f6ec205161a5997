# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values to GVariants and back, in Python: what the extension's codec does without building them,
for where there is no extension, and for calls that take a GVariant whatever happens (`_async`).
The page Values of the documentation is the specification of both."""

from gi.repository import GLib

from . import _errors, _handles

DEPTH_MAX = 100
REFERENCE = "/org/shmobj/Manager1/_id_"  # what a reference to a container begins with

CONTAINER = ()  # the class, when it has been adapted

# One constructor per basic type; GLib.Variant(type, value) parses the type string each time.
_new = {
    "b": GLib.Variant.new_boolean,
    "x": GLib.Variant.new_int64,
    "t": GLib.Variant.new_uint64,
    "d": GLib.Variant.new_double,
    "s": GLib.Variant.new_string,
}


class _Unrepresentable(Exception):
    pass


def _basic_type(value):
    kind = type(value)
    if kind is int:
        if -(2**63) <= value < 2**63:
            return "x"
        return "t" if 0 <= value < 2**64 else None
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
        return None if "\0" in value else "s"
    return "d" if kind is float else "b" if kind is bool else None


def _one_type(values, otherwise):
    """The basic type that all of them have, else None; `otherwise` when there are none."""
    types = {_basic_type(value) for value in values}
    return types.pop() if len(types) == 1 else None if types else otherwise


def _bytes(value):
    return GLib.Variant.new_from_bytes(GLib.VariantType("ay"), GLib.Bytes.new(value), True)


def _list(value, depth):
    basic = _one_type(value, None)
    if basic is None:
        items = [GLib.Variant.new_variant(_convert(item, depth - 2)) for item in value]
        return GLib.Variant.new_array(GLib.VariantType("v"), items)
    return GLib.Variant.new_array(GLib.VariantType(basic), [_new[basic](item) for item in value])


def _dict(value, depth):
    basic = _one_type(value, "s")
    if basic is None:
        raise _Unrepresentable
    entries = [
        GLib.Variant.new_dict_entry(_new[basic](key), GLib.Variant.new_variant(_convert(item, depth - 3)))
        for key, item in value.items()
    ]
    return GLib.Variant.new_array(GLib.VariantType("{%sv}" % basic), entries)


def _convert(value, depth):
    basic = _basic_type(value)
    if basic is not None:
        return _new[basic](value)
    if value is None:
        return GLib.Variant.new_maybe(GLib.VariantType("v"), None)
    kind = type(value)
    if kind is bytes:
        return _bytes(value)
    if depth >= 4:
        if kind is tuple:
            return GLib.Variant.new_tuple(*[_convert(item, depth - 1) for item in value])
        if kind is list:
            return _list(value, depth)
        if kind is dict:
            return _dict(value, depth)
        if kind is GLib.Variant:
            return value
        handle = _handles.handle_of(value)
        if handle is not None:
            return handle
    raise _Unrepresentable


def to_variant(value):
    try:
        return _convert(value, DEPTH_MAX)
    except _Unrepresentable:
        pass
    raise _errors.NotRepresentable(
        f"This value of type “{type(value).__qualname__}” is, or contains, something that other languages "
        "cannot read; for Python readers only, set allow_pickle (which needs the extension _shmobj)"
    )


def to_item(value):
    """Of what is put into a container: another one of the same manager becomes a reference."""
    return value.get_reference() if isinstance(value, CONTAINER) else to_variant(value)


def from_item(container, variant):
    """Of what was read from a container: a reference becomes the container that it leads to."""
    kind = variant.get_type_string()
    if kind == "o" and variant.get_string().startswith(REFERENCE):
        return container._open_reference(variant.get_string())
    if kind in ("(vv)", "a(vv)"):
        items = [from_item(container, child) for child in _children(variant)]
        return tuple(items) if kind == "(vv)" else items
    if kind == "v":
        return from_item(container, variant.get_variant())
    return from_variant(variant)


def _children(variant):
    return (variant.get_child_value(i) for i in range(variant.n_children()))


def from_variant(variant):
    kind = variant.get_type_string()
    if kind == "ay":
        return variant.get_data_as_bytes().get_data() or b""
    if kind == "v":
        return from_variant(variant.get_variant())
    if kind[0] == "m":
        inner = variant.get_maybe()
        return None if inner is None else from_variant(inner)
    if kind == _handles.TYPE:
        thing = _handles.object_of(variant)
        if thing is not None:
            return thing
    if kind[0] == "(":
        return tuple(from_variant(child) for child in _children(variant))
    if kind[0] == "{":
        return dict([tuple(from_variant(part) for part in _children(variant))])
    if kind.startswith("a{"):
        return dict(tuple(from_variant(part) for part in _children(pair)) for pair in _children(variant))
    if kind[0] == "a":
        return [from_variant(child) for child in _children(variant)]
    return variant.unpack()


def key_of(value):
    """What Python's dict takes for equal is one key: True and 1.0 are 1."""
    kind = type(value)
    if kind is bool or (kind is float and value.is_integer() and -(2**63) <= value < 2**64):
        return int(value)
    if kind is tuple:
        return tuple(key_of(item) for item in value)
    if kind in (int, str, float, bytes):
        return value
    raise TypeError(f"keys are text, integers, doubles, bytes and tuples of these, not {kind.__qualname__}")
