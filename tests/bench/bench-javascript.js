// SPDX-License-Identifier: LGPL-2.1-or-later

// One measurement in JavaScript, of a list or a dict of a private manager. Prints nanoseconds per call.
//
//     bench-javascript.js CASE [N]

import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import System from 'system';

const KEYS = 1000;
const MANY = 10000;

const manager = Shmobj.Manager.new();
const list = manager.list();
const dict = manager.dict();

function listAppend(n) {
    for (let i = 0; i < n; i++)
        list.append(i);
}

function dictSet(n) {
    for (let i = 0; i < n; i++)
        dict.set(`key ${i % KEYS}`, i);
}

// What is timed, what is there before, and how much of that.
const CASES = {
    'list-append': [listAppend, listAppend, KEYS],
    'list-read': [n => {
        for (let i = 0; i < n; i++)
            list.get(i % KEYS);
    }, listAppend, KEYS],
    'list-copy': [n => {
        for (let i = 0; i < n; i++)
            list.get_range();
    }, n => list.extend(Array.from({length: n}, (_, i) => i)), MANY],
    'dict-set': [dictSet, dictSet, KEYS],
    'dict-get': [n => {
        for (let i = 0; i < n; i++)
            dict.get(`key ${i % KEYS}`);
    }, dictSet, KEYS],
};

const [name, number = '2000'] = System.programArgs;
const [work, prepare, first] = CASES[name];
const n = Number(number);
prepare(first);
work(Math.max(Math.floor(n / 8), 1));
const start = GLib.get_monotonic_time();
work(n);
print(((GLib.get_monotonic_time() - start) * 1000 / n).toFixed(3));
