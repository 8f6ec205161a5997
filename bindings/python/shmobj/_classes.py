# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which class gets which methods. The order matters: first all that introspection found is
translated (shmobj._wrap), then come the protocols of Python, then what makes them fast."""

import gi
from gi.repository import Gio, GLib, GObject

from . import _asyncio, _barrier, _cancelling, _carrying, _connection, _containers, _errors, _listener, _loan, _locks, _manager
from . import _memory, _message, _queue, _sharing, _values, _wrap


def _add(cls, methods):
    """Puts what a plain class defines into an introspected one."""
    for base in reversed(methods.__mro__[:-1]):
        for name, member in vars(base).items():
            if name not in ("__module__", "__dict__", "__weakref__", "__doc__"):
                setattr(cls, name, member)


def _introspected(module):
    for name in dir(module):
        thing = getattr(module, name)
        if isinstance(getattr(thing, "__info__", None), (gi._gi.ObjectInfo, gi._gi.InterfaceInfo)):
            yield thing
    yield module.Message


def _init(self, *args, **kwargs):
    """Properties by keyword. The object is made at once, not by its first method: a child forked in
    between would else make one of its own."""
    GObject.Object.__init__(self, *args, **kwargs)
    try:
        self.init(None)
    except GLib.Error as error:
        raise _errors.from_gerror(error) from None


def adapt(module, extension):
    _values.CONTAINER = module.Container
    _wrap.RAISE_INTERRUPT = extension.raise_interrupt if extension else None
    for cls in _introspected(module):
        _wrap.wrap_class(cls)
        if issubclass(cls, Gio.Initable):
            cls.__init__ = _init
        if issubclass(cls, module.Shareable):
            cls.__reduce__ = _sharing.reduce
        if "close" in vars(cls):
            cls.close = _sharing.closing(cls.close)

    _cancelling.POLL = module.Connection.poll

    def give(cls, common, plain):
        # the extension's methods first: what is in common may build on them
        if extension:
            extension.add_methods(cls, cls.__name__)
        else:
            _add(cls, plain(cls))
        _add(cls, common)

    give(module.Queue, _queue.methods(module.Queue), _queue.plain_methods)
    _add(module.Message, _message.methods(module))
    _add(module.Queue, _message.queue_methods(module.Queue))
    _add(module.Queue, _asyncio.queue_methods(module.Queue))
    give(module.Connection, _connection.Methods, _connection.plain_methods)
    _add(module.Connection, _carrying.methods(module.Connection))
    _add(module.Connection, _asyncio.connection_methods(module.Connection))
    module.Connection.new_for_name = _listener.call(module.Connection)
    _add(module.Listener, _listener.Methods)
    _add(module.Listener, _asyncio.listener_methods(module.Listener))
    give(module.Lock, _locks.LockMethods, _locks.plain_lock_methods)
    _containers.LIST, _containers.DICT, _containers.OPEN_FLAGS = module.List, module.Dict, module.OpenFlags
    _containers.RAW_WAIT, _containers.RAW_WAIT_ASYNC = module.Container.wait, module.Container.wait_async
    give(module.List, _containers.ListMethods, _containers.plain_list_methods)
    give(module.Dict, _containers.DictMethods, _containers.plain_dict_methods)
    _containers.register(module.List, module.Dict)
    give(module.Value, _containers.ValueMethods, lambda _: _containers.PlainWaiting)
    _add(module.Item, _containers.ItemMethods)
    _add(module.Manager, _manager.methods(module))
    give(module.Event, _locks.EventMethods, _locks.plain_event_methods)
    give(module.Condition, _locks.condition_methods(module), _locks.plain_condition_methods)
    _add(module.Lock, _asyncio.lock_methods(module.Lock))
    _add(module.Event, _asyncio.event_methods(module.Event))
    _add(module.Barrier, _barrier.methods(module.Barrier))
    give(module.Semaphore, _locks.SemaphoreMethods, _locks.plain_semaphore_methods)
    _add(module.Semaphore, _asyncio.lock_methods(module.Semaphore))
    _add(module.Condition, _asyncio.condition_methods(module.Condition))

    loan = module.Loan
    _add(loan, _loan.Methods)
    _add(loan, _loan.extension_methods(extension.view) if extension else _loan.plain_methods(loan))
    _add(module.Queue, _loan.queue_methods(module.Queue, loan))
    memory = module.SharedMemory
    _add(memory, _memory.Methods)
    _add(memory, _memory.extension_methods(extension.view) if extension else _memory.plain_methods(memory))
