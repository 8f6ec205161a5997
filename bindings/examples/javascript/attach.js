// SPDX-License-Identifier: LGPL-2.1-or-later

// Gets the queue "numbers" itself from the bus service, then uses it without the bus:
//
//     attach put 1 10    puts the numbers from 1 to 10
//     attach get         prints what comes, until that is no number

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import System from 'system';

function call(path, iface, method, args) {
    return Gio.DBus.session.call_with_unix_fd_list_sync('org.shmobj.Manager1', path, iface, method, args, null,
        Gio.DBusCallFlags.NONE, -1, null, null);
}

function attach(name) {
    const [opened] = call('/org/shmobj/Manager1', 'org.shmobj.Manager1', 'Open',
        new GLib.Variant('(ssa{sv})', ['queue', name, {}]));
    const [path] = opened.deepUnpack();
    const [handle, fds] = call(path, 'org.shmobj.Manager1.Queue', 'Attach', null);
    return Shmobj.Queue.new_from_handle(handle, fds);
}

const [, first, last] = System.programArgs;
const queue = attach('numbers');

if (last !== undefined) {
    for (let i = Number(first); i <= Number(last); i++)
        queue.put(i);
} else {
    for (let number = queue.get(); typeof number === 'number'; number = queue.get())
        print(`JavaScript: ${number}`);
}
