// SPDX-License-Identifier: LGPL-2.1-or-later

// What a test needs: cases with names, comparing, and TAP as output.

import GLib from 'gi://GLib';
import System from 'system';

const cases = [];

// A case; the function may be async.
export function test(name, body) {
    cases.push([name, body]);
}

// For people, and for comparing: BigInt, Map, bytes and NaN as what they are.
export function show(value) {
    if (typeof value === 'bigint')
        return `${value}n`;
    if (Object.is(value, -0))
        return '-0';
    if (value instanceof Map)
        return `Map${show([...value])}`;
    if (value instanceof Uint8Array)
        return `bytes${show([...value])}`;
    if (Array.isArray(value))
        return `[${value.map(show).join(', ')}]`;
    if (value !== null && typeof value === 'object')
        return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${show(item)}`).join(', ')}}`;
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

export function equal(actual, expected, what = '') {
    if (show(actual) !== show(expected))
        throw new Error(`${what && `${what}: `}${show(actual)} instead of ${show(expected)}`);
}

export function isTrue(value, what = 'this') {
    if (value !== true)
        throw new Error(`${what} is ${show(value)}, not true`);
}

function judge(error, kind, code) {
    const right = code === undefined ? error instanceof kind : error instanceof GLib.Error && error.matches(kind, code);
    if (!right)
        throw error;
}

// throws(f, TypeError) · throws(f, Shmobj.Error, Shmobj.Error.EMPTY); gives the error back
export function throws(call, kind, code) {
    let result;
    try {
        result = call();
    } catch (error) {
        judge(error, kind, code);
        return error;
    }
    throw new Error(`no error, but ${show(result)}`);
}

export async function rejects(promise, kind, code) {
    let result;
    try {
        result = await promise;
    } catch (error) {
        judge(error, kind, code);
        return error;
    }
    throw new Error(`no error, but ${show(result)}`);
}

// Resolves when the condition holds; a test that waits for what never comes is ended by the watchdog.
export function until(condition) {
    return new Promise((resolve, reject) => {
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, 2, () => {
            try {
                if (!condition())
                    return GLib.SOURCE_CONTINUE;
                resolve();
            } catch (error) {
                reject(error);
            }
            return GLib.SOURCE_REMOVE;
        });
    });
}

async function runAll() {
    let failed = 0;
    let number = 0;
    print(`1..${cases.length}`);
    for (const [name, body] of cases) {
        number++;
        try {
            await body();
            print(`ok ${number} ${name}`);
        } catch (error) {
            failed++;
            print(`# ${error}\n${error.stack ?? ''}`.trim().replaceAll('\n', '\n#   '));
            print(`not ok ${number} ${name}`);
        }
    }
    return failed === 0 && cases.length > 0 ? 0 : 1;
}

// Runs all cases; the program ends with it.
export function run() {
    const loop = new GLib.MainLoop(null, false);
    let status = 1;
    runAll().then(result => (status = result)).finally(() => loop.quit());
    loop.run();
    System.exit(status);
}
