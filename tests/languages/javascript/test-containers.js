// SPDX-License-Identifier: LGPL-2.1-or-later

// Manager, List and Dict from JavaScript.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, rejects, run, test, throws} from './tap.js';

const NOT_FOUND = [Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND];
const manager = Shmobj.Manager.new();

test('manager/opens-by-name-in-short', () => {
    const {EXISTING, EXCLUSIVE} = Shmobj.OpenFlags;
    manager.list('l').append('seen by all');
    equal(manager.list('l').get(0), 'seen by all');
    manager.queue('q', {maxsize: 9}).put(1);
    equal(manager.queue('q').get_maxsize(), 9);
    manager.dict('d').set('k', 1);
    manager.event('e').set();
    isTrue(manager.event('e').is_set());
    manager.lock('k').acquire();
    isTrue(manager.lock('k').is_locked());
    manager.memory('m', {size: 64}).write_data(0, new Uint8Array([7]));
    equal(manager.memory('m').read_data(0, 1), new Uint8Array([7]));
    throws(() => manager.list('typo', {flags: EXISTING}), ...NOT_FOUND);
    throws(() => manager.dict('d', {flags: EXCLUSIVE}), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
    throws(() => manager.list('d'), Shmobj.Error, Shmobj.Error.WRONG_KIND);
    throws(() => manager.queue('q2', {maxsiez: 9}), TypeError);
    throws(() => manager.queue('q2', 9), TypeError);
    const kinds = Object.fromEntries(manager.list_objects().map(([name, kind]) => [name, kind]));
    equal(Object.keys(kinds).sort(), ['d', 'e', 'k', 'l', 'm', 'q']);
    equal(manager.lookup('d'), kinds.d);
    manager.remove('d');
    equal(manager.lookup('d'), null);
});

test('manager/anonymous', () => {
    const list = manager.list();
    list.append(1);
    equal([...list], [1]);
    equal([...manager.list()], []);
});

test('manager/by-property', () => {
    equal(new Shmobj.Manager().list('x').length, 0);
    isTrue(manager.get_path() === null || manager.get_path().length > 0);
});

test('manager/on-a-disk-at-intervals', () => {
    const folder = GLib.dir_make_tmp('XXXXXX');
    const durable = new Shmobj.Manager({address: `${folder}/m`, syncIntervalUs: 1e12});
    durable.list('l').append(1);
    equal(durable.sync_interval_us, 1e12);
    isTrue(durable.sync(null));
    throws(() => manager.sync(null), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_SUPPORTED);

    const directory = Gio.File.new_for_path(`${folder}/m`);
    for (const info of [...directory.enumerate_children('standard::name', 0, null)])
        directory.get_child(info.get_name()).delete(null);
    directory.delete(null);
    Gio.File.new_for_path(folder).delete(null);
});

test('list/like-an-array', () => {
    const list = manager.list();
    list.append({a: 1});
    list.extend([1, 'two', null, [3]]);
    list.extend(new Set(['from a set']));
    equal(list.length, 6);
    equal([...list], [{a: 1}, 1, 'two', null, [3], 'from a set']);
    equal(list.get(-1), 'from a set');
    equal([list.at(0), list.at(-1), list.at(-2), list.at(6), list.at(-7)], [{a: 1}, 'from a set', [3], undefined, undefined]);
    list.set(1, 1.5);
    list.insert(0, 'first');
    equal(list.get_range(), ['first', {a: 1}, 1.5, 'two', null, [3], 'from a set']);
    equal(list.get_range(1, 3), [{a: 1}, 1.5]);
    equal(list.get_range(-2), [[3], 'from a set']);
    equal(list.pop(), 'from a set');
    equal(list.pop(0), 'first');
    equal([list.index('two'), list.indexOf('two'), list.indexOf('none')], [2, 2, -1]);
    equal([list.includes(null), list.contains(null), list.includes('none')], [true, true, false]);
    equal(list.count(1.5), 1);
    list.remove_value('two');
    list.delete_range(0, 1);
    equal([...list], [1.5, null, [3]]);
    list.clear();
    equal([...list], []);
});

test('list/errors', () => {
    const list = manager.list();
    throws(() => list.get(0), ...NOT_FOUND);
    throws(() => list.pop(), ...NOT_FOUND);
    throws(() => list.index('x'), ...NOT_FOUND);
    throws(() => list.remove_value('x'), ...NOT_FOUND);
    for (const index of ['0', 0.5, undefined, NaN, null])
        throws(() => list.get(index), TypeError);
    throws(() => list.append(new Set()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => list.extend(['good', new Set()]), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    equal(list.length, 0);
});

test('list/iterating-over-many', () => {
    const list = manager.list();
    for (const length of [255, 256, 257, 1000]) {
        const numbers = Array.from({length}, (_, i) => i);
        list.clear();
        list.extend(numbers);
        equal([...list], numbers);
    }
    let seen = 0;
    for (const number of list) {
        equal(number, seen++);
        if (number < 10)
            list.append(1000 + number);
        if (number === 500)
            list.set_range(0, 1000, []);
    }
    equal([seen, list.length], [1000, 10], 'what is changed meanwhile is not met');
});

test('list/parts-in-one-step', () => {
    const list = manager.list();
    list.extend([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const plain = [...list];
    for (const [start, ...rest] of [[2, 3], [2, 0, 'a', 'b'], [-2, 1, null], [5], [1, 2, [1], {b: 2}], [-100, -5, 'first'], [100, 1, 'last']])
        equal([list.splice(start, ...rest), [...list]], [plain.splice(start, ...rest), plain]);
    list.set_range(1, -1, [1, 2, 3]);
    equal([...list], ['first', 1, 2, 3, 'last']);
    list.set_slice(0, 5, 2, ['a', 'b', 'c']);
    equal([...list], ['a', 1, 'b', 3, 'c']);
    list.delete_slice(-1, -10, -2);
    equal([...list], [1, 3]);
    list.repeat(3);
    equal([...list], [1, 3, 1, 3, 1, 3]);
    throws(() => list.set_slice(0, 5, 2, [1]), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    for (const wrong of [() => list.splice(), () => list.splice(0.5), () => list.set_range(0, 1, 5), () => list.splice(0, '1')])
        throws(wrong, TypeError);
    throws(() => list.splice(0, 1, new Set()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    equal(list.length, 6);
});

test('list/in-another-order', () => {
    const list = manager.list();
    for (const type of ['y', 'n', 'q', 'y'])
        list._append(new GLib.Variant(type, list.length * 7 % 4));
    list.sort((a, b) => a - b);
    equal([...list], [0, 1, 2, 3]);
    equal([0, 1, 2, 3].map(i => list._get(i).get_type_string()), ['y', 'y', 'q', 'n']);
    equal(list.reverse(), list);
    equal([...list], [3, 2, 1, 0]);
    const words = ['b', 10, 9, 'a', null, true, [1, 2], 'B'];
    list.set_range(0, 9, words);
    equal([...list.sort()], [...words].sort());
    list.set_range(0, 9, ['bb', 'a', 'cc', 'd']);
    equal([...list.sort((a, b) => b.length - a.length)], ['bb', 'cc', 'a', 'd']);
    throws(() => list.sort(() => {
        throw new RangeError('no order');
    }), RangeError);
    throws(() => list.sort(5), TypeError);
    throws(() => list.sort((a, b) => list.set(0, 'bb') - b.length), Shmobj.Error, Shmobj.Error.BUSY);
    equal([...list], ['bb', 'cc', 'a', 'd']);
    let meddled = false;
    list.sort((a, b) => {
        if (!meddled)
            list.append('e');
        meddled = true;
        return b.length - a.length;
    });
    equal([...list], ['bb', 'cc', 'a', 'd', 'e']);
    const revision = list.get_revision();
    equal([list.reorder(revision, [4, 3, 2, 1, 0]), list.reorder(revision, [4, 3, 2, 1, 0])], [true, false]);
    equal(list.get(0), 'e');
});

test('list/integers-of-all-widths-are-equal', () => {
    const list = manager.list();
    list._append(new GLib.Variant('y', 5));
    equal([list.index(5), list.count(5n), list.includes(5)], [0, 1, true]);
});

test('dict/like-a-map', () => {
    const dict = manager.dict();
    dict.set('b', {n: 1});
    dict.set('a', null);
    dict.set(7, 'seven');
    dict.update({c: 1, b: [2]});
    dict.update(new Map([[8n, 'eight'], ['d', 2.5]]));
    equal(dict.size, 6);
    equal(dict.keys(), ['b', 'a', 7, 'c', 8, 'd']);
    equal(dict.values(), [[2], null, 'seven', 1, 'eight', 2.5]);
    equal([...dict], dict.items());
    const met = [];
    dict.forEach(function (value, key, of) {
        met.push([key, value, of === dict, this.me]);
        dict.clear();
    }, {me: 7});
    equal(met, [...new Map(met.map(([key, value]) => [key, value]))].map(pair => [...pair, true, 7]));
    equal([met.length, dict.size], [6, 0]);
    dict.update(new Map(met.map(([key, value]) => [key, value])));
    equal(new Map(dict).get(8), 'eight');
    equal([dict.get('a'), dict.get('none'), dict.lookup('none'), dict.get(7n)], [null, undefined, undefined, 'seven']);
    equal([dict.has('a'), dict.has('none'), dict.contains(8)], [true, false, true]);
    equal(dict.pop('c'), 1);
    throws(() => dict.pop('c'), ...NOT_FOUND);
    equal([dict.delete('d'), dict.delete('d')], [true, false]);
    throws(() => dict._get(new GLib.Variant('s', 'c')), ...NOT_FOUND);
    equal(dict._get(new GLib.Variant('s', 'b')).print(false), '[2]');
    dict.clear();
    equal([...dict], []);
});

test('dict/update-from-another', () => {
    const [one, two] = [manager.dict(), manager.dict()];
    one.update({x: 1, y: 2});
    two.update(one);
    equal(two.items(), [['x', 1], ['y', 2]]);
    throws(() => two.update([['x']]), TypeError);
    throws(() => two.update(5), TypeError);
    equal(two.size, 2);
});

test('dict/keys-that-cannot-be', () => {
    const dict = manager.dict();
    for (const key of [{a: 1}, new Set(), [1, [2]], [1, 2]])
        throws(() => dict.set(key, 1), GLib.Error);
    throws(() => dict.set('k', new Set()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    equal(dict.size, 0);
});

test('value/a-property-and-steps', () => {
    const counter = manager.value('n', 5);
    equal([counter.value, counter.add(2), counter.get()], [5, 7, 7]);
    equal([counter.compare_and_set(7, {seven: [7]}), counter.compare_and_set(7, 8)], [true, false]);
    equal(manager.value('n', 'ignored').value, {seven: [7]});
    counter.value = null;
    equal([counter.get(), manager.value().get()], [null, null]);
    throws(() => counter.add(1), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    counter.set(0.5);
    equal(counter.add(1), 1.5);
    throws(() => manager.value('none', 1, {flags: Shmobj.OpenFlags.EXISTING}), ...NOT_FOUND);
    throws(() => manager.value('n', 1, {flag: 1}), TypeError);
});

test('container/is-the-parent-of-all', () => {
    for (const container of [manager.list('parent-l'), manager.dict('parent-d'), manager.value('parent-v')]) {
        equal(container instanceof Shmobj.Container, true);
        equal(container.manager, manager);
        equal([container.get_revision(), container.name.startsWith('parent-')], [1, true]);
        container.close();
        throws(() => container.get_revision(), Shmobj.Error, Shmobj.Error.CLOSED);
    }
});

test('container/waits', async () => {
    const TIMED_OUT = [Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT];
    for (const [container, change] of [
        [manager.list(), list => list.append(1)],
        [manager.dict(), dict => dict.set('k', 1)],
        [manager.value(null, 0), value => value.add(1)],
    ]) {
        equal(container.wait(0), 1);
        throws(() => container.wait(1, {timeout: 0}), ...TIMED_OUT);
        throws(() => container.wait('1'), TypeError);
        await rejects(container.wait_async(1, {timeout: 5}), ...TIMED_OUT);
        const waiting = container.wait_async(1);
        change(container);
        equal(await waiting, 2);
    }
});

test('dict/waits-for-a-key', async () => {
    const dict = manager.dict();
    const any = dict.wait_key_async('k'), another = dict.wait_key_async('k', 1);
    dict.set('other', 1);
    dict.set('k', 1);
    equal(await any, 1);
    dict.set('k', [2]);
    equal(await another, [2]);
    equal(dict.wait_key('k', 1, {timeout: 0}), [2]);
    throws(() => dict.wait_key('k', [2], {timeout: 0}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('container/inside-of-others', () => {
    const table = manager.list('table');
    const row = manager.dict();
    row.set('a', 1);
    table.extend([row, 'text', manager.value(null, 7)]);
    table.append(table);
    table.get(0).set('b', 2);
    equal(row.items(), [['a', 1], ['b', 2]]);
    equal([table.at(2).value, table.at(3).length, [...table][0].get('b')], [7, 4, 2]);
    equal([table.includes(row), table.indexOf(table), table.count(7)], [true, 3, 0]);
    equal(table.pop(2).value, 7);

    const dict = manager.dict('nested');
    dict.update({row, table});
    dict.set('last', manager.list());
    dict.get('last').append(manager.list());
    equal(dict.entries()[0][1].get('a'), 1);
    equal([dict.values()[1].length, dict.pop('last').get(0).length, dict.pop_item()[1].length], [3, 0, 3]);
    equal(dict.set_default('row', 1).get('b'), 2);
    const value = manager.value('top', row);
    isTrue(value.compare_and_set(row, table));
    equal(value.value.length, 3);

    const readOnly = manager.list('table', {flags: Shmobj.OpenFlags.READ_ONLY});
    throws(() => readOnly.get(0).set('c', 3), Gio.IOErrorEnum, Gio.IOErrorEnum.PERMISSION_DENIED);
    throws(() => table.append([row]), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => Shmobj.Manager.new().list().append(row), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => manager.queue().put(row), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    equal(manager.open_reference(row.get_reference()).get('a'), 1);
    throws(() => manager.open_reference(new GLib.Variant('s', 'x')), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
});

test('list-model/follows-the-list', async () => {
    const list = manager.list();
    list.extend([1, 'two', null]);
    const model = Shmobj.ListModel.new(list);
    const told = [];
    const values = () => [...model].map(item => item.value);
    equal(values(), [1, 'two', null]);
    const two = model.get_item(1);
    let changed;
    model.connect('items-changed', (_, ...what) => {
        told.push(what);
        changed();
    });
    const next = new Promise(resolve => (changed = resolve));
    list.pop(0);
    list.append([4]);
    equal(model.get_n_items(), 3); // not before the main loop runs
    await next;
    equal(told, [[0, 1, 0], [2, 0, 1]]);
    equal(values(), ['two', null, [4]]);
    isTrue(model.get_item(0) === two);
    equal(new Shmobj.ListModel({list}).get_n_items(), 3);
});

test('container/signals', async () => {
    const dict = manager.dict(), value = manager.value(null, 0);
    const told = await new Promise(resolve => {
        dict.connect('changed::volume', (self, key) => resolve([key.unpack(), self.get('volume')]));
        dict.watch();
        dict.set('other', 1);
        dict.set('volume', 11);
    });
    equal(told, ['volume', 11]);
    dict.unwatch();
    equal(await new Promise(resolve => {
        value.connect('notify::value', self => resolve(self.value));
        value.watch();
        value.add(5);
    }), 5);
});

test('dict/bound-to-a-property', async () => {
    const dict = manager.dict(), action = Gio.SimpleAction.new('a', null), failed = [];
    dict.set('on', false);
    dict.bind('on', action, 'enabled', Shmobj.BindFlags.DEFAULT);
    equal(action.enabled, false);
    action.enabled = true;
    equal(dict.get('on'), true);
    await new Promise(resolve => {
        dict.connect('bind-failed', (_, key, error) => resolve(failed.push([key, error.matches(Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE)])));
        dict.set('on', 'always');
    });
    equal([failed, action.enabled], [[['on', true]], true]);
    dict.set('on', false);
    await new Promise(resolve => action.connect('notify::enabled', resolve));
    Shmobj.Dict.unbind(action, 'enabled');
    action.enabled = true;
    equal(dict.get('on'), false);
    throws(() => dict.bind('on', action, 'nothing', Shmobj.BindFlags.GET), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
});

test('dict/keys-as-actions', async () => {
    const dict = manager.dict();
    throws(() => dict.create_action('muted'), ...NOT_FOUND);
    dict.set('muted', false);
    const action = dict.create_action('muted');
    action.activate(null);
    equal([dict.get('muted'), action.get_state().unpack()], [true, true]);
    dict.set('muted', false);
    await new Promise(resolve => action.connect('notify::state', resolve));
    equal(action.state.unpack(), false);
});

test('queue/many', () => {
    const queue = manager.queue();
    equal(queue.put_many([1, 'two', null]), 3);
    equal(queue.get_many(2), [1, 'two']);
    equal(queue.get_many(5, {timeout: 0}), [null]);
    throws(() => queue.get_many(5, {timeout: 0}), Shmobj.Error, Shmobj.Error.EMPTY);
    throws(() => queue.put_many(5), TypeError);
});

test('queue/shutdown-ends-loops', async () => {
    const queue = manager.queue();
    const got = [];
    const loop = (async () => {
        for await (const job of queue)
            got.push(job);
    })();
    queue.put('last');
    queue.shutdown(false);
    await loop;
    equal(got, ['last']);
    await rejects(queue.get_async(), Shmobj.Error, Shmobj.Error.CLOSED);
});

test('manager/transact', () => {
    const [from, to, sum] = [manager.list('from'), manager.list('to'), manager.value('sum', 0)];
    from.extend([1, 2, 3]);
    const move = () => {
        to.append(from.pop(0));
        return sum.add(to.get(-1));
    };
    equal(manager.transact(move), 1);
    equal(manager.transact(() => move() + move(), {timeout: 1000}), 9);
    equal([[...from], [...to], sum.value], [[], [1, 2, 3], 6]);

    throws(() => manager.transact(() => {
        to.clear();
        sum.value = 'gone';
        throw new RangeError('changed my mind');
    }), RangeError);
    throws(() => manager.transact(async () => to.clear()), TypeError);
    equal([[...from], [...to], sum.value], [[], [1, 2, 3], 6]);

    manager.transact(() => {
        to.append(4);
        throws(() => manager.transact(() => from.get(to.pop())), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
        equal(to.length, 4);
    });
    equal([...to], [1, 2, 3, 4]);

    let made;
    throws(() => manager.transact(() => {
        made = manager.list('made inside');
        made.append(1);
        manager.remove('from');
        throw new RangeError('changed my mind');
    }), RangeError);
    throws(() => made.length, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    equal([manager.lookup('made inside'), manager.lookup('from')], [null, 'list']);
    manager.transact(() => {
        manager.remove('from');
        manager.list('made inside').append(manager.dict('from').size);
        manager.queue('made, too').put(1);
    });
    equal([[...manager.list('made inside')], manager.lookup('from'), manager.queue('made, too').get()], [[0], 'dict', 1]);
});

test('manager/transact_async', async () => {
    const log = manager.list('log');
    const append = (...items) => log.extend(items);
    equal(await manager.transact_async(() => {
        append(1, 2);
        return 'done';
    }), 'done');
    await Promise.all([3, 4, 5].map(n => manager.transact_async(() => append(n), {timeout: 60000})));
    equal([...log], [1, 2, 3, 4, 5]);

    await rejects(manager.transact_async(() => {
        append(6);
        throw new RangeError('changed my mind');
    }), RangeError);
    await rejects(manager.transact_async(() => log.pop(99)), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    await rejects(manager.transact_async(() => ({then: 1, catch: 2}), {late: 1}), TypeError);
    await rejects(manager.transact_async(() => ({then: () => append(6)})), TypeError);

    const transaction = manager.begin();
    let runs = 0;
    const later = manager.transact_async(() => append(++runs + 5));
    await rejects(manager.transact_async(() => runs++, {timeout: 5}), Shmobj.Error, Shmobj.Error.BUSY);
    const cancellable = new Gio.Cancellable();
    const cancelled = manager.transact_async(() => runs++, {cancellable});
    cancellable.cancel();
    await rejects(cancelled, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(runs, 0);
    transaction.rollback();
    await later;
    equal([...log], [1, 2, 3, 4, 5, 6]);
});

run();
