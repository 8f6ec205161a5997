// SPDX-License-Identifier: LGPL-2.1-or-later

// JavaScript's values as GVariants, and back. The page Values of the documentation is the specification.
//
// A call into GLib costs more than anything that is done here, so lists of one basic type cross in one call each and
// not one per item. And a name of this script costs more than a local one (it is looked up in an object), so loops over
// numbers have only locals inside.

const {GLib} = imports.gi;

// What a GVariant may be nested (128 levels), less what an object around it needs.
const DEPTH_MAX = 100;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

const type = string => new GLib.VariantType(string);
const BYTES = type('ay');
const VARIANT = type('v');
const HANDLE = '(sa{sv}ah)';
const LONE_CONTAINER = 'A container, other than as an item by itself of another one of the same manager,';

// One constructor per basic type.
const CREATE = {
    b: GLib.Variant.new_boolean,
    x: GLib.Variant.new_int64,
    t: GLib.Variant.new_uint64,
    d: GLib.Variant.new_double,
    s: GLib.Variant.new_string,
};
// Arrays of what is as long in memory as in JavaScript's typed arrays.
const TYPED = {
    n: Int16Array,
    q: Uint16Array,
    i: Int32Array,
    u: Uint32Array,
    x: BigInt64Array,
    t: BigUint64Array,
    d: Float64Array,
};

function notRepresentable(what) {
    const {Shmobj} = imports.gi;
    return new Shmobj.Error({
        code: Shmobj.Error.NOT_REPRESENTABLE,
        message: `${what} cannot be carried to other programs; see what can on the page Values of the documentation`,
    });
}

// Where descriptors go with a value, objects are values too: their handles name them by their places in this list. Set
// while one value is converted, by carrying().
let carried = null;

function carrying(fds, callback) {
    const before = carried;
    carried = fds;
    try {
        return callback();
    } finally {
        carried = before;
    }
}

function isShareable(value) {
    return carried !== null && value instanceof imports.gi.Shmobj.Shareable;
}

function objectOf(handle) {
    const {Shareable} = imports.gi.Shmobj;
    return Shareable.new_from_handle(Shareable, handle, carried);
}

function nameOf(value) {
    return `An object of the class “${value.constructor?.name ?? 'unknown'}”`;
}

function numberType(number) {
    // what is no exact integer in JavaScript is none elsewhere
    return Number.isSafeInteger(number) && !Object.is(number, -0) ? 'x' : 'd';
}

function bigintType(number) {
    if (number > UINT64_MAX || number < INT64_MIN)
        throw notRepresentable(`The number ${number}, beyond 64 bits,`);
    return number > INT64_MAX ? 't' : 'x';
}

// The type of a value that is no container, else null.
function basicType(value) {
    switch (typeof value) {
    case 'boolean':
        return 'b';
    case 'number':
        return numberType(value);
    case 'bigint':
        return bigintType(value);
    case 'string':
        if (/[\0\p{Surrogate}]/u.test(value))
            throw notRepresentable('Text with a NUL or half a surrogate pair in it');
        return 's';
    default:
        return null;
    }
}

// The basic type that all of an array's items have, else null.
function commonType(items) {
    const first = basicType(items[0]);
    return first !== null && items.every(item => basicType(item) === first) ? first : null;
}

function areIntegers(items) {
    const {isSafeInteger} = Number;
    const {is} = Object;
    return items.length > 0 && items.every(item => typeof item === 'number' && isSafeInteger(item) && !is(item, -0));
}

// As int64, lower half first as on all machines that the library runs on.
function integersToBytes(items) {
    const {floor} = Math;
    const halves = new Int32Array(2 * items.length);
    for (let i = 0; i < items.length; i++) {
        halves[2 * i] = items[i] | 0;
        halves[2 * i + 1] = floor(items[i] / 2 ** 32);
    }
    return new Uint8Array(halves.buffer);
}

function arrayToVariant(items, depth) {
    if (areIntegers(items))
        return GLib.Variant.new_from_bytes(type('ax'), integersToBytes(items), true);
    const common = items.length > 0 ? commonType(items) : null;
    if (common === null)
        return GLib.Variant.new_array(VARIANT, items.map(item => GLib.Variant.new_variant(convert(item, depth - 2))));
    if (common === 's')
        return GLib.Variant.new_strv(items);
    if (common === 'b')
        return GLib.Variant.new_from_bytes(type('ab'), Uint8Array.from(items, Number), true);
    const exact = common === 'd' ? items : items.map(BigInt);
    return GLib.Variant.new_from_bytes(type(`a${common}`), new Uint8Array(TYPED[common].from(exact).buffer), true);
}

function entriesToVariant(entries, depth) {
    const keys = entries.map(([key]) => key);
    const common = keys.length > 0 ? commonType(keys) : 's';
    if (common === null)
        throw notRepresentable('A Map whose keys are not of one type, or neither text, numbers nor booleans,');
    return GLib.Variant.new_array(type(`{${common}v}`), entries.map(([key, value]) =>
        GLib.Variant.new_dict_entry(CREATE[common](key), GLib.Variant.new_variant(convert(value, depth - 3)))));
}

