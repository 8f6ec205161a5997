// SPDX-License-Identifier: LGPL-2.1-or-later

// Queue: plain values, options, promises, loops, and the methods of introspection beside them.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Shmobj from 'gi://Shmobj?version=1';
import {equal, isTrue, rejects, run, test, throws, until} from './tap.js';

test('plain-values-in-and-out', () => {
    const queue = new Shmobj.Queue({maxsize: 10});
    equal(queue.get_maxsize(), 10);
    for (const value of [['a', 1], null, {a: [1, 2.5]}, 'text', 7n, 2n ** 63n])
        isTrue(queue.put(value));
    equal(queue.get_size(), 6);
    equal([1, 2, 3, 4, 5, 6].map(() => queue.get()), [['a', 1], null, {a: [1, 2.5]}, 'text', 7, 2n ** 63n]);
    isTrue(queue.is_empty());
});

test('constructed-in-all-ways', () => {
    equal(new Shmobj.Queue().get_maxsize(), 0);
    equal(Shmobj.Queue.new().get_maxsize(), 0);
    equal(Shmobj.Queue.new(4, 65536).get_maxsize(), 4);
    isTrue(Shmobj.Queue.new(4, 65536).get_capacity() >= 65536);
});

test('giving-up-is-empty-or-full', () => {
    const queue = new Shmobj.Queue({maxsize: 1});
    for (const options of [{timeout: 0}, {timeout: 0.25}, {timeout: 3}])
        throws(() => queue.get(options), Shmobj.Error, Shmobj.Error.EMPTY);
    queue.put('x');
    for (const options of [{timeout: 0}, {timeout: 0.25}, {timeout: 3}])
        throws(() => queue.put('y', options), Shmobj.Error, Shmobj.Error.FULL);
    equal(queue.get({timeout: 0}), 'x');
});

test('timeouts-are-milliseconds', () => {
    const queue = new Shmobj.Queue();
    const before = GLib.get_monotonic_time();
    throws(() => queue.get({timeout: 20.5}), Shmobj.Error, Shmobj.Error.EMPTY);
    isTrue(GLib.get_monotonic_time() - before >= 20500);
});

test('options-that-make-no-sense-are-refused', () => {
    const queue = new Shmobj.Queue();
    const wrong = [0, 500, null, [], new Gio.Cancellable(), () => 1, {timout: 1}, {timeout: -1}, {timeout: '5'},
        {timeout: NaN}, {timeout: null}];
    for (const options of wrong) {
        throws(() => queue.get(options), TypeError);
        throws(() => queue.put(1, options), TypeError);
    }
    isTrue(queue.is_empty());
});

