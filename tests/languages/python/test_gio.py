# SPDX-License-Identifier: LGPL-2.1-or-later
"""With a main loop, and with children that GSubprocess starts."""

import sys
import unittest

import gi
from main_loop import outcome

gi.require_version("Shmobj", "1")
from gi.repository import Gio, GLib, GObject, Shmobj

LONG = 60

CHILD = """
import gi
gi.require_version("Shmobj", "1")
from gi.repository import Shmobj
jobs = Shmobj.Shareable.take_inherited("jobs", Shmobj.Queue)
jobs.put([jobs.get(), "seen"])
try:
    Shmobj.Shareable.take_inherited("others", Shmobj.Queue)
except FileNotFoundError as error:
    assert "others" in str(error)
else:
    raise SystemExit(1)
"""


class Async(unittest.TestCase):
    def test_get_async_gives_a_python_value(self):
        queue = Shmobj.Queue()
        GLib.idle_add(lambda: queue.put({"k": [1, None]}))
        value = outcome(lambda done: queue.get_async(LONG, None, done), Shmobj.Queue.get_finish)
        self.assertEqual(value, {"k": [1, None]})

    def test_put_async_takes_one(self):
        queue = Shmobj.Queue()
        outcome(lambda done: queue.put_async((1, "a"), None, None, done), Shmobj.Queue.put_finish)
        self.assertEqual(queue.get(), (1, "a"))

    def test_messages_and_loans(self):
        queue, cls = Shmobj.Queue(), Shmobj.Queue
        queue.allow_pickle = True
        queue.put([1, 2])
        with outcome(lambda done: queue.receive_async(LONG, None, done), cls.receive_finish) as message:
            self.assertEqual((message.value, message.allow_pickle), ([1, 2], True))
        block = outcome(lambda done: queue.loan_async(3, LONG, None, done), cls.loan_finish)
        block.buf[:] = b"abc"
        outcome(lambda done: queue.put_loan_async(block, None, LONG, None, done), cls.put_loan_finish)
        with outcome(lambda done: queue.take_async(LONG, None, done), cls.take_finish) as view:
            self.assertEqual(bytes(view), b"abc")
        with outcome(lambda done: queue.loan_async(4, LONG, None, done), cls.loan_finish) as view:
            view[:] = b"defg"
        data = outcome(lambda done: queue.get_bytes_async(LONG, None, done), cls.get_bytes_finish)
        self.assertEqual(data.get_data(), b"defg")
        self.assertIsNone(outcome(lambda done: queue.join_async(LONG, None, done), cls.join_finish))
        with self.assertRaises(TypeError):
            queue.put_loan_async(b"abc", None, LONG, None, print)

    def test_several(self):
        queue, cls = Shmobj.Queue(), Shmobj.Queue
        self.assertEqual(
            outcome(lambda done: queue.put_many_async([1, "a", None], LONG, None, done), cls.put_many_finish), 3
        )
        self.assertEqual(
            outcome(lambda done: queue.get_many_async(2, LONG, None, done), cls.get_many_finish), [1, "a"]
        )
        self.assertEqual(outcome(lambda done: queue.get_many_async(2, LONG, None, done), cls.get_many_finish), [None])
        late = outcome(lambda done: queue.get_many_async(2, 0.001, None, done), cls.get_many_finish)
        self.assertIsInstance(late, Shmobj.Empty)

    def test_connections_receive_send_and_are_cancelled(self):
        start, end = self.pipe()
        GLib.idle_add(lambda: start.send({"k": [1, None]}))
        value = outcome(lambda done: end.receive_async(LONG, None, done), Shmobj.Connection.receive_finish)
        self.assertEqual(value, {"k": [1, None]})
        outcome(lambda done: end.send_async("back", None, None, done), Shmobj.Connection.send_finish)
        self.assertEqual(start.receive(), "back")
        cancellable = Gio.Cancellable()
        GLib.idle_add(cancellable.cancel)
        error = outcome(lambda done: end.receive_async(None, cancellable, done), Shmobj.Connection.receive_finish)
        self.assertIsInstance(error, Shmobj.Cancelled)
        start.send("stays")
        self.assertEqual(end.receive(), "stays")
        GLib.idle_add(start.close)
        error = outcome(lambda done: end.receive_async(None, None, done), Shmobj.Connection.receive_finish)
        self.assertIsInstance(error, EOFError)

    def test_a_source_tells_of_messages_and_of_the_end(self):
        start, end = self.pipe()
        loop, got = GLib.MainLoop(), []

        def look(*_):
            try:
                got.append(end.receive(timeout=0))
            except Shmobj.PeerGone:
                loop.quit()
                return False
            return True

        source = end.create_source(GLib.IOCondition.IN, None)
        source.set_callback(look)
        source.attach(None)
        start.send(1)
        GLib.idle_add(lambda: start.send(2) or GLib.timeout_add(5, lambda: start.send(3) or start.close()) < 0)
        loop.run()
        self.assertEqual(got, [1, 2, 3])

    def pipe(self):
        pipe = Shmobj.Pipe(duplex=True)
        return pipe.steal_start(), pipe.steal_end()

    def test_time_outs_are_seconds_and_errors_are_ours(self):
        queue = Shmobj.Queue()
        error = outcome(lambda done: queue.get_async(0.02, None, done), Shmobj.Queue.get_finish)
        self.assertIsInstance(error, Shmobj.Empty)
        cancellable = Gio.Cancellable()
        GLib.idle_add(cancellable.cancel)
        error = outcome(lambda done: queue.get_async(LONG, cancellable, done), Shmobj.Queue.get_finish)
        self.assertIsInstance(error, Shmobj.Cancelled)


    def test_wait_async_of_a_container(self):
        shared = Shmobj.Manager().list()
        GLib.idle_add(lambda: shared.append(1))
        revision = outcome(lambda done: shared.wait_async(1, LONG, None, done), Shmobj.List.wait_finish)
        self.assertEqual(revision, 2)
        error = outcome(lambda done: shared.wait_async(2, 0.005, None, done), Shmobj.List.wait_finish)
        self.assertIsInstance(error, Shmobj.TimedOut)


