# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `from gi.repository import Shmobj` gives in Python beyond what introspection does.

Plain Python values go in and out, time-outs are in seconds, errors are classes that are also the
standard ones, and what is like a queue, a lock, a list or a dict behaves like Python's. The work is
in the package shmobj beside this; what is called often is done by the extension _shmobj, if there is
one (SHMOBJ_PYTHON_NO_EXT=1 does without).
"""

import os

from gi.module import get_introspection_module

from shmobj import _classes, _errors

try:
    if os.environ.get("SHMOBJ_PYTHON_NO_EXT"):
        raise ImportError("asked not to")
    from gi.overrides import _shmobj
except ImportError:
    _shmobj = None

_module = get_introspection_module("Shmobj")
_classes.adapt(_module, _shmobj)

__all__ = []
for _class in _errors.CLASSES:
    globals()[_class.__name__] = _class
    __all__.append(_class.__name__)
