# SPDX-License-Identifier: LGPL-2.1-or-later
"""The codec: every row of the page Values, agreement with GLib's own GVariant in both directions, and
bytes that nobody meant to send."""

import collections
import datetime
import enum
import math
import os
import random
import unittest

from gi.overrides import _shmobj
from gi.repository import GLib

from shmobj import _errors, _values

PAGE = os.path.join(os.environ["SHMOBJ_SOURCE"], "libshmobj", "docs", "values.md")
SLOWER = int(os.environ.get("SHMOBJ_TEST_SLOWER", "1"))


def rows(heading):
    """The cells of the table below a heading of the page."""
    with open(PAGE, encoding="utf-8") as file:
        section = file.read().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code(cell):
    assert cell[0] == cell[-1] == "`" and len(cell) > 2, cell
    return cell[1:-1]


def same(left, right):
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and left == right


def to_glib(kind, type_string, data):
    """What GLib makes of a frame; not trusted, so that it checks."""
    if kind == _shmobj.BYTES:
        type_string = "ay"
    value = GLib.Variant.new_from_bytes(GLib.VariantType(type_string), GLib.Bytes.new(data), False)
    assert value.is_normal_form(), (type_string, data)
    return value


def from_glib(value):
    data = value.get_data_as_bytes().get_data() or b""
    return _shmobj.decode(_shmobj.VARIANT, value.get_type_string(), data)


class Page(unittest.TestCase):
    def test_every_row_is_what_the_codec_does(self):
        table = rows("What becomes what")
        self.assertGreater(len(table), 20)
        for row in table:
            value = eval(code(row[1]), {"GLib": GLib})
            with self.subTest(row[0]):
                kind, type_string, data = _shmobj.encode(value)
                glib = to_glib(kind, type_string, data)
                self.assertEqual(glib.get_type_string(), code(row[4]))
                expected = value.unpack() if isinstance(value, GLib.Variant) else value
                self.assertTrue(same(_shmobj.decode(kind, type_string, data), expected))

    def test_foreign_types_are_read_as_the_page_says(self):
        examples = {
            "y": 200, "n": -3, "q": 65000, "i": -5, "u": 4000000000, "h": 3, "o": "/a/b", "g": "a{sv}",
        }  # fmt: skip
        named = [code(part) for row in rows("What else can be read")[:3] for part in row[0].split()]
        self.assertEqual(sorted(named), sorted(examples))
        for type_string, expected in examples.items():
            self.assertTrue(same(from_glib(GLib.Variant(type_string, expected)), expected), type_string)

    def test_foreign_containers(self):
        for text, expected in (
            ("<<5>>", 5),
            ("just 7", 7),
            ("@mas nothing", None),
            ("@mmi just nothing", None),
            ("@m() just ()", ()),
            ("[byte 1, 2]", b"\x01\x02"),
            ("@ai [1, 2]", [1, 2]),
            ("@a(si) [('a', 1), ('', 2)]", [("a", 1), ("", 2)]),
            ("{'a': @ms 'x', 'b': nothing}", {"a": "x", "b": None}),
            ("@a{os} {'/': 'root'}", {"/": "root"}),
            ("{1, 'one'}", {1: "one"}),
            ("@aas [['a'], [], ['b', 'c']]", [["a"], [], ["b", "c"]]),
            ("('s', byte 3, @aay [b'a', b''], int64 4)", ("s", 3, [b"a\0", b"\0"], 4)),
        ):
            with self.subTest(text):
                self.assertEqual(from_glib(GLib.Variant.parse(None, text, None, None)), expected)


class Colour(enum.IntEnum):
    RED = 1


Point = collections.namedtuple("Point", "x y")


class Text(str):
    pass