class Model(unittest.TestCase):
    def test_follows_the_list(self):
        shared, told = Shmobj.Manager().list(), []
        shared.extend([1, "two", None])
        model = Shmobj.ListModel.new(shared)
        self.assertEqual([item.value for item in model], [1, "two", None])
        two = model[1]
        model.connect("items-changed", lambda _, *what: told.append(what))
        del shared[0]
        shared.append([4])
        self.assertEqual(len(model), 3)  # not before the main loop runs
        while len(told) < 2:
            GLib.MainContext.default().iteration(True)
        self.assertEqual(told, [(0, 1, 0), (2, 0, 1)])
        self.assertEqual([item.value for item in model], ["two", None, [4]])
        self.assertIs(model[0], two)
        self.assertEqual((repr(two), two.props.value.unpack()), ("Shmobj.Item('two')", "two"))
        self.assertEqual(len(Shmobj.ListModel(list=shared)), 3)
        with self.assertRaises(Shmobj.Error):
            Shmobj.ListModel()


class Thing(GObject.Object):
    volume = GObject.Property(type=int)
    names = GObject.Property(type=GObject.TYPE_STRV)


class Signals(unittest.TestCase):
    def until(self, holds):
        while not holds():
            GLib.MainContext.default().iteration(True)

    def test_a_dict_tells_of_keys(self):
        shared, keys, volumes = Shmobj.Manager().dict(), [], []
        shared.connect("changed", lambda _, key: keys.append(key.unpack()))
        shared.connect("changed::volume", lambda it, _: volumes.append(it.get("volume")))
        shared.watch()
        shared.update({"volume": 11, "other": 1})
        self.assertEqual(keys, [])  # not before the main loop runs
        self.until(lambda: len(keys) == 2)
        self.assertEqual((keys, volumes), (["volume", "other"], [11]))
        del shared["volume"]
        self.until(lambda: len(keys) == 3)
        self.assertEqual(volumes, [11, None])
        shared.unwatch()

    def test_a_value_notifies(self):
        shared, seen = Shmobj.Manager().value(None, 0), []
        shared.connect("notify::value", lambda it, _: seen.append(it.value))
        shared.watch()
        shared.value = "new"
        self.until(lambda: seen)
        self.assertEqual((seen, shared.props.value.unpack()), (["new"], "new"))
        with self.assertRaises(Shmobj.NotSupported):
            Shmobj.Manager().list().watch()

    def test_a_key_is_bound_to_a_property(self):
        shared, thing, failed = Shmobj.Manager().dict(), Thing(), []
        shared.update({"volume": 3, "names": []})
        shared.connect("bind-failed", lambda _, key, error: failed.append((key, error.domain)))
        shared.bind("volume", thing, "volume", Shmobj.BindFlags.DEFAULT)
        self.assertEqual(thing.volume, 3)
        shared.bind("names", thing, "names", Shmobj.BindFlags.DEFAULT)
        thing.volume = 4
        thing.names = ["a", "b"]
        self.assertEqual(shared.copy(), {"volume": 4, "names": ["a", "b"]})
        shared["volume"] = 5
        self.until(lambda: thing.volume == 5)
        shared["volume"] = "loud"
        self.until(lambda: failed)
        self.assertEqual((failed, thing.volume), ([("volume", "shmobj-error-quark")], 5))
        Shmobj.Dict.unbind(thing, "volume")
        thing.volume = 6
        self.assertEqual(shared["volume"], "loud")
        with self.assertRaises(ValueError):
            shared.bind("volume", thing, "nothing", Shmobj.BindFlags.GET)

    def test_a_key_is_an_action(self):
        shared, states = Shmobj.Manager().dict(), []
        with self.assertRaises(FileNotFoundError):
            shared.create_action("muted")
        shared.update({"muted": False, "volume": 1})
        muted, volume = shared.create_action("muted"), shared.create_action("volume")
        muted.connect("notify::state", lambda action, _: states.append(action.get_state().unpack()))
        muted.activate(None)
        volume.activate(GLib.Variant("x", 2))
        self.assertEqual((shared.copy(), states), ({"muted": True, "volume": 2}, [True]))
        del shared["muted"]
        self.until(lambda: not muted.get_enabled())


class Inherited(unittest.TestCase):
    def test_a_child_takes_what_it_was_passed(self):
        jobs = Shmobj.Queue()
        jobs.put("job")
        launcher = Gio.SubprocessLauncher.new(Gio.SubprocessFlags.NONE)
        jobs.pass_to(launcher, "jobs")
        child = launcher.spawnv([sys.executable, "-W", "error::DeprecationWarning", "-c", CHILD])
        child.wait_check(None)
        self.assertEqual(jobs.get(timeout=LONG), ["job", "seen"])


if __name__ == "__main__":
    unittest.main()
