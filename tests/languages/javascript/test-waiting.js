// SPDX-License-Identifier: LGPL-2.1-or-later

// All the ways to wait, of all classes: descriptors, sources, promises, cancellables.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, rejects, run, test, throws, until} from './tap.js';

const {IN, OUT} = GLib.IOCondition;
const LONG = {timeout: 60000};
const CANCELLED = [Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED];
const TIMED_OUT = [Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT];
const EMPTY = [Shmobj.Error, Shmobj.Error.EMPTY];
const FULL = [Shmobj.Error, Shmobj.Error.FULL];

function cancelled() {
    const cancellable = new Gio.Cancellable();
    cancellable.cancel();
    return cancellable;
}

function attach(thing, condition, callback, cancellable = null) {
    const source = thing.create_source(condition, cancellable);
    source.set_callback(callback);
    source.attach(null);
    return source;
}

// A module of its own, with queues that it inherits by name.
function startChild(script, queues) {
    const launcher = new Gio.SubprocessLauncher();
    for (const [name, queue] of Object.entries(queues))
        queue.pass_to(launcher, name);
    return launcher.spawnv(['gjs', '-c', script]);
}

test('descriptor/one-message-per-wake-up', async () => {
    const queue = new Shmobj.Queue();
    const got = [];
    queue.put(0); // before anybody polls
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, queue.get_fd(IN), IN, () => {
        try {
            got.push(queue.get({timeout: 0}));
        } catch (error) {
            return GLib.SOURCE_CONTINUE; // that was all, and the descriptor is silent now
        }
        return got.length < 4 ? GLib.SOURCE_CONTINUE : GLib.SOURCE_REMOVE;
    });
    await until(() => got.length === 1);
    [1, 2, 3].forEach(value => queue.put(value));
    await until(() => got.length === 4);
    equal(got, [0, 1, 2, 3]);
});

test('descriptor/room', async () => {
    const queue = new Shmobj.Queue({maxsize: 1});
    let puts = 0;
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, queue.get_fd(OUT), IN, () => {
        try {
            queue.put(puts, {timeout: 0});
        } catch (error) {
            return GLib.SOURCE_CONTINUE; // it is full now, and the descriptor silent
        }
        return ++puts < 5 ? GLib.SOURCE_CONTINUE : GLib.SOURCE_REMOVE;
    });
    for (let i = 0; i < 5; i++)
        equal(await queue.get_async(LONG), i);
    throws(() => queue.get_fd(GLib.IOCondition.PRI), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
});

const ONE_PER_WAKE_UP = `
    imports.gi.versions.Shmobj = '1';
    const {GLib, Shmobj} = imports.gi;
    const jobs = Shmobj.Queue.take_inherited('jobs');
    const results = Shmobj.Queue.take_inherited('results');
    const loop = new GLib.MainLoop(null, false);
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, jobs.get_fd(GLib.IOCondition.IN), GLib.IOCondition.IN, () => {
        let job;
        try {
            job = jobs.get({timeout: 0});
        } catch (error) {
            return GLib.SOURCE_CONTINUE; // another one was faster
        }
        results.put(job);
        if (job === null)
            loop.quit();
        return job !== null;
    });
    results.put('ready');
    loop.run();
`;

test('descriptor/several-processes-by-one-bell-leave-nothing-behind', async () => {
    const jobs = new Shmobj.Queue();
    const results = new Shmobj.Queue();
    const children = [1, 2].map(() => startChild(ONE_PER_WAKE_UP, {jobs, results}));
    for (const _ of children)
        equal(await results.get_async(LONG), 'ready');
    const numbers = Array.from({length: 100}, (_, i) => i);
    jobs.put_many(numbers);
    const got = [];
    for (const _ of numbers)
        got.push(await results.get_async(LONG));
    equal(got.sort((a, b) => a - b), numbers);
    jobs.put_many(children.map(() => null));
    for (const child of children) {
        equal(await results.get_async(LONG), null);
        isTrue(child.wait(null));
    }
    isTrue(children.every(child => child.get_successful()));
});

test('source/messages-and-room', async () => {
    const queue = new Shmobj.Queue({maxsize: 2});
    const got = [];
    let puts = 0;
    attach(queue, OUT, () => {
        queue.put(puts, {timeout: 0});
        return ++puts < 5;
    });
    await until(() => queue.is_full());
    equal(puts, 2);
    attach(queue, IN, () => {
        got.push(queue.get({timeout: 0}));
        return got.length < 5;
    });
    await until(() => got.length === 5);
    equal(got, [0, 1, 2, 3, 4]);
});

