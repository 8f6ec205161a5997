// SPDX-License-Identifier: LGPL-2.1-or-later

// How a method of the library becomes one of JavaScript: plain values in and out, one object of options at the end
// instead of a time-out and a cancellable, promises instead of callbacks.

const {GLib} = imports.gi;

// The arguments timeout_us and cancellable from {timeout, cancellable}.
function waiting(options = {}) {
    checkOptions(options, ['timeout', 'cancellable']);
    return [microseconds(options.timeout), options.cancellable ?? null];
}

// For calls that cannot be cancelled.
function timeoutOnly(options = {}) {
    checkOptions(options, ['timeout']);
    return microseconds(options.timeout);
}

// Options are few, so a misspelt one is an error and not a wait for ever.
function checkOptions(options, known) {
    const prototype = typeof options === 'object' && options !== null ? Object.getPrototypeOf(options) : undefined;
    if (prototype !== Object.prototype && prototype !== null)
        throw new TypeError(`options are one object, such as {${known[0]}: …}, not ${options}`);
    for (const name of Object.keys(options)) {
        if (!known.includes(name))
            throw new TypeError(`there is no option “${name}”, only ${known.join(', ')}`);
    }
}

// Milliseconds, fractions too; left out, it is for ever.
function microseconds(timeout = Infinity) {
    if (typeof timeout !== 'number' || !(timeout >= 0))
        throw new TypeError(`timeout is a number of milliseconds from 0 on (left out: for ever), not ${timeout}`);
    const exact = Math.ceil(timeout * 1000);
    return Number.isSafeInteger(exact) ? exact : -1;
}

// Introspection would take what is no integer for 0.
function integer(otherwise) {
    return (value = otherwise) => {
        if (!Number.isInteger(value))
            throw new TypeError(`an integer is needed here, not ${value}`);
        return value;
    };
}

const same = value => value;

function rethrow(error) {
    throw error;
}

// A method that does as `raw` with its arguments converted, one by one, by `args`, and its result by `result` (called on the object); if it
// waits, options come last. An error goes to `otherwise`, which throws it or does the same in another way.
function adapted(raw, {args = [], waits = false, result = same, otherwise = rethrow}) {
    return function (...given) {
        try {
            const passed = args.map((convert, i) => convert(given[i]));
            if (waits)
                passed.push(...waiting(given[args.length]));
            return result.call(this, raw.apply(this, passed));
        } catch (error) {
            return otherwise.call(this, error, '', ...given);
        }
    };
}

// The same as a promise.
function promised(start, finish, {args = [], result = same, otherwise = rethrow}) {
    return function (...given) {
        return new Promise((resolve, reject) => {
            const passed = args.map((convert, i) => convert(given[i]));
            start.call(this, ...passed, ...waiting(given[args.length]), (source, outcome) => {
                try {
                    resolve(result.call(source, finish.call(source, outcome)));
                } catch (error) {
                    reject(error);
                }
            });
        }).catch(error => otherwise.call(this, error, '_async', ...given));
    };
}

// Replaces methods of a class (a prototype) or its functions (a constructor) by adapted ones. What introspection made
// stays under its name with “_” in front.
function adapt(target, methods) {
    for (const [name, how] of Object.entries(methods).filter(([name]) => name in target)) {
        const raw = target[name];
        const start = target[`${name}_async`];
        target[`_${name}`] = raw;
        target[name] = adapted(raw, how);
        if (start !== undefined) {
            target[`_${name}_async`] = start;
            target[`${name}_async`] = promised(start, target[`${name}_finish`], how);
        }
    }
}

// Adds the members of a class of JavaScript, getters and generators included, to one of the library.
function mixIn({prototype}, members) {
    const {constructor: _, ...own} = Object.getOwnPropertyDescriptors(members.prototype);
    for (const name of Reflect.ownKeys(own)) {
        if (own[name].get !== undefined) {
            Object.defineProperty(prototype, name, own[name]);
            continue;
        }
        if (name in prototype)
            prototype[`_${name}`] = prototype[name];
        prototype[name] = own[name].value;
    }
}

// Constructor functions whose last arguments may be left out.
function withDefaults(cls, name, ...defaults) {
    const raw = cls?.[name];
    if (raw === undefined)
        return;
    cls[name] = (...given) => raw.apply(cls, defaults.map((otherwise, i) => given[i] ?? otherwise));
}

// Whether an error says so: isError(error, Shmobj.Error, 'CLOSED').
function isError(error, domain, ...codes) {
    return error instanceof GLib.Error && codes.some(code => error.matches(domain, domain[code]));
}
