// SPDX-License-Identifier: LGPL-2.1-or-later

// What `import Shmobj from 'gi://Shmobj'` gives in JavaScript beyond what introspection does:
//
//     queue.put(['a', 1]);                      plain values in and out (shmobj/values.js)
//     queue.get({timeout: 500, cancellable});   options last, milliseconds; none: waits for ever (shmobj/calls.js)
//     await queue.get_async();                  promises
//     for await (const job of queue) …          until the queue is closed
//     for (const item of list) …                List is like an array, Dict like a Map
//     table.append(manager.list());             containers as items of containers, live
//     counter.add(1); counter.value = 0;        a Value in one step, or as a property
//     manager.queue('jobs', {maxsize: 9});      short spellings for open_queue() and so on
//     lock.run(() => …);                        released whatever happens
//
// Nothing that introspection offers is lost: the method that one of these replaces is there with a “_” in front, as
// in queue._get(-1, null). A classic script: that is what gjs loads overrides as.

const {Gio, GLib} = imports.gi;
const {carrying, toVariant, toBytes, fromVariant, itemToVariant, itemFromVariant} = imports.overrides.shmobj.values;
const {adapt, checkOptions, integer, isError, mixIn, timeoutOnly, waiting, withDefaults} = imports.overrides.shmobj.calls;

// How often a list that others change is sorted before that is an error; as in the library.
const SORT_TRIES = 100;

let Shmobj;

const fromVariants = variants => variants.map(fromVariant);
const itself = value => value;
const orNothing = value => value === undefined ? null : itemToVariant(value);

function toVariants(source, convert = toVariant) {
    if (source?.[Symbol.iterator] === undefined)
        throw new TypeError(`an array is needed here, or what else can be iterated, not ${source}`);
    return Array.from(source, item => convert(item));
}

// Items of containers may be containers themselves. The results are called on the one that was asked.
const itemsToVariants = source => toVariants(source, itemToVariant);

function fromItem(variant) {
    return itemFromVariant(this, variant);
}

function fromItems(variants) {
    return variants.map(variant => itemFromVariant(this, variant));
}

// One value for all of them: numbers and texts cross in one call.
function fromPacked(variant) {
    if (variant.get_type_string() !== 'av')
        return fromVariant(variant);
    return Array.from({length: variant.n_children()}, (_, i) => itemFromVariant(this, variant.get_child_value(i)));
}

function fromFound(variant) {
    return variant === null ? undefined : itemFromVariant(this, variant);
}

// Pairs of keys and values, from an object, a Map or anything else that gives pairs.
function toItems(source) {
    if (typeof source !== 'object' || source === null)
        throw new TypeError(`an object or a Map is needed here, not ${source}`);
    const pairs = Symbol.iterator in source ? [...source] : Object.entries(source);
    return GLib.Variant.new_array(new GLib.VariantType('(vv)'), pairs.map(([...pair]) => {
        if (pair.length !== 2)
            throw new TypeError('a dict is updated from pairs of a key and a value');
        const variants = [toVariant(pair[0]), itemToVariant(pair[1])];
        return GLib.Variant.new_tuple(variants.map(variant => GLib.Variant.new_variant(variant)));
    }));
}

// What comes until the object is closed or the other end is gone.
async function* messages(next) {
    for (;;) {
        let message;
        try {
            message = await next();
        } catch (error) {
            if (isError(error, Shmobj.Error, 'CLOSED', 'PEER_GONE'))
                return;
            throw error;
        }
        yield message;
    }
}

class Queue {
    // Gets until the queue is closed.
    [Symbol.asyncIterator]() {
        return messages(() => this.get_async());
    }
}

// What has objects in it goes with their descriptors.
function sendCarrying(error, suffix, value, options) {
    if (!isError(error, Shmobj.Error, 'NOT_REPRESENTABLE'))
        throw error;
    const fds = new Gio.UnixFDList();
    const variant = carrying(fds, () => toVariant(value));
    return this[`send_with_fds${suffix}`](variant, fds, options);
}

function receiveCarried(error, suffix, options) {
    if (!isError(error, Shmobj.Error, 'INCOMPATIBLE'))
        throw error;
    const message = this[`receive_with_fds${suffix}`](options);
    return suffix === '' ? valueOf(message) : message.then(valueOf);
}