test('source/a-cancelled-one-runs-and-takes-nothing', async () => {
    const queue = new Shmobj.Queue();
    const [start, end] = Shmobj.Pipe.new();
    for (const [thing, give, take] of [
        [queue, value => queue.put(value), () => queue.get({timeout: 0})],
        [end, value => start.send(value), () => end.receive({timeout: 0})],
    ]) {
        const cancellable = new Gio.Cancellable();
        const calls = [];
        attach(thing, IN, () => calls.push(cancellable.is_cancelled()) < 0, cancellable);
        cancellable.cancel();
        await until(() => calls.length === 1);
        attach(thing, IN, () => calls.push('at once') < 0, cancellable);
        await until(() => calls.length === 2);
        equal(calls, [true, 'at once']);
        give('still here');
        equal(take(), 'still here');
    }
});

test('cancelled-before/takes-nothing', async () => {
    const queue = new Shmobj.Queue({maxsize: 4, capacity: 8192});
    const [start, end] = Shmobj.Pipe.new();
    const listener = new Shmobj.Listener();
    const [lock, event, loan] = [new Shmobj.Lock(), new Shmobj.Event(), queue.loan(8)];
    const bytes = new Uint8Array([1]);
    queue.put_bytes(bytes);
    start.send_bytes(bytes);
    event.set();
    for (const timeout of [0, 60000]) {
        const options = {timeout, cancellable: cancelled()};
        for (const call of [
            () => queue.get(options), () => queue.get_bytes(options), () => queue.get_many(1, options),
            () => queue.receive(options), () => queue.take(options), () => queue.put(1, options),
            () => queue.put_bytes(bytes, options), () => queue.put_data(bytes, options),
            () => queue.put_many([1], options), () => queue.loan(8, options), () => queue.put_loan(loan, 8, options),
            () => queue.join(options), () => start.send(1, options), () => start.send_bytes(bytes, options),
            () => end.receive(options), () => end.receive_bytes(options), () => end.poll(options),
            () => Shmobj.Connection.wait([end], options), () => listener.accept(options),
            () => Shmobj.Connection.new_for_name(listener.name, options), () => lock.acquire(options),
            () => event.wait(options),
        ])
            throws(call, ...CANCELLED);
        for (const promise of [
            queue.get_async(options), queue.put_async(1, options), start.send_async(1, options),
            end.receive_async(options), listener.accept_async(options),
            Shmobj.Connection.new_for_name_async(listener.name, options), lock.acquire_async(options),
            event.wait_async(options),
        ])
            await rejects(promise, ...CANCELLED);
    }
    equal([queue.get_size(), lock.is_locked(), queue.get_held()], [1, false, 1]);
    equal([queue.get(), end.receive()], [bytes, bytes]);
    loan.release();
});

test('cancelled-while-it-waits/takes-nothing', async () => {
    const [empty, full] = [new Shmobj.Queue(), new Shmobj.Queue({maxsize: 1})];
    const [start, end] = Shmobj.Pipe.new();
    const [caller, answerer] = [new Shmobj.Listener(), new Shmobj.Listener()];
    const [lock, event] = [new Shmobj.Lock(), new Shmobj.Event()];
    full.put(1);
    lock.acquire();
    const cancellable = new Gio.Cancellable();
    const options = {cancellable};
    const waits = [
        empty.get_async(options), full.put_async(2, options), end.receive_async(options),
        answerer.accept_async(options), Shmobj.Connection.new_for_name_async(caller.name, options),
        lock.acquire_async(options), event.wait_async(options),
    ];
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        cancellable.cancel();
        return GLib.SOURCE_REMOVE;
    });
    for (const promise of waits)
        await rejects(promise, ...CANCELLED);
    lock.release();
    event.set();
    empty.put('still here');
    start.send('still here');
    equal([empty.get({timeout: 0}), end.receive({timeout: 0}), full.get({timeout: 0})], ['still here', 'still here', 1]);
    throws(() => full.get({timeout: 0}), ...EMPTY);
    equal([lock.is_locked(), event.is_set()], [false, true]);
});

test('time-outs', async () => {
    const [empty, full] = [new Shmobj.Queue(), new Shmobj.Queue({maxsize: 1, capacity: 8192})];
    const [, end] = Shmobj.Pipe.new();
    const listener = new Shmobj.Listener();
    const [lock, event] = [new Shmobj.Lock(), new Shmobj.Event()];
    full.put(1);
    lock.acquire();
    const loans = [full.loan(7000), full.loan(8)];
    for (const timeout of [0, 5]) {
        // without one, with a cancellable, as a promise
        for (const options of [{timeout}, {timeout, cancellable: new Gio.Cancellable()}]) {
            throws(() => empty.get(options), ...EMPTY);
            throws(() => empty.receive(options), ...EMPTY);
            throws(() => empty.take(options), ...EMPTY);
            throws(() => full.put(2, options), ...FULL);
            throws(() => full.loan(7000, options), ...FULL);
            throws(() => full.put_loan(loans[1], 8, options), ...FULL);
            throws(() => full.join(options), ...TIMED_OUT);
            throws(() => end.receive(options), ...TIMED_OUT);
            equal(end.poll(options), false);
            throws(() => Shmobj.Connection.wait([end], options), ...TIMED_OUT);
            throws(() => listener.accept(options), ...TIMED_OUT);
            throws(() => lock.acquire(options), ...TIMED_OUT);
            throws(() => event.wait(options), ...TIMED_OUT);
            await rejects(empty.get_async(options), ...EMPTY);
            await rejects(full.put_async(2, options), ...FULL);
            await rejects(end.receive_async(options), ...TIMED_OUT);
            await rejects(listener.accept_async(options), ...TIMED_OUT);
            await rejects(lock.acquire_async(options), ...TIMED_OUT);
            await rejects(event.wait_async(options), ...TIMED_OUT);
        }
    }
    equal([full.get(), full.get_size()], [1, 0]);
});

