// SPDX-License-Identifier: LGPL-2.1-or-later

// The service by GJS proxies, which know the XML files and nothing of the library; and an export of our own.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj';
import {equal, isTrue, run, test, throws, until} from '../languages/javascript/tap.js';

const NAME = 'org.shmobj.Manager1';
const ROOT = '/org/shmobj/Manager1';

function wrapperOf(interfaceName) {
    const path = GLib.build_filenamev([GLib.getenv('SHMOBJ_SOURCE'), 'libshmobj', 'bus', `${interfaceName}.xml`]);
    const [, bytes] = GLib.file_get_contents(path);
    return Gio.DBusProxy.makeProxyWrapper(new TextDecoder().decode(bytes).replace(/^[\s\S]*?<node>/, '<node>'));
}

const Manager = wrapperOf(NAME);
const List = wrapperOf(`${NAME}.List`);
const Dict = wrapperOf(`${NAME}.Dict`);
const Queue = wrapperOf(`${NAME}.Queue`);
const Lock = wrapperOf(`${NAME}.Lock`);
const Event = wrapperOf(`${NAME}.Event`);
const Something = wrapperOf(`${NAME}.Object`);

const manager = new Manager(Gio.DBus.session, NAME, ROOT);

function open(Wrapper, kind, name, options = {}) {
    const [path] = manager.OpenSync(kind, name, options);
    return new Wrapper(Gio.DBus.session, NAME, path);
}

function remoteError(call) {
    try {
        call();
    } catch (error) {
        return Gio.DBusError.get_remote_error(error);
    }
    return null;
}

const variants = (...values) => values.map(value => new GLib.Variant(typeof value === 'number' ? 'i' : 's', value));
const plain = boxed => boxed.map(value => value.deepUnpack());

test('list', () => {
    const list = open(List, 'list', 'gjs list');
    list.ExtendSync(variants('milk', 2, 'eggs'));
    list.AppendSync(new GLib.Variant('(sai)', ['nested', [1, 2]]));
    equal(plain(list.GetRangeSync(0, 3)[0]), ['milk', 2, 'eggs']);
    equal(list.PopSync(-1)[0].deepUnpack(), ['nested', [1, 2]]);
    equal(remoteError(() => list.GetItemSync(99)), 'org.shmobj.Error.NotFound');
    list.ClearSync();
    equal(list.GetRangeSync(0, 3)[0], []);
});

test('dict', () => {
    const dict = open(Dict, 'dict', 'gjs dict');
    dict.UpdateSync({volume: new GLib.Variant('i', 11), name: new GLib.Variant('s', 'amp')});
    dict.SetItemSync(new GLib.Variant('i', 5), new GLib.Variant('s', 'five'));
    equal(dict.ContainsSync(new GLib.Variant('x', 5))[0], true);
    equal(remoteError(() => dict.ToMapSync()), 'org.shmobj.Error.NotRepresentable');
    dict.PopSync(new GLib.Variant('y', 5));
    equal(Object.keys(dict.ToMapSync()[0]).sort(), ['name', 'volume']);
});

test('queue-with-promises', async () => {
    const queue = open(Queue, 'queue', 'gjs queue', {maxsize: new GLib.Variant('u', 2)});
    equal(queue.MaxSize, 2);
    const waiting = queue.GetAsync(-1);
    await queue.PutAsync(new GLib.Variant('s', 'a'), 0);
    equal((await waiting)[0].deepUnpack(), 'a');

    await queue.PutAsync(new GLib.Variant('s', 'b'), 0);
    const [ticket, value, redelivered] = await queue.ReceiveAsync(0);
    equal([value.deepUnpack(), redelivered], ['b', 0]);
    await queue.ReturnAsync([ticket]);
    const [again, , count] = await queue.ReceiveAsync(0);
    equal(count, 1);
    await queue.ConfirmAsync([again]);
    equal(remoteError(() => queue.GetSync(0)), 'org.shmobj.Error.Empty');
});

test('lock-and-its-lease', () => {
    const lock = open(Lock, 'lock', 'gjs lock');
    const [reply, fds] = lock.call_with_unix_fd_list_sync('Acquire', new GLib.Variant('(xa{sv})', [0, {}]),
        Gio.DBusCallFlags.NONE, -1, null, null);
    equal([reply.deepUnpack()[1], fds.get_length()], [false, 1]);
    equal(remoteError(() => lock.AcquireSync(0, {})), 'org.shmobj.Error.TimedOut');
    lock.ReleaseSync();
    equal(remoteError(() => lock.ReleaseSync()), 'org.shmobj.Error.PermissionDenied');
});

// A proxy's cache is true while the object is watched: nothing else is needed than the standard signal.
test('watched-queue-in-a-proxy', async () => {
    const queue = open(Queue, 'queue', 'gjs watched');
    const anything = new Something(Gio.DBus.session, NAME, queue.g_object_path);
    equal(anything.WatchSync(), [0]);
    equal(queue.Size, 0);
    const heard = [];
    queue.connect('g-properties-changed', (_proxy, changed) => heard.push(...Object.keys(changed.deepUnpack())));
    await queue.PutAsync(new GLib.Variant('s', 'a'), 0);
    await until(() => queue.Size === 1);
    await queue.GetAsync(0);
    await until(() => queue.Size === 0);
    equal([...new Set(heard)], ['Size']);
    anything.UnwatchSync();
});

test('watched-event-in-a-proxy', async () => {
    const event = open(Event, 'event', 'gjs watched event');
    new Something(Gio.DBus.session, NAME, event.g_object_path).WatchSync();
    equal(event.IsSet, false);
    event.SetSync();
    await until(() => event.IsSet);
    event.ClearSync();
    await until(() => !event.IsSet);
});

test('an-export-ends-with-its-connection', () => {
    const mine = Shmobj.Manager.new(null);
    const connection = Gio.DBusConnection.new_for_address_sync(GLib.getenv('DBUS_SESSION_BUS_ADDRESS'),
        Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, null, null);
    const exported = mine.export(connection);
    isTrue(mine.unexport(exported));
    const again = mine.export(connection);
    connection.close_sync(null);
    isTrue(!mine.unexport(again));
    throws(() => mine.export(connection), Shmobj.Error, Shmobj.Error.CLOSED);
});

test('object-manager-client', async () => {
    const objects = Gio.DBusObjectManagerClient.new_sync(Gio.DBus.session, Gio.DBusObjectManagerClientFlags.NONE, NAME, ROOT,
        null, null);
    const added = [];
    const removed = [];
    objects.connect('object-added', (_client, object) => added.push(object.get_object_path()));
    objects.connect('object-removed', (_client, object) => removed.push(object.get_object_path()));
    const [path] = manager.OpenSync('event', 'gjs event', {});
    await until(() => added.includes(path));
    const proxy = objects.get_interface(path, `${NAME}.Object`);
    equal(proxy.get_cached_property('Kind').deepUnpack(), 'event');
    manager.RemoveObjectSync('gjs event');
    await until(() => removed.includes(path));
    isTrue(objects.get_object(path) === null);
});

run();
