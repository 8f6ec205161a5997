# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example with a list view shows what is in the list, as a screen of Xvfb proves.

Nobody reads the letters: each text is shown alone first, and the picture of it is kept. Then the rows of any screen are
told apart by white lines between them, and each is looked up among the pictures."""

import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from examples import EXAMPLES

LONG = 60
TEXTS = ("alpha", "beta", "gamma", "delta", "a row that is long")
LOOKS = 5
WIDTH, HEIGHT = 320, 480  # as the window, which has no title where there is no window manager


class Screen:
    """An X server without a screen, which has its picture in a file."""

    def __init__(self, folder):
        reading, writing = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-nocursor", "-nolisten", "tcp", "-screen", "0", f"{WIDTH}x{HEIGHT}x24",
             "-fbdir", folder], pass_fds=(writing,), stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self.display = ":" + pipe.readline().strip()
        with open(os.path.join(folder, "Xvfb_screen0"), "rb") as file:
            self.picture = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        header = struct.unpack(">25I", self.picture[:100])
        self.start, self.line_bytes = header[0] + 12 * header[19], header[12]

    def lines(self):
        """Each line of the picture, as what is dark in it."""
        whole = self.picture[self.start:]
        for y in range(HEIGHT):
            line = whole[y * self.line_bytes:y * self.line_bytes + 4 * WIDTH]
            yield bytes(value < 128 for value in line[1::4])  # green

    def rows(self):
        """The pictures of all rows: lines with something dark in them that follow each other."""
        rows, row = [], []
        for line in self.lines():
            if any(line):
                row.append(line)
            elif row:
                rows.append(tuple(row))
                row = []
        return rows + [tuple(row)] if row else rows

    def close(self):
        self.picture.close()
        self.server.terminate()
        self.server.wait()


class ListView(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.screen = Screen(folder)
        self.addCleanup(self.screen.close)
        self.rows = Shmobj.Manager.new("session").list("rows")
        self.rows.clear()
        self.texts = {}
        environment = dict(os.environ, DISPLAY=self.screen.display, GDK_BACKEND="x11", GSK_RENDERER="cairo", GTK_A11Y="none",
                           GTK_THEME="Adwaita", GSETTINGS_BACKEND="memory", DBUS_SESSION_BUS_ADDRESS="disabled:",
                           XDG_CACHE_HOME=folder, XDG_CONFIG_HOME=folder, G_DEBUG="")
        environment.pop("WAYLAND_DISPLAY", None)
        self.window = subprocess.Popen(["/usr/bin/python3", os.path.join(EXAMPLES, "python", "list_view.py")], env=environment)
        self.addCleanup(self.window.wait)
        self.addCleanup(self.window.send_signal, signal.SIGTERM)
        self.expect()

    def until(self, holds, what):
        """The window draws when it comes to it."""
        late = time.monotonic() + LONG
        while not holds():
            self.assertIsNone(self.window.poll(), "the window is gone")
            self.assertLess(time.monotonic(), late, what())
            time.sleep(0.02)

    def shown(self):
        return [self.texts.get(row, "?") for row in self.screen.rows()]

    def expect(self, *texts):
        self.until(lambda: self.shown() == list(texts), lambda: f"{self.shown()} is shown, not {list(texts)}")
        self.assertEqual(list(self.rows), list(texts))

    def learn(self, text):
        """One that stays the same for some looks: it is not half drawn."""
        looks = []

        def is_there():
            looks.append(self.screen.rows())
            last = looks[-LOOKS:]
            return len(last) == LOOKS and all(rows == last[0] and len(rows) == 1 for rows in last)

        self.rows.append(text)
        self.until(is_there, lambda: f"{text} is not shown alone")
        self.assertNotIn(looks[-1][0], self.texts)
        self.texts[looks[-1][0]] = text
        self.rows.clear()
        self.expect()

    def test_shows_what_is_in_the_list(self):
        for text in TEXTS:
            self.learn(text)
        self.rows.extend(["beta", "alpha"])
        self.expect("beta", "alpha")
        self.rows.insert(1, "gamma")
        self.rows.append("a row that is long")
        self.expect("beta", "gamma", "alpha", "a row that is long")
        del self.rows[0]
        self.rows[1] = "delta"
        self.expect("gamma", "delta", "a row that is long")
        self.rows.reverse()
        self.expect("a row that is long", "delta", "gamma")

    def test_shows_what_other_processes_do(self):
        for text in TEXTS[:3]:
            self.learn(text)
        pid = os.fork()
        if pid == 0:
            rows = Shmobj.Manager.new("session").list("rows")
            for _ in range(300):
                rows.append("alpha")
                rows.insert(0, "beta")
                del rows[0]
                rows.pop()
            rows.extend(["gamma", "alpha"])
            os._exit(0)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.expect("gamma", "alpha")


if __name__ == "__main__":
    unittest.main()
