# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages of a queue that stay on record until they are done.

    with queue.receive() as message:
        work_on(message.value)

The end of the block says that the message is done; an exception gives it back to the queue, for
another reader, and so does the death of the process."""

from . import _carrying, _errors, _pickle


def methods(module):
    kinds = module.MessageKind

    class Methods:
        allow_pickle = False

        @property
        def value(self):
            """What was put."""
            kind = self.get_kind()
            if kind == kinds.VALUE:
                return _carrying.message_value(self)
            data = self.get_bytes().get_data() or b""
            if kind == kinds.BYTES:
                return data
            if not self.allow_pickle:
                raise _errors.Incompatible(
                    f"The message is a Python pickle of {len(data)} bytes, and allow_pickle is not set for its queue"
                )
            return _pickle.loads(data)

        @property
        def fds(self):
            """The numbers of the descriptors that came with it. They are closed with the message; whoever
            wants to keep some copies them, or takes all: message.get_fd_list().steal_fds()."""
            fds = self.get_fd_list()
            return list(fds.peek_fds()) if fds else []

        @property
        def redelivered(self):
            """How often it was given back, or left by a reader that died."""
            return self.get_redelivered()

        def __enter__(self):
            return self

        def __exit__(self, kind, *_):
            if kind is None:
                self.done()
            else:
                self.give_back()

    return Methods


def queue_methods(cls):
    receive, receive_finish = cls.receive, cls.receive_finish

    class Queue:
        def receive(self, timeout=None, cancellable=None):
            """Takes the next message into this process's hands, until it is done or given back."""
            message = receive(self, timeout, cancellable)
            message.allow_pickle = self.allow_pickle
            return message

        def receive_finish(self, result):
            """What receive_async() with a callback came to."""
            message = receive_finish(self, result)
            message.allow_pickle = self.allow_pickle
            return message

    return Queue