const HOLDER = `
    imports.gi.versions.Shmobj = '1';
    const {Shmobj} = imports.gi;
    const lock = Shmobj.Lock.take_inherited('lock');
    const go = Shmobj.Queue.take_inherited('go');
    const held = Shmobj.Queue.take_inherited('held');
    lock.acquire();
    held.put(true);
    go.get();
    lock.release();
`;

test('lock/that-another-process-holds', async () => {
    const [lock, go, held] = [new Shmobj.Lock(), new Shmobj.Queue(), new Shmobj.Queue()];
    for (const dies of [false, true]) {
        const child = startChild(HOLDER, {lock, go, held});
        isTrue(await held.get_async(LONG));
        await rejects(lock.acquire_async({timeout: 1}), ...TIMED_OUT);
        const cancellable = new Gio.Cancellable();
        const given = lock.acquire_async({cancellable});
        const wanted = lock.acquire_async(LONG);
        cancellable.cancel();
        await rejects(given, ...CANCELLED);
        if (dies)
            child.force_exit();
        else
            go.put(true);
        isTrue(await wanted);
        equal([lock.is_owned(), lock.get_abandoned()], [true, dies]);
        child.wait(null);
        lock.release();
    }
});

test('descriptor/of-a-lock-and-an-event', async () => {
    const [lock, event] = [new Shmobj.Lock(), new Shmobj.Event()];
    const tries = {lock: 0, event: 0};
    let [taken, seen] = [false, false];
    lock.acquire();
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, lock.get_fd(), IN, () => {
        tries.lock++;
        try {
            taken = lock.acquire({timeout: 0});
        } catch (error) {
            return GLib.SOURCE_CONTINUE; // silent now
        }
        return GLib.SOURCE_REMOVE;
    });
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, event.get_fd(), IN, () => {
        tries.event++;
        try {
            seen = event.wait({timeout: 0});
        } catch (error) {
            return GLib.SOURCE_CONTINUE;
        }
        return GLib.SOURCE_REMOVE;
    });
    await until(() => tries.lock > 0 && tries.event > 0);
    equal([taken, seen], [false, false]);
    lock.release();
    event.set();
    await until(() => taken && seen);
    isTrue(lock.is_owned());
});

test('condition/holds-its-lock', async () => {
    const lock = new Shmobj.Lock();
    const condition = Shmobj.Condition.new(lock);
    equal(condition.get_lock() === lock, true);
    throws(() => condition.wait({timeout: 0}), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    lock.acquire();
    throws(() => condition.wait({timeout: 5}), ...TIMED_OUT);
    equal(lock.is_owned(), true);

    const notified = condition.wait_async(LONG);
    equal([lock.is_owned(), condition.get_waiters()], [false, 1]);
    condition.notify_one();
    equal([await notified, lock.is_owned()], [true, true]);
    await rejects(condition.wait_async({timeout: 5}), ...TIMED_OUT);
    equal(lock.is_owned(), true);
    lock.release();

    const manager = Shmobj.Manager.new();
    const named = manager.condition('c');
    named.get_lock().acquire();
    equal(manager.condition('c').get_lock().is_owned(), true);
    manager.condition('c').notify_all();
    equal(manager.lookup('c'), 'condition');
});

test('event/wakes-all-promises', async () => {
    const event = new Shmobj.Event();
    const waits = Array.from({length: 20}, () => event.wait_async(LONG));
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, 2, () => {
        event.set();
        event.clear();
        return GLib.SOURCE_REMOVE;
    });
    equal(await Promise.all(waits), waits.map(() => true));
});

test('connections/many', () => {
    const ends = Array.from({length: 40}, () => [...Shmobj.Pipe.new(false)]).flat();
    const writers = ends.filter(end => end.is_writable());
    const readers = ends.filter(end => end.is_readable());
    const third = (_, i) => i % 3 === 0;
    writers.filter(third).forEach(writer => writer.send('x'));
    const ready = Shmobj.Connection.wait(readers, LONG);
    equal(ready.map(reader => readers.indexOf(reader)), readers.map((_, i) => i).filter(third));
    equal(ready.map(reader => reader.receive()), ready.map(() => 'x'));
    writers[7].close();
    equal(Shmobj.Connection.wait(readers).map(reader => readers.indexOf(reader)), [7]);
});

run();
