// SPDX-License-Identifier: LGPL-2.1-or-later

// The codec: every row of the page Values, what others may write, and what is refused.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, run, show, test, throws} from './tap.js';

const {toVariant, fromVariant} = imports.overrides.shmobj.values;
const page = new TextDecoder().decode(
    Gio.File.new_for_path(`${GLib.getenv('SHMOBJ_SOURCE')}/libshmobj/docs/values.md`).load_contents(null)[1]);

// The cells of the table below a heading of the page.
function rows(heading) {
    const section = page.split(`## ${heading}\n`)[1].split('\n## ')[0];
    const lines = section.split('\n').filter(line => line.startsWith('|'));
    return lines.slice(2).map(line => line.slice(1, -1).split(' | ').map(cell => cell.trim()));
}

const code = cell => cell.slice(1, -1);
const evaluate = cell => new Function('GLib', `return (${code(cell)});`)(GLib);

for (const [name, , cell, , stored] of rows('What becomes what')) {
    if (cell === '–')
        continue;
    test(`page/${name.replaceAll(' ', '-')}`, () => {
        const value = evaluate(cell);
        const variant = toVariant(value);
        equal(variant.get_type_string(), code(stored));
        isTrue(variant.is_normal_form());
        equal(fromVariant(variant), value instanceof GLib.Variant ? value.recursiveUnpack() : value);
        // what introspection alone makes of it is the same, where it can
        if (!show(value).match(/n\b|Map|bytes/) && !(value instanceof GLib.Variant))
            equal(variant.recursiveUnpack(), value);
    });
}

test('page/other-types-are-read-as-it-says', () => {
    const numbers = {y: 200, n: -3, q: 65000, i: -5, u: 4000000000, h: 3, o: '/a/b', g: 'a{sv}'};
    const named = rows('What else can be read').slice(0, 3).flatMap(row => row[0].split(' ').map(code));
    equal(named.sort(), Object.keys(numbers).sort());
    for (const [type, value] of Object.entries(numbers))
        equal(fromVariant(new GLib.Variant(type, value)), value, type);
});

const FOREIGN = [
    ['<<5>>', 5],
    ['just 7', 7],
    ['@mas nothing', null],
    ['@mmi just nothing', null],
    ['@m() just ()', []],
    ['[byte 1, 2]', new Uint8Array([1, 2])],
    ['@ay []', new Uint8Array()],
    ['@ai [1, -2]', [1, -2]],
    ['@aq []', []],
    ['@at [1, 18446744073709551615]', [1, 18446744073709551615n]],
    ['@a(si) [("a", 1), ("", 2)]', [['a', 1], ['', 2]]],
    ['{"a": @ms "x", "b": nothing}', {a: 'x', b: null}],
    ['@a{os} {"/": "root"}', {'/': 'root'}],
    ['{1: "one"}', new Map([[1, 'one']])],
    ['@aas [["a"], [], ["b", "c"]]', [['a'], [], ['b', 'c']]],
    ['("s", byte 3, @aay [b"a", b""], int64 4)', ['s', 3, [new Uint8Array([97, 0]), new Uint8Array([0])], 4]],
    ['int64 9007199254740991', 9007199254740991],
    ['int64 9007199254740992', 9007199254740992n],
    ['int64 -9007199254740992', -9007199254740992n],
];

test('foreign-containers', () => {
    for (const [text, value] of FOREIGN)
        equal(fromVariant(GLib.Variant.parse(null, text, null, null)), value, text);
});

test('bytes-of-no-array-are-an-empty-one', () => {
    for (const type of ['ax', 'ad', 'ai']) {
        const variant = GLib.Variant.new_from_bytes(new GLib.VariantType(type), new Uint8Array(13), false);
        equal(variant.n_children(), 0);
        equal(fromVariant(variant), []);
    }
});

test('integers-are-exact', () => {
    for (const bits of [52n, 53n, 54n, 62n, 63n, 64n]) {
        for (const number of [2n ** bits - 1n, 2n ** bits, -(2n ** bits), 1n - 2n ** bits]) {
            if (number >= 2n ** 64n || number < -(2n ** 63n))
                continue;
            const back = fromVariant(toVariant(number));
            isTrue(BigInt(back) === number, `${number}`);
            equal(typeof back, number <= 2n ** 53n - 1n && number >= 1n - 2n ** 53n ? 'number' : 'bigint');
        }
    }
    equal(toVariant(2 ** 53).get_type_string(), 'd'); // no exact integer in JavaScript
    equal(fromVariant(toVariant(-0)), -0);
});

test('integers-in-arrays-are-exact', () => {
    const numbers = [];
    for (let bits = 0; bits < 53; bits++)
        numbers.push(2 ** bits, -(2 ** bits), 2 ** bits - 1, 1 - 2 ** bits || 0, 3 * 2 ** (bits - 2) | 0);
    numbers.push(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
    const variant = toVariant(numbers);
    equal(variant.print(false), `[${numbers.join(', ')}]`);
    equal(fromVariant(variant), numbers);
    const large = GLib.Variant.parse(null, '[int64 1, 9007199254740992, -9223372036854775808]', null, null);
    equal(fromVariant(large), [1, 9007199254740992n, -9223372036854775808n]);
});

test('undefined-is-nothing-and-holes-are-undefined', () => {
    equal(fromVariant(toVariant(undefined)), null);
    // eslint-disable-next-line no-sparse-arrays
    equal(fromVariant(toVariant([, 1])), [null, 1]);
    equal(fromVariant(toVariant({a: undefined})), {a: null});
});

test('keys-that-mean-something-to-javascript', () => {
    const value = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "length": 3}');
    const back = fromVariant(toVariant(value));
    equal(Object.keys(back), ['__proto__', 'constructor', 'length']);
    equal(Object.getPrototypeOf(back), Object.prototype);
    equal(back.a, undefined);
});

test('long-arrays', () => {
    const numbers = Array.from({length: 10000}, (_, i) => i - 5000);
    equal(fromVariant(toVariant(numbers)), numbers);
    equal(fromVariant(toVariant(numbers.map(n => n + 0.5))), numbers.map(n => n + 0.5));
    equal(fromVariant(toVariant(numbers.map(String))), numbers.map(String));
});

function nested(levels) {
    return levels === 0 ? 1 : [nested(levels - 1), 'x'];
}

test('deep-nesting', () => {
    equal(fromVariant(toVariant(nested(40))), nested(40));
});

class Other {}

const REFUSED = {
    'an-integer-beyond-64-bits': 2n ** 64n,
    'a-negative-one': -(2n ** 63n) - 1n,
    'text-with-a-nul': 'a\0b',
    'half-a-surrogate-pair': '\ud800',
    'the-other-half-in-a-list': ['a', '\udc00'],
    'a-key-with-a-nul': {'a\0': 1},
    'keys-of-several-types': new Map([[1, 1], ['a', 2]]),
    'keys-that-are-nothing': new Map([[null, 1]]),
    'a-set': new Set([1]),
    'a-date': new Date(),
    'a-function': () => 1,
    'a-symbol': Symbol('x'),
    'an-object-of-a-class': new Other(),
    'another-typed-array': new Float64Array(2),
    'a-gobject': new Gio.Cancellable(),
    'one-inside': {a: [1, [new Set()]]},
    'too-deep': nested(60),
};
REFUSED['itself-inside'] = [1];
REFUSED['itself-inside'].push(REFUSED['itself-inside']);

for (const [name, value] of Object.entries(REFUSED))
    test(`refused/${name}`, () => throws(() => toVariant(value), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE));

run();