function objectToVariant(value, depth) {
    if (value instanceof GLib.Variant)
        return value;
    if (value instanceof Uint8Array || value instanceof GLib.Bytes)
        return GLib.Variant.new_from_bytes(BYTES, value, true);
    if (isShareable(value))
        return value.to_handle(carried);
    if (depth < 4)
        throw notRepresentable('A value nested this deep, perhaps in itself,');
    if (Array.isArray(value))
        return arrayToVariant(Array.from(value), depth); // from: holes are undefined
    if (value instanceof Map)
        return entriesToVariant([...value], depth);
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
        throw notRepresentable(value instanceof imports.gi.Shmobj.Container ? LONE_CONTAINER : nameOf(value));
    return entriesToVariant(Object.entries(value), depth);
}

function convert(value, depth) {
    if (value === null || value === undefined)
        return GLib.Variant.new_maybe(VARIANT, null);
    const basic = basicType(value);
    if (basic !== null)
        return CREATE[basic](value);
    if (typeof value !== 'object')
        throw notRepresentable(`A ${typeof value}`);
    return objectToVariant(value, depth);
}

// A GVariant of any value on the page Values; anything else is Shmobj.Error.NOT_REPRESENTABLE.
function toVariant(value) {
    return convert(value, DEPTH_MAX);
}

// Bytes for calls that take a GLib.Bytes.
function toBytes(value) {
    if (value instanceof GLib.Bytes)
        return value;
    if (value instanceof Uint8Array)
        return new GLib.Bytes(value);
    throw new TypeError('bytes are a Uint8Array or a GLib.Bytes');
}

// Exact whatever the size: a BigInt where a number would be rounded.
function integer(bigint) {
    return bigint > SAFE || bigint < -SAFE ? bigint : Number(bigint);
}

// Numbers from int64s, or null if some are too large for that.
function integersFromBytes(buffer) {
    const {isSafeInteger} = Number;
    const low = new Uint32Array(buffer);
    const high = new Int32Array(buffer);
    const items = new Array(low.length / 2);
    for (let i = 0; i < items.length; i++) {
        items[i] = high[2 * i + 1] * 2 ** 32 + low[2 * i];
        if (!isSafeInteger(items[i]))
            return null;
    }
    return items;
}

function dataOf(variant) {
    // a copy: newer and older gjs differ in whether toArray() makes one
    return variant.get_data_as_bytes().toArray().slice();
}

function children(variant) {
    return Array.from({length: variant.n_children()}, (_, i) => variant.get_child_value(i));
}

function arrayFromVariant(variant, element) {
    if (element === 'y')
        return dataOf(variant);
    if (element === 's')
        return variant.get_strv();
    const Typed = TYPED[element];
    if (Typed === undefined)
        return children(variant).map(fromVariant);
    const {buffer} = dataOf(variant);
    if (buffer.byteLength % Typed.BYTES_PER_ELEMENT !== 0)
        return []; // as GVariant reads what is no array
    const numbers = element === 'x' ? integersFromBytes(buffer) : null;
    if (numbers !== null)
        return numbers;
    const items = Array.from(new Typed(buffer));
    return element === 'x' || element === 't' ? items.map(integer) : items;
}

function dictFromVariant(variant, key) {
    const entries = children(variant).map(entry => children(entry).map(fromVariant));
    // fromEntries defines: a key "__proto__" is a key like others
    return 'sog'.includes(key) ? Object.fromEntries(entries) : new Map(entries);
}

function containerFromVariant(variant, string) {
    switch (string[0]) {
    case 'v':
        return fromVariant(variant.get_variant());
    case 'm': {
        const inner = variant.get_maybe();
        return inner === null ? null : fromVariant(inner);
    }
    case 'a':
        return string[1] === '{' ? dictFromVariant(variant, string[2]) : arrayFromVariant(variant, string.slice(1));
    default: // tuples
        if (string === HANDLE && carried !== null)
            return objectOf(variant);
        return children(variant).map(fromVariant);
    }
}

const READ = {
    b: 'get_boolean',
    y: 'get_byte',
    n: 'get_int16',
    q: 'get_uint16',
    i: 'get_int32',
    u: 'get_uint32',
    h: 'get_handle',
    d: 'get_double',
};

// The plain value of any GVariant: null for nothing, numbers (BigInt beyond what a number holds exactly), strings,
// booleans, Uint8Array, arrays, objects for dicts with text keys and Map for others.
function fromVariant(variant) {
    const string = variant.get_type_string();
    switch (string) {
    case 's':
    case 'o':
    case 'g':
        return variant.get_string()[0];
    case 'x':
    case 't':
        return integer(BigInt(variant.print(false)));
    default:
        return READ[string] === undefined ? containerFromVariant(variant, string) : variant[READ[string]]();
    }
}

// Containers of the same manager are items of each other, as references.
const REFERENCE = '/org/shmobj/Manager1/_id_';

function itemToVariant(value) {
    return value instanceof imports.gi.Shmobj.Container ? value.get_reference() : toVariant(value);
}

function openReference(container, reference) {
    const {READ_ONLY, DEFAULT} = imports.gi.Shmobj.OpenFlags;
    return container.get_manager().open_reference(reference, container.get_read_only() ? READ_ONLY : DEFAULT);
}

// What was read from a container.
function itemFromVariant(container, variant) {
    const string = variant.get_type_string();
    switch (string) {
    case 'o':
        return variant.get_string()[0].startsWith(REFERENCE) ? openReference(container, variant) : fromVariant(variant);
    case 'v':
        return itemFromVariant(container, variant.get_variant());
    case '(vv)':
    case 'a(vv)':
        return children(variant).map(child => itemFromVariant(container, child));
    default:
        return fromVariant(variant);
    }
}
