// SPDX-License-Identifier: LGPL-2.1-or-later

// Without the override (gjs finds none here): what introspection alone gives.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, run, test, throws} from './tap.js';

test('plain/there-is-no-override', () => {
    equal(Shmobj.Queue.prototype._get, undefined);
});

test('plain/queue', () => {
    const queue = new Shmobj.Queue({maxsize: 3});
    isTrue(queue.put(new GLib.Variant('(si)', ['a', 1]), -1, null));
    equal(queue.get(-1, null).deepUnpack(), ['a', 1]);
    throws(() => queue.get(0, null), Shmobj.Error, Shmobj.Error.EMPTY);
});

test('plain/promises-by-gio', async () => {
    Gio._promisify(Shmobj.Queue.prototype, 'get_async', 'get_finish');
    const queue = Shmobj.Queue.new(0, 0);
    const waits = queue.get_async(-1, null);
    queue.put(GLib.Variant.new_string('x'), 0, null);
    equal((await waits).unpack(), 'x');
});

test('plain/lock', () => {
    const lock = new Shmobj.Lock();
    isTrue(lock.acquire(0, null));
    isTrue(lock.release());
});

run();
