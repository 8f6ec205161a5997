# SPDX-License-Identifier: LGPL-2.1-or-later
"""How to start the program of a name in bindings/examples, in each language."""

import os

EXAMPLES = os.path.join(os.environ["SHMOBJ_SOURCE"], "bindings", "examples")
BUILT = os.path.join(os.environ["SHMOBJ_BUILD"], "bindings", "examples")


def commands(name):
    return {
        "C": [os.path.join(BUILT, "c", name)],
        "Vala": [os.path.join(BUILT, "vala", name)],
        "Python": ["/usr/bin/python3", os.path.join(EXAMPLES, "python", name + ".py")],
        "JavaScript": ["gjs", "-m", os.path.join(EXAMPLES, "javascript", name + ".js")],
    }