class Pickles(unittest.TestCase):
    VALUES = (
        {1, 2}, Colour.RED, Point(1, 2), Text("a"), bytearray(b"a"), 2**64, -(2**63) - 1, "a\0b", "\ud800",
        {1: 2, "a": 3}, {b"k": 1}, {(1, 2): 3}, {None: 1}, [1, {2}], (1, [Point(1, 2)]), {"k": "\udfff"},
        {"a\0": 1}, datetime.date(2024, 1, 2), len, complex(1, 2), collections.OrderedDict(a=1), {2**70: 1},
        [2**64], [0, "\0"], range(3),
    )  # fmt: skip

    def test_other_values_are_pickled_whole_and_keep_their_type(self):
        for value in self.VALUES:
            with self.subTest(repr(value)):
                kind, type_string, data = _shmobj.encode(value, True)
                self.assertEqual((kind, type_string), (_shmobj.PICKLE, ""))
                self.assertTrue(same(_shmobj.decode(kind, type_string, data, True), value))

    def test_without_allow_pickle_they_are_refused(self):
        for value in self.VALUES:
            with self.subTest(repr(value)), self.assertRaises(_errors.NotRepresentable) as caught:
                _shmobj.encode(value)
            self.assertIsInstance(caught.exception, TypeError)

    def test_without_allow_pickle_nothing_is_unpickled(self):
        kind, type_string, data = _shmobj.encode({1}, True)
        with self.assertRaises(_errors.Incompatible):
            _shmobj.decode(kind, type_string, data)

    def test_what_does_not_pickle_raises_what_pickle_raises(self):
        with self.assertRaises(TypeError):
            _shmobj.encode((i for i in ()), True)

    def test_a_list_that_contains_itself(self):
        value = [1]
        value.append(value)
        result = _shmobj.decode(*_shmobj.encode(value, True), True)
        self.assertIs(result[1], result)

    def test_deep_nesting(self):
        value = []
        for _ in range(30):
            value = [value, {"k": value}] if len(value) < 1 else [value]
        kind, type_string, data = _shmobj.encode(value)
        self.assertEqual(to_glib(kind, type_string, data).get_type_string(), "av")
        self.assertEqual(_shmobj.decode(kind, type_string, data), value)
        for _ in range(100):
            value = [value]
        self.assertEqual(_shmobj.encode(value, True)[0], _shmobj.PICKLE)
        with self.assertRaises(_errors.NotRepresentable):
            _shmobj.encode(value)


def random_value(rng, depth):
    """Any value that GVariant can say."""
    basic = (
        lambda: rng.randrange(-(2**63), 2**63) >> rng.randrange(64),
        lambda: rng.randrange(2**63, 2**64),
        lambda: rng.choice([True, False]),
        lambda: rng.choice([0.0, -1.5, 1e300, math.inf, rng.random()]),
        lambda: "".join(rng.choices("aé漢😀 \n", k=rng.choice([0, 1, 3, 20, 300]))),
    )
    other = (
        lambda: None,
        lambda: rng.randbytes(rng.choice([0, 1, 7, 8, 255, 256, 70000 if depth == 3 else 9])),
        lambda: tuple(random_value(rng, depth - 1) for _ in range(rng.randrange(5))),
        lambda: [random_value(rng, depth - 1) for _ in range(rng.randrange(5))],
        lambda: (lambda make: [make() for _ in range(rng.randrange(40))])(rng.choice(basic)),
        lambda: (lambda make: {make(): random_value(rng, depth - 1) for _ in range(rng.randrange(5))})(
            rng.choice(basic)
        ),
    )
    try_again = rng.choice(basic + other if depth > 0 else basic)
    return try_again()


