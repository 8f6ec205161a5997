# SPDX-License-Identifier: LGPL-2.1-or-later
"""A producer in each language starts a consumer in each language, which gets its queue by inheritance
(bindings/examples/*/producer and consumer)."""

import subprocess
import unittest

from examples import commands


class Producers(unittest.TestCase):
    pass


def add_pair(producer, consumer):
    def test(self):
        command = commands("producer")[producer] + commands("consumer")[consumer]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "".join(f"{consumer}: job {i} from {producer}\n" for i in (1, 2, 3)))

    setattr(Producers, f"test_{producer}_to_{consumer}", test)


for _producer in commands(""):
    for _consumer in commands(""):
        add_pair(_producer, _consumer)


if __name__ == "__main__":
    unittest.main()
