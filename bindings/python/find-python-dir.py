#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the directory below a prefix where this Python looks for packages.

Debian's Python searches /usr/local/lib/python3.13/dist-packages, but what its sysconfig names for
that prefix is another one, so the search path itself is asked first.
"""

import sys
import sysconfig


def find(prefix):
    for path in sys.path:
        below = path.startswith(prefix.rstrip("/") + "/") and path.endswith("-packages")
        if below and (prefix != "/usr" or not path.startswith("/usr/local/")):
            return path
    return sysconfig.get_path("purelib", "posix_prefix", vars={"base": prefix})


if __name__ == "__main__":
    print(find(sys.argv[1]))
