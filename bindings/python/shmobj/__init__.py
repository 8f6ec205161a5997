# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python's side of libshmobj.

``from gi.repository import Shmobj`` gives the library itself; ``from shmobj import
multiprocessing`` is for programs that were written for the standard module of that name.
"""