function valueOf(message) {
    return carrying(message.get_fd_list(), () => fromVariant(message._get_value()));
}

class Message {
    // With the objects in it, if it came through a connection.
    get_value() {
        return valueOf(this);
    }
}

class Connection {
    // Receives until the other end is gone, or this one closed.
    [Symbol.asyncIterator]() {
        return messages(() => this.receive_async());
    }
}

class Listener {
    // The connections of those who call, until the listener is closed.
    [Symbol.asyncIterator]() {
        return messages(() => this.accept_async());
    }
}

class Pipe {
    // const [start, end] = new Shmobj.Pipe();
    *[Symbol.iterator]() {
        yield this.steal_start();
        yield this.steal_end();
    }
}

class Lock {
    // Calls a function with the lock held, and gives back what it returns. A promise is waited for.
    run(callback, options) {
        this.acquire(options);
        return this._runLocked(callback);
    }

    // The same, without blocking while the lock is not to be had.
    async run_async(callback, options) {
        await this.acquire_async(options);
        return this._runLocked(callback);
    }

    _runLocked(callback) {
        let result;
        try {
            result = callback();
        } catch (error) {
            this.release();
            throw error;
        }
        if (typeof result?.then === 'function')
            return Promise.resolve(result).finally(() => this.release());
        this.release();
        return result;
    }
}

// The arguments of open_…() behind the name, from options.
function opening(options = {}, ...numbers) {
    checkOptions(options, ['flags', 'cancellable', ...numbers]);
    return [
        options.flags ?? Shmobj.OpenFlags.DEFAULT,
        ...numbers.map(name => index(options[name] ?? 0)),
        options.cancellable ?? null,
    ];
}

function callAtOnce(callback) {
    const result = callback();
    if (typeof result?.then === 'function')
        throw new TypeError('A transaction ends when its function returns, and cannot wait for a promise');
    return result;
}

class Manager {
    list(name, options) {
        return this.open_list(name ?? null, ...opening(options));
    }

    dict(name, options) {
        return this.open_dict(name ?? null, ...opening(options));
    }

    // `initial` is what it is if it is created: nothing (null), unless given.
    value(name, initial, options) {
        const [flags, cancellable] = opening(options);
        return this.open_value(name ?? null, flags, initial, cancellable);
    }

    lock(name, options) {
        return this.open_lock(name ?? null, ...opening(options));
    }

    event(name, options) {
        return this.open_event(name ?? null, ...opening(options));
    }

    // `value`, `maximum` and `recovers` are what it is made with if there is none.
    semaphore(name, options) {
        const {value = 1, maximum = 0, recovers = true, ...rest} = options ?? {};
        const [flags, cancellable] = opening(rest);
        return this.open_semaphore(name ?? null, flags, index(value), index(maximum), recovers, cancellable);
    }

    // With a lock of its own, condition.get_lock().
    condition(name, options) {
        return this.open_condition(name ?? null, ...opening(options));
    }

    // `parties` is for how many it is made if there is none.
    barrier(name, options) {
        const {parties = 0, ...rest} = options ?? {};
        const [flags, cancellable] = opening(rest);
        return this.open_barrier(name ?? null, flags, index(parties), cancellable);
    }

    queue(name, options) {
        return this.open_queue(name ?? null, ...opening(options, 'maxsize', 'capacity'));
    }

    // The list, dict or value that a reference leads to (what get_reference() gives).
    open_reference(reference, flags = Shmobj.OpenFlags.DEFAULT) {
        return this._open_reference(reference, flags);
    }

    // Calls a function and gives back what it returns. What it does to lists, dicts and values of the manager happens
    // together, or not at all if it throws.
    transact(callback, options) {
        const transaction = this.begin(options);
        let result;
        try {
            result = callAtOnce(callback);
        } catch (error) {
            transaction.rollback();
            throw error;
        }
        transaction.commit();
        return result;
    }

    // The same, without blocking while others change the manager. A promise of what the function returns.
    transact_async(callback, options) {
        return new Promise((resolve, reject) => {
            let result, failure;
            const run = () => {
                try {
                    result = callAtOnce(callback);
                } catch (error) {
                    failure = {error};
                }
                return failure === undefined;
            };
            const [timeout, cancellable] = waiting(options);
            this._transact_async(timeout, run, cancellable, (_, outcome) => {
                try {
                    this.transact_finish(outcome);
                    resolve(result);
                } catch (error) {
                    reject(failure === undefined ? error : failure.error);
                }
            });
        });
    }