test('what-cannot-be-put-changes-nothing', () => {
    const queue = new Shmobj.Queue();
    throws(() => queue.put(new Set()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    throws(() => queue.put_bytes('text'), TypeError);
    isTrue(queue.is_empty());
});

test('a-cancelled-get-takes-nothing', () => {
    const queue = new Shmobj.Queue();
    const cancellable = new Gio.Cancellable();
    queue.put(1);
    cancellable.cancel();
    throws(() => queue.get({cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(queue.get({timeout: 0, cancellable: new Gio.Cancellable()}), 1);
});

test('bytes', () => {
    const queue = new Shmobj.Queue();
    queue.put_bytes(new Uint8Array([1, 2, 3]));
    queue.put_bytes(new GLib.Bytes([4]), {timeout: 0});
    queue.put_data(new Uint8Array([5, 6]));
    queue.put(new Uint8Array([7]));
    equal(queue.get(), new Uint8Array([1, 2, 3]));
    equal([1, 2, 3].map(() => queue.get_bytes({timeout: 0}).toArray()), [[4], [5, 6], [7]].map(b => new Uint8Array(b)));
});

test('what-introspection-made-is-still-there', () => {
    const queue = new Shmobj.Queue();
    queue._put(new GLib.Variant('(iy)', [1, 2]), -1, null);
    equal(queue._get(0, null).print(true), '(1, byte 0x02)');
    throws(() => queue._get(0, null), Shmobj.Error, Shmobj.Error.EMPTY);
});

test('wait-and-statistics', () => {
    const queue = new Shmobj.Queue();
    equal(queue.wait(GLib.IOCondition.IN, {timeout: 1}), false);
    throws(() => queue.wait(GLib.IOCondition.IN, {cancellable: null}), TypeError);
    queue.put(1);
    equal(queue.wait(GLib.IOCondition.IN), true);
    const statistics = queue.get_statistics();
    isTrue(Object.keys(statistics).length > 0);
    isTrue(Object.values(statistics).every(value => value === null || typeof value !== 'object'));
});

test('received-messages-come-back-unless-done', () => {
    const queue = new Shmobj.Queue();
    queue.put({n: 1});
    const message = queue.receive({timeout: 0});
    equal(message.get_value(), {n: 1});
    equal(message._get_value().get_type_string(), 'a{sv}');
    equal([message.get_redelivered(), message.get_kind()], [0, Shmobj.MessageKind.VALUE]);
    throws(() => queue.receive({timeout: 0}), Shmobj.Error, Shmobj.Error.EMPTY);
    throws(() => queue.join({timeout: 1}), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    message.give_back();
    const again = queue.receive();
    equal([again.get_value(), again.get_redelivered()], [{n: 1}, 1]);
    again.done();
    queue.put_bytes(new Uint8Array([1]));
    const bytes = queue.receive();
    equal(bytes.get_kind(), Shmobj.MessageKind.BYTES);
    bytes.done();
    isTrue(queue.join());
});

test('promises', async () => {
    const queue = new Shmobj.Queue({maxsize: 1});
    const later = queue.get_async();
    queue.put(['now', 1]);
    equal(await later, ['now', 1]);
    isTrue(await queue.put_async({n: 1}));
    const blocked = queue.put_async({n: 2}, {timeout: 60000});
    equal(await queue.get_async({timeout: 60000}), {n: 1});
    isTrue(await blocked);
    equal(await queue.get_async(), {n: 2});
});

test('promises-are-rejected', async () => {
    const queue = new Shmobj.Queue({maxsize: 1});
    const cancellable = new Gio.Cancellable();
    const waits = queue.get_async({cancellable});
    cancellable.cancel();
    await rejects(waits, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    await rejects(queue.get_async({timeout: 1}), Shmobj.Error, Shmobj.Error.EMPTY);
    await rejects(queue.get_async(0), TypeError);
    await rejects(queue.put_async(new Set()), Shmobj.Error, Shmobj.Error.NOT_REPRESENTABLE);
    await queue.put_async(1);
    await rejects(queue.put_async(2, {timeout: 0}), Shmobj.Error, Shmobj.Error.FULL);
    equal(queue.get_size(), 1);
});

// How each promise is begun, what makes it wait, what ends that, and what is said when the time is over.
function otherCalls(queue) {
    const block = queue.loan(1);
    const fill = () => queue.put_bytes(new Uint8Array([1]));
    const fillPool = () => queue.put_loan(queue.loan(4000), 4000);
    const [nothing, empty] = [() => undefined, () => queue.get()];
    const {EMPTY, FULL} = Shmobj.Error;
    return [
        [nothing, options => queue.get_bytes_async(options), fill, EMPTY],
        [nothing, options => queue.get_many_async(2, options), fill, EMPTY],
        [nothing, async options => isTrue((await queue.receive_async(options)).done()), fill, EMPTY],
        [nothing, async options => isTrue((await queue.take_async(options)).release()), fill, EMPTY],
        [fill, options => queue.put_bytes_async(new Uint8Array([2]), options), empty, FULL],
        [fill, options => queue.put_many_async([2], options), empty, FULL],
        [fill, options => queue.put_loan_async(block, 1, options), empty, FULL],
        [fillPool, async options => isTrue((await queue.loan_async(3000, options)).release()), empty, FULL],
        [fill, options => queue.join_async(options), empty, null],
    ];
}

async function eachCall(check) {
    for (let i = 0; i < 9; i++) {
        const queue = new Shmobj.Queue({maxsize: 1, capacity: 4096});
        const [block, start, free, code] = otherCalls(queue)[i];
        const late = code === null ? [Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT] : [Shmobj.Error, code];
        block();
        await check(start, free, late, queue);
    }
}

test('every-call-that-waits-is-a-promise-too', async () => {
    await eachCall(async (start, free) => {
        let over = false;
        const waits = start({timeout: 60000}).then(() => (over = true));
        await rejects(new Shmobj.Queue().get_async({timeout: 3}), Shmobj.Error, Shmobj.Error.EMPTY);
        equal(over, false);
        free();
        isTrue(await waits);
    });
});

test('promises-that-come-to-nothing-take-nothing', async () => {
    await eachCall(async (start, free, late, queue) => {
        const state = () => {
            const {puts, gets, lent, 'in-flight': inFlight} = queue.get_statistics();
            return [puts, gets, lent, inFlight];
        };
        const before = state();
        await rejects(start({timeout: 0}), ...late);
        await rejects(start({timeout: 2}), ...late);
        equal(state(), before);
        const cancellable = new Gio.Cancellable();
        const waits = start({cancellable});
        cancellable.cancel();
        free();
        const then = state();
        await rejects(waits, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
        equal(state(), then);
    });
});

test('what-the-other-promises-give', async () => {
    const queue = new Shmobj.Queue();
    equal(await queue.put_many_async(['a', {n: 1}, null, 7n]), 4);
    equal(await queue.get_many_async(3), ['a', {n: 1}, null]);
    equal((await queue.receive_async()).get_value(), 7);
    isTrue(await queue.put_bytes_async(new Uint8Array([1, 2])));
    equal((await queue.get_bytes_async()).toArray(), new Uint8Array([1, 2]));
    const loan = await queue.loan_async(3);
    loan.write_bytes(0, new Uint8Array([5, 6, 7]));
    isTrue(await queue.put_loan_async(loan, 2));
    await rejects(queue.put_loan_async(loan, 2), Shmobj.Error, Shmobj.Error.CLOSED);
    equal((await queue.take_async()).get_bytes().toArray(), new Uint8Array([5, 6]));
    await rejects(queue.loan_async('3'), TypeError);
    await rejects(queue.put_many_async(3), TypeError);
});

test('many-promises-each-get-one', async () => {
    const queue = new Shmobj.Queue();
    const waits = Array.from({length: 50}, () => queue.get_async());
    for (let i = 0; i < 50; i++)
        await queue.put_async(i);
    const got = await Promise.all(waits);
    equal(got.sort((a, b) => a - b), Array.from({length: 50}, (_, i) => i));
});

test('a-loop-gets-until-the-queue-is-closed', async () => {
    const queue = new Shmobj.Queue();
    const got = [];
    const loop = (async () => {
        for await (const job of queue)
            got.push(job);
    })();
    queue.put('a');
    queue.put('b');
    await until(() => got.length === 2);
    queue.put('c');
    await until(() => got.length === 3);
    queue.close();
    await loop;
    equal(got, ['a', 'b', 'c']);
    throws(() => queue.put(1), Shmobj.Error, Shmobj.Error.CLOSED);
});

test('leaving-a-loop-loses-nothing', async () => {
    const queue = new Shmobj.Queue();
    [1, 2, 3].forEach(value => queue.put(value));
    for await (const job of queue) {
        equal(job, 1);
        break;
    }
    equal(await queue.get_async(), 2);
    for await (const job of queue) {
        equal(job, 3);
        break;
    }
    isTrue(queue.is_empty());
});

test('an-error-ends-a-loop', async () => {
    const queue = new Shmobj.Queue();
    queue.get_async = () => Promise.reject(new Error('from inside'));
    await rejects((async () => {
        for await (const job of queue)
            throw new TypeError(`${job}`);
    })(), Error);
});

test('a-loan-is-written-and-read-where-it-is', () => {
    const queue = new Shmobj.Queue();
    const loan = queue.loan(100);
    equal(loan.get_size(), 100);
    isTrue(loan.write_bytes(2, new Uint8Array([1, 2, 3])));
    isTrue(loan.write_data(0, [8, 9]));
    throws(() => loan.write_bytes(99, new Uint8Array(2)), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    throws(() => queue.put_loan(loan), TypeError);
    isTrue(queue.put_loan(loan, 5));
    throws(() => queue.put_loan(loan, 5), Shmobj.Error, Shmobj.Error.CLOSED);

    const taken = queue.take({timeout: 0});
    isTrue(taken.is_taken());
    equal([...taken.get_bytes().toArray()], [8, 9, 1, 2, 3]);
    isTrue(taken.release());
    throws(() => queue.take({timeout: 0}), Shmobj.Error, Shmobj.Error.EMPTY);
    isTrue(queue.trim());
    const {lent, puts, gets, bytes} = queue.get_statistics();
    equal([lent, puts, gets, bytes], [0, 1, 1, 16 + 5]);
});

test('a-loan-in-use-is-reported-at-close', () => {
    const queue = new Shmobj.Queue();
    const loans = [queue.loan(10), queue.loan(10)];
    equal([queue.get_held(), queue.get_in_use()], [2, 2]);
    queue.put_loan(loans.pop(), 10);
    equal([queue.get_held(), queue.get_in_use()], [1, 1]);
    const error = throws(() => queue.close(), Shmobj.Error, Shmobj.Error.BUSY);
    isTrue(error.message.includes('1 of its blocks'));
    isTrue(queue.is_closed());
    queue.close();
    throws(() => queue.put_loan(loans[0], 10), Shmobj.Error, Shmobj.Error.CLOSED);
    isTrue(loans[0].release());
    equal(queue.get_held(), 0);
    new Shmobj.Queue().close();
});

run();
