# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pickles, for values that only Python knows. With multiprocessing's own reducers, so that whatever
can go through its queues can go through ours; without its pickler, which costs several times what
pickling a small object does."""

import copyreg
import io
import pickle
from multiprocessing.reduction import ForkingPickler

PROTOCOL = 5

loads = pickle.loads


def dumps(value):
    file = io.BytesIO()
    pickler = pickle.Pickler(file, PROTOCOL)
    # both may have grown since the last time
    pickler.dispatch_table = {**copyreg.dispatch_table, **ForkingPickler._extra_reducers}
    pickler.dump(value)
    return file.getvalue()
