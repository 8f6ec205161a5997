// SPDX-License-Identifier: LGPL-2.1-or-later

// Pipes, locks, events and memory from JavaScript, and passing objects on.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, rejects, run, test, throws, until} from './tap.js';

test('pipe/two-ends', () => {
    const [start, end] = new Shmobj.Pipe({duplex: true});
    start.send({a: 1});
    equal(end.poll({timeout: 0}), true);
    equal(end.receive(), {a: 1});
    end.send([1, 'b']);
    equal(start.receive({timeout: 1000}), [1, 'b']);
    equal(start.poll({timeout: 1}), false);
    throws(() => start.receive({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    start.send_bytes(new Uint8Array([1]));
    equal(end.receive_bytes().toArray(), new Uint8Array([1]));
});

test('pipe/one-way', () => {
    const [start, end] = Shmobj.Pipe.new(false);
    isTrue(start.is_readable() !== start.is_writable());
    isTrue(end.is_readable() !== end.is_writable());
});

test('pipe/a-loop-receives-until-the-other-end-is-gone', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const got = [];
    const waits = end.receive_async();
    await start.send_async('first');
    equal(await waits, 'first');
    [1, 2, 3].forEach(value => start.send(value));
    start.close();
    for await (const message of end)
        got.push(message);
    equal(got, [1, 2, 3]);
    throws(() => end.receive(), Shmobj.Error, Shmobj.Error.PEER_GONE);
});

test('pipe/closing-ends-the-own-loop', async () => {
    const [start, end] = new Shmobj.Pipe({duplex: true});
    const loop = (async () => {
        for await (const message of end)
            equal(message, 'one');
    })();
    start.send('one');
    await start.send_async('one');
    end.close();
    await loop;
    throws(() => end.receive(), Shmobj.Error, Shmobj.Error.CLOSED);
});

test('pipe/wait-for-several', () => {
    const [[a, one], [b, two], [, three]] = [1, 2, 3].map(() => Shmobj.Pipe.new(false));
    const {wait} = Shmobj.Connection;
    const ends = [a, b, one, two, three].filter(end => end.is_readable());
    const [first, second] = [a, b, one, two].filter(end => end.is_writable());
    throws(() => wait(ends, {timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    second.send('x');
    equal(wait(ends).map(end => end.receive()), ['x']);
    first.send('y');
    second.send('z');
    equal(wait(ends, {timeout: 0}).map(end => end.receive()), ['y', 'z']);
});

test('pipe/a-cancelled-receive-takes-nothing', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const cancellable = new Gio.Cancellable();
    const waits = end.receive_async({cancellable});
    cancellable.cancel();
    start.send('stays');
    await rejects(waits, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    throws(() => end.receive({cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    throws(() => end.poll({cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    await rejects(start.send_async('not', {cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(await end.receive_async({cancellable: new Gio.Cancellable()}), 'stays');
    await rejects(end.receive_async({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('pipe/a-source-tells-of-messages-and-of-the-end', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const source = end.create_source(GLib.IOCondition.IN, null);
    const got = [];
    let over = false;
    source.set_callback(() => {
        try {
            got.push(end.receive({timeout: 0}));
        } catch (error) {
            over = error.matches(Shmobj.Error, Shmobj.Error.PEER_GONE);
        }
        return over ? GLib.SOURCE_REMOVE : GLib.SOURCE_CONTINUE;
    });
    source.attach(null);
    start.send(1);
    start.send(2);
    await until(() => got.length === 2);
    start.send(3);
    start.close();
    await until(() => over);
    equal(got, [1, 2, 3]);
});

test('pipe/a-descriptor-is-readable-while-there-is-something', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const got = [];
    let over = false;
    start.send(1); // before anybody polls
    start.send(2);
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, end.get_fd(GLib.IOCondition.IN), GLib.IOCondition.IN, () => {
        try {
            got.push(end.receive({timeout: 0}));
        } catch (error) {
            over = error.matches(Shmobj.Error, Shmobj.Error.PEER_GONE);
        }
        return over ? GLib.SOURCE_REMOVE : GLib.SOURCE_CONTINUE;
    });
    await until(() => got.length === 2);
    start.send(3);
    start.send(new Shmobj.Event());
    await until(() => got.length === 4);
    start.close();
    await until(() => over);
    equal(got.slice(0, 3), [1, 2, 3]);
    isTrue(got[3] instanceof Shmobj.Event);
});

test('pipe/objects-anywhere-in-a-value', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const queue = new Shmobj.Queue();
    const event = new Shmobj.Event();
    const works = received => {
        queue.put('through');
        equal(received.jobs.get({timeout: 0}), 'through');
        equal(received.more[1], 5);
        received.more[0].set();
        equal(event.is_set(), true);
        event.clear();
    };
    start.send({jobs: queue, more: [event, 5]});
    works(end.receive());
    await start.send_async({jobs: queue, more: [event, 5]});
    works(await end.receive_async());
    start.send([queue, queue]);
    works({jobs: end.receive_with_fds().get_value()[1], more: [event, 5]});
    start.send_object(queue);
    works({jobs: end.receive_object(Shmobj.Queue, {timeout: 0}), more: [event, 5]});
    const later = end.receive_object_async(Shmobj.Queue);
    isTrue(await start.send_object_async(queue, {timeout: 0}));
    works({jobs: await later, more: [event, 5]});
    isTrue(await start.send_bytes_async(new Uint8Array([1, 2])));
    equal((await end.receive_bytes_async()).toArray(), new Uint8Array([1, 2]));
    await rejects(end.receive_bytes_async({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    start.send(queue);
    throws(() => end.receive_object(Shmobj.Lock), Shmobj.Error, Shmobj.Error.WRONG_KIND);
    throws(() => queue.put(event), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => start.send(new Gio.Cancellable()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    await rejects(start.send_async([queue, () => 1]), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => end.receive({timeout: 0}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    const waits = end.receive_async();
    start.send({jobs: queue, more: [event, 5]});
    works(await waits);
});

test('pipe/descriptors', async () => {
    const [start, end] = Shmobj.Pipe.new();
    const fds = new Gio.UnixFDList();
    for (let i = 0; i < 2; i++)
        fds.append(1);
    start.send_with_fds({a: 1}, fds);
    const message = end.receive_with_fds({timeout: 0});
    equal(message.get_value(), {a: 1});
    equal(message.get_fd_list().get_length(), 2);
    await start.send_with_fds_async('later', fds, {timeout: 1000});
    equal((await end.receive_with_fds_async({timeout: 1000})).get_fd_list().get_length(), 2);
    start.send_with_fds('the value alone', fds);
    equal(end.receive(), 'the value alone');
    start.send('none');
    equal(end.receive_with_fds().get_fd_list(), null);
    for (let i = 2; i < 254; i++)
        fds.append(1);
    throws(() => start.send_with_fds(null, fds), Gio.IOErrorEnum, Gio.IOErrorEnum.MESSAGE_TOO_LARGE);
    equal(end.poll({timeout: 0}), false);
});

test('listener/meets-callers-by-name', async () => {
    const {Connection, Listener} = Shmobj;
    const listener = new Listener({name: 'javascript'});
    throws(() => Listener.new('javascript'), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
    throws(() => Connection.new_for_name('nobody'), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    throws(() => Connection.new_for_name('javascript', {timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    throws(() => listener.accept({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    const calls = [1, 2].map(() => Connection.new_for_name_async('javascript'));
    for (const promise of calls) {
        const ours = await listener.accept_async({timeout: 20000});
        const theirs = await promise;
        ours.send({a: 1});
        equal(theirs.receive(), {a: 1});
        await theirs.send_async('back');
        equal(await ours.receive_async(), 'back');
    }
    const served = (async () => {
        for await (const connection of listener)
            connection.send('served');
    })();
    const third = await Connection.new_for_name_async('javascript', {timeout: 20000});
    equal(await third.receive_async(), 'served');
    listener.close();
    await served;
    await rejects(Connection.new_for_name_async('javascript'), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    isTrue(Listener.new().name !== Listener.new().name);
});

test('lock/run-releases-whatever-happens', async () => {
    const lock = new Shmobj.Lock();
    equal(lock.run(() => [lock.is_locked(), 5]), [true, 5]);
    equal(lock.is_locked(), false);
    throws(() => lock.run(() => {
        throw new RangeError('inside');
    }), RangeError);
    equal(lock.is_locked(), false);
    const promise = lock.run(async () => {
        await null;
        return lock.is_locked();
    });
    equal(lock.is_locked(), true);
    equal(await promise, true);
    equal(lock.is_locked(), false);
    await rejects(lock.run(() => Promise.reject(new RangeError('inside'))), RangeError);
    equal(lock.is_locked(), false);
});

test('semaphore', async () => {
    const semaphore = new Shmobj.Semaphore({value: 2, maximum: 2});
    isTrue(semaphore.acquire());
    isTrue(await semaphore.acquire_async());
    throws(() => semaphore.acquire({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    await rejects(semaphore.acquire_async({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    equal([semaphore.get_value(), semaphore.get_held()], [0, 2]);
    const waits = semaphore.acquire_async();
    semaphore.release();
    isTrue(await waits);
    semaphore.release(2);
    throws(() => semaphore.release(), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    equal(semaphore.run(() => semaphore.value), 1);
    equal(await semaphore.run_async(() => semaphore.value), 1);
    equal([semaphore.value, semaphore.maximum, semaphore.recovers], [2, 2, true]);
    equal(Shmobj.Semaphore.new().get_value(), 1);

    const manager = Shmobj.Manager.new();
    const named = manager.semaphore('s', {value: 3, recovers: false});
    equal([named.get_value(), named.get_recovers(), manager.lookup('s')], [3, false, 'semaphore']);
    named.acquire();
    equal(manager.semaphore('s').get_value(), 2);
});

test('barrier', async () => {
    const barrier = new Shmobj.Barrier({parties: 3});
    const others = [barrier.wait_async(), barrier.wait_async()];
    equal(barrier.get_n_waiting(), 2);
    equal(barrier.wait(), 2);
    equal(await Promise.all(others), [0, 1]);
    await rejects(barrier.wait_async({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    throws(() => barrier.wait(), Shmobj.Error, Shmobj.Error.BROKEN);
    equal(barrier.is_broken(), true);
    barrier.reset();
    equal([barrier.is_broken(), barrier.parties], [false, 3]);
    const manager = Shmobj.Manager.new();
    equal(manager.barrier('b', {parties: 1}).wait(), 0);
    equal([manager.barrier('b').get_parties(), manager.lookup('b')], [1, 'barrier']);
});

test('lock/acquire', async () => {
    const lock = Shmobj.Lock.new();
    isTrue(lock.acquire());
    isTrue(lock.is_owned());
    equal(lock.get_abandoned(), false);
    lock.release();
    isTrue(await lock.acquire_async({timeout: 1000}));
    lock.release();
    equal(await lock.run_async(() => lock.is_locked()), true);
    equal(lock.is_locked(), false);
});

test('event', async () => {
    const event = new Shmobj.Event();
    throws(() => event.wait({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    await rejects(event.wait_async({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    const waits = event.wait_async();
    event.set();
    isTrue(await waits);
    isTrue(event.wait());
    event.clear();
    equal(event.is_set(), false);
});

test('memory', () => {
    const memory = Shmobj.SharedMemory.new(100);
    memory.write_data(10, new Uint8Array([1, 2, 3]));
    memory.write_bytes(13, new Uint8Array([4]));
    equal(memory.read_data(9, 6), new Uint8Array([0, 1, 2, 3, 4, 0]));
    equal(memory.read_bytes(10, 2).toArray(), new Uint8Array([1, 2]));
    throws(() => memory.write_bytes(0.5, new Uint8Array([4])), TypeError);
    throws(() => memory.read_data(99, 2), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    throws(() => Shmobj.SharedMemory.new_for_name('shmobj-js-there-is-none', Shmobj.OpenFlags.EXISTING),
        Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

test('handles/are-the-same-object', () => {
    const fds = new Gio.UnixFDList();
    const queue = new Shmobj.Queue();
    const [start, end] = Shmobj.Pipe.new();
    const objects = [queue, new Shmobj.Lock(), new Shmobj.Event(), Shmobj.SharedMemory.new(64), end];
    const again = objects.map(object => object.constructor.new_from_handle(object.to_handle(fds), fds));
    equal(again.map(object => object.constructor.name), objects.map(object => object.constructor.name));
    queue.put('through the other one');
    equal(again[0].get(), 'through the other one');
    start.send(1);
    equal(again[4].receive(), 1);
    throws(() => Shmobj.Lock.new_from_handle(queue.to_handle(fds), fds), Shmobj.Error, Shmobj.Error.WRONG_KIND);
});

const CHILD = `
    imports.gi.versions.Shmobj = '1';
    const {Shmobj} = imports.gi;
    const jobs = Shmobj.Queue.take_inherited('jobs');
    const answers = Shmobj.Queue.take_inherited('answers');
    for (let job = jobs.get(); job !== null; job = jobs.get())
        answers.put({job, twice: job * 2});
`;

test('handles/a-child-takes-what-it-was-passed', async () => {
    const launcher = new Gio.SubprocessLauncher();
    const jobs = new Shmobj.Queue();
    const answers = new Shmobj.Queue();
    jobs.pass_to(launcher, 'jobs');
    answers.pass_to(launcher, 'answers');
    const child = launcher.spawnv(['gjs', '-c', CHILD]);
    [1, 2, null].forEach(job => jobs.put(job));
    equal(await answers.get_async({timeout: 60000}), {job: 1, twice: 2});
    equal(await answers.get_async({timeout: 60000}), {job: 2, twice: 4});
    isTrue(child.wait(null) && child.get_successful());
    throws(() => Shmobj.Queue.take_inherited('jobs'), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

run();