def representable(value):
    """Keys made at random may mix integers that are `x` and `t`."""
    if isinstance(value, dict):
        if len({(type(key), type(key) is int and key >= 2**63) for key in value}) > 1:
            return False
        return all(representable(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(representable(item) for item in value)
    return True


def unpack(variant):
    """GLib's view of a value, by its accessors; independent of our decoder."""
    t = variant.get_type_string()
    if t == "ay":
        return variant.get_data_as_bytes().get_data() or b""
    if t[0] == "v":
        return unpack(variant.get_variant())
    if t[0] == "m":
        inner = variant.get_maybe()
        return None if inner is None else unpack(inner)
    if t.startswith("a{"):
        pairs = [variant.get_child_value(i) for i in range(variant.n_children())]
        return {unpack(p.get_child_value(0)): unpack(p.get_child_value(1)) for p in pairs}
    if t[0] == "{":
        return {unpack(variant.get_child_value(0)): unpack(variant.get_child_value(1))}
    if t[0] in "a(":
        items = [unpack(variant.get_child_value(i)) for i in range(variant.n_children())]
        return tuple(items) if t[0] == "(" else items
    return variant.unpack()


class Seeded(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SHMOBJ_TEST_SEED", random.SystemRandom().randrange(2**32)))
        print(f"# SHMOBJ_TEST_SEED={self.seed}")
        self.rng = random.Random(self.seed)


class Agreement(Seeded):
    def test_random_values_are_what_glib_reads(self):
        for _ in range(3000 // SLOWER):
            value = random_value(self.rng, 3)
            if not representable(value):
                with self.assertRaises(_errors.NotRepresentable):
                    _shmobj.encode(value)
                continue
            kind, type_string, data = _shmobj.encode(value)
            self.assertTrue(same(unpack(to_glib(kind, type_string, data)), value))
            self.assertTrue(same(_shmobj.decode(kind, type_string, data), value))
            # and byte for byte what GLib serialises
            if kind == _shmobj.VARIANT:
                again = GLib.Variant.new_tuple(to_glib(kind, type_string, data).get_normal_form())
                self.assertTrue(same(from_glib(again), (value,)))

    def test_the_codec_in_python_does_the_same(self):
        for _ in range(1000 // SLOWER):
            value = random_value(self.rng, 3)
            if not representable(value):
                with self.assertRaises(_errors.NotRepresentable):
                    _values.to_variant(value)
                continue
            ours = to_glib(*_shmobj.encode(value))
            theirs = _values.to_variant(value)
            self.assertEqual(ours.get_type_string(), theirs.get_type_string())
            self.assertEqual(ours.get_data_as_bytes().get_data(), theirs.get_data_as_bytes().get_data())
            self.assertTrue(same(_values.from_variant(ours), value))
        for value in Pickles.VALUES:
            with self.subTest(repr(value)), self.assertRaises(_errors.NotRepresentable):
                _values.to_variant(value)

    def test_a_variant_inside_a_value(self):
        inner = GLib.Variant("a(yv)", [(1, GLib.Variant("s", "x"))])
        value = {"k": [inner, 1], "t": (inner, "y", GLib.Variant("y", 7))}
        kind, type_string, data = _shmobj.encode(value)
        expected = {"k": [[(1, "x")], 1], "t": ([(1, "x")], "y", 7)}
        self.assertEqual(to_glib(kind, type_string, data).unpack(), expected)
        self.assertEqual(_shmobj.decode(kind, type_string, data), expected)

    def test_sizes_around_each_width_of_offsets(self):
        for size in (0, 1, 250, 251, 252, 253, 254, 255, 256, 65530, 65531, 65532, 65533, 65534, 65535, 65536):
            for value in (["x" * size], ["", "x" * size, "y"], ("x" * size, 1, "z"), {"k": "x" * size}):
                frame = _shmobj.encode(value)
                self.assertEqual(to_glib(*frame).unpack(), value)
                self.assertEqual(_shmobj.decode(*frame), value)


class Hostile(Seeded):
    """Damage must end in Corrupt or in some value: never a crash, never another exception."""

    def read(self, type_string, data):
        try:
            _shmobj.decode(_shmobj.VARIANT, type_string, data)
        except _errors.Corrupt:
            return False
        return True

    def test_random_bytes(self):
        types = ["av", "a{sv}", "(sasv)", "as", "aas", "a(yms)", "v", "mv", "(msmaymv)", "a{s(iv)}", "s", "ab"]
        read = sum(
            self.read(self.rng.choice(types), self.rng.randbytes(self.rng.randrange(64)))
            for _ in range(60000 // SLOWER)
        )
        self.assertGreater(read, 0)

    def test_damaged_values(self):
        for _ in range(20000 // SLOWER):
            kind, type_string, data = _shmobj.encode(random_value(self.rng, 2), True)
            if kind != _shmobj.VARIANT or not data:
                continue
            damaged = bytearray(data)
            for _ in range(self.rng.randrange(1, 4)):
                damaged[self.rng.randrange(len(damaged))] = self.rng.choice([0, 1, 8, 0x7F, 0xFF, 118, 40])
            self.read(type_string, bytes(damaged[: self.rng.choice([len(damaged), len(damaged) - 1])]))

    def test_random_types(self):
        for _ in range(60000 // SLOWER):
            length = self.rng.randrange(12)
            type_string = "".join(self.rng.choices("abdghimnoqstuvxy(){}*?r", k=length))
            valid = GLib.VariantType.string_is_valid(type_string)
            definite = valid and GLib.VariantType(type_string).is_definite()
            for data in (b"", bytes(self.rng.randrange(24)), self.rng.randbytes(16)):
                read = self.read(type_string, data)
                self.assertTrue(definite or not read, type_string)

    def test_normal_values_of_every_type_are_read(self):
        seen = 0
        while seen < 300 // SLOWER:
            type_string = "".join(self.rng.choices("absymvixd(){}n", k=self.rng.randrange(1, 9)))
            if not GLib.VariantType.string_is_valid(type_string):
                continue
            seen += 1
            data = GLib.Bytes.new(self.rng.randbytes(self.rng.randrange(40)))
            value = GLib.Variant.new_from_bytes(GLib.VariantType(type_string), data, False).get_normal_form()
            self.assertEqual(repr(from_glib(value)), repr(unpack(value)), type_string)

    def test_absurd_nesting_is_refused(self):
        data = b""
        for _ in range(5000):
            data += b"\0v"
        self.assertFalse(self.read("v", data))
        self.assertFalse(self.read("a" * 60000 + "y", b""))
        self.assertFalse(self.read("(" * 30000 + ")" * 30000, b"\0"))


if __name__ == "__main__":
    unittest.main()