    memory(name, options) {
        return this.open_memory(name ?? null, ...opening(options, 'size'));
    }
}

// The places of values in their order, as Array.prototype.sort() would order them.
function sortedPlaces(values, compare) {
    const places = Array.from(values, (_, i) => i);
    if (compare !== undefined)
        return places.sort((i, j) => compare(values[i], values[j]));
    const texts = values.map(String);
    return places.sort((i, j) => texts[i] < texts[j] ? -1 : Number(texts[i] > texts[j]));
}

class List {
    get length() {
        return this.get_length();
    }

    // As of an array: undefined, -1 or false where there is nothing.
    at(index) {
        return this.get_range(index, index === -1 ? undefined : index + 1)[0];
    }

    get_range(start, end) {
        return this.get_packed(start, end);
    }

    indexOf(value) {
        try {
            return this.index(value);
        } catch (error) {
            if (isError(error, Gio.IOErrorEnum, 'NOT_FOUND'))
                return -1;
            throw error;
        }
    }

    includes(value) {
        return this.contains(value);
    }

    // All items of one moment: what others change meanwhile is not met.
    [Symbol.iterator]() {
        return this.get_range()[Symbol.iterator]();
    }

    // As of an array, in one step. Nothing is held while the function runs: when others have changed the list by then,
    // it is called again for all items.
    sort(compare) {
        for (let i = 0; i < SORT_TRIES; i++) {
            const revision = this.get_revision();
            if (this.reorder(revision, sortedPlaces(this.get_range(), compare)))
                return this;
        }
        throw new Shmobj.Error({
            code: Shmobj.Error.BUSY,
            message: `Others changed the list each of the ${SORT_TRIES} times that it was sorted; sort it in a transaction, ` +
                'which keeps them out',
        });
    }

    reverse() {
        this._reverse();
        return this;
    }

    // As of an array: takes items out, puts others in their place, and returns those that were there; in one step.
    splice(start, ...rest) {
        const [count = Number.MAX_SAFE_INTEGER, ...items] = rest;
        return fromItems.call(this, this._splice(index(start), index(count), itemsToVariants(items)));
    }
}

class Dict {
    get size() {
        return this.get_length();
    }

    // As of a Map: undefined where there is nothing.
    get(key) {
        return this.lookup(key);
    }

    has(key) {
        return this.contains(key);
    }

    delete(key) {
        try {
            return this.remove(key);
        } catch (error) {
            if (isError(error, Gio.IOErrorEnum, 'NOT_FOUND'))
                return false;
            throw error;
        }
    }

    entries() {
        return this.items();
    }

    values() {
        return this.items().map(([, value]) => value);
    }

    forEach(callback, thisArg) {
        for (const [key, value] of this.items())
            callback.call(thisArg, value, key, this);
    }

    [Symbol.iterator]() {
        return this.items()[Symbol.iterator]();
    }
}

class Value {
    get value() {
        return this.get();
    }

    set value(value) {
        this.set(value);
    }
}

class Item {
    get value() {
        return this.get_value();
    }
}

class ListModel {
    // As newer versions of gjs do for every list model.
    *[Symbol.iterator]() {
        for (let i = 0; i < this.get_n_items(); i++)
            yield this.get_item(i);
    }
}

