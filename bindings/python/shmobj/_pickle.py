# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pickles, for values that only Python knows. As multiprocessing makes them, so that whatever can
go through its queues can go through ours."""

import io
import pickle
from multiprocessing.reduction import ForkingPickler

PROTOCOL = 5

loads = pickle.loads


def dumps(value):
    file = io.BytesIO()
    ForkingPickler(file, PROTOCOL).dump(value)
    return file.getvalue()