const index = integer();
const METHODS = {
    Queue: {
        put: {args: [toVariant], waits: true},
        put_bytes: {args: [toBytes], waits: true},
        put_data: {args: [itself], waits: true},
        put_many: {args: [toVariants], waits: true},
        get: {waits: true, result: fromVariant},
        get_bytes: {waits: true},
        get_many: {args: [index], waits: true, result: fromVariants},
        receive: {waits: true},
        loan: {args: [index], waits: true},
        put_loan: {args: [itself, index], waits: true},
        take: {waits: true},
        join: {waits: true},
        get_statistics: {result: fromVariant},
        wait: {args: [itself, timeoutOnly]},
    },
    Loan: {
        write_bytes: {args: [index, toBytes]},
    },
    Connection: {
        send: {args: [toVariant], waits: true, otherwise: sendCarrying},
        send_bytes: {args: [toBytes], waits: true},
        send_with_fds: {args: [toVariant, itself], waits: true},
        send_object: {args: [itself], waits: true},
        receive: {waits: true, result: fromVariant, otherwise: receiveCarried},
        receive_with_fds: {waits: true},
        receive_object: {args: [itself], waits: true},
        receive_bytes: {waits: true},
        poll: {waits: true},
    },
    Listener: {accept: {waits: true}},
    Lock: {acquire: {waits: true}},
    Barrier: {wait: {waits: true}},
    Semaphore: {acquire: {waits: true}, release: {args: [integer(1)]}},
    Event: {wait: {waits: true}},
    Condition: {wait: {waits: true}},
    Container: {wait: {args: [index], waits: true}},
    SharedMemory: {
        write_bytes: {args: [index, toBytes]},
    },
    Manager: {
        list_objects: {result: fromVariant},
        list_participants: {result: fromVariant},
        begin: {waits: true},
        open_value: {args: [itself, itself, (initial = null) => itemToVariant(initial), itself]},
    },
    List: {
        append: {args: [itemToVariant]},
        extend: {args: [itemsToVariants]},
        insert: {args: [index, itemToVariant]},
        get: {args: [index], result: fromItem},
        get_packed: {args: [integer(0), integer(Number.MAX_SAFE_INTEGER)], result: fromPacked},
        set: {args: [index, itemToVariant]},
        pop: {args: [integer(-1)], result: fromItem},
        remove_value: {args: [itemToVariant]},
        delete_range: {args: [index, index]},
        set_range: {args: [index, index, itemsToVariants]},
        set_slice: {args: [index, index, index, itemsToVariants]},
        delete_slice: {args: [index, index, index]},
        repeat: {args: [index]},
        index: {args: [itemToVariant]},
        count: {args: [itemToVariant]},
        contains: {args: [itemToVariant]},
    },
    Dict: {
        lookup: {args: [toVariant], result: fromFound},
        set: {args: [toVariant, itemToVariant]},
        set_default: {args: [toVariant, itemToVariant], result: fromItem},
        update: {args: [toItems]},
        contains: {args: [toVariant]},
        pop: {args: [toVariant], result: fromItem},
        pop_item: {result: fromItem},
        remove: {args: [toVariant]},
        keys: {result: fromVariants},
        items: {result: fromItem},
        wait_key: {args: [toVariant, orNothing], waits: true, result: fromItem},
    },
    Value: {
        get: {result: fromItem},
        set: {args: [itemToVariant]},
        add: {args: [toVariant], result: fromVariant},
        compare_and_set: {args: [itemToVariant, itemToVariant]},
    },
    Item: {get_value: {result: value => value === null ? undefined : fromVariant(value)}},
};

// Handles of a class: Shmobj.Queue.take_inherited('jobs') cannot give anything but a queue.
function addSharing(cls) {
    cls.new_from_handle = (handle, fds) => Shmobj.Shareable.new_from_handle(cls, handle, fds);
    cls.take_inherited = name => Shmobj.Shareable.take_inherited(name, cls);
}

const MEMBERS = {Queue, Message, Connection, Listener, Pipe, Lock, Semaphore: Lock, Manager, List, Dict, Value, Item, ListModel};

// An exception in here would make the import fail, so what the library has not is left alone.
var _init = function () {
    Shmobj = this;
    for (const name of new Set([...Object.keys(METHODS), ...Object.keys(MEMBERS)])) {
        const cls = this[name];
        if (cls === undefined)
            continue;
        adapt(cls.prototype, METHODS[name] ?? {});
        if (MEMBERS[name] !== undefined)
            mixIn(cls, MEMBERS[name]);
        if ('to_handle' in cls.prototype)
            addSharing(cls);
    }
    adapt(this.Connection, {
        wait: {args: [itself], waits: true},
        new_for_name: {args: [itself], waits: true},
    });
    withDefaults(this.Queue, 'new', 0, 0);
    withDefaults(this.Semaphore, 'new', 1, 0);
    withDefaults(this.Listener, 'new', null);
    withDefaults(this.Condition, 'new', null);
    withDefaults(this.Pipe, 'new', true, 0);
    withDefaults(this.Manager, 'new', null, null);
    withDefaults(this.SharedMemory, 'new_for_name', undefined, this.OpenFlags.DEFAULT, 0);
};
