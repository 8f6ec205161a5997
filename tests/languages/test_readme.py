# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs in README.md and on the pages of the documentation are run as they stand there."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

SOURCE = os.environ["SHMOBJ_SOURCE"]
BUILD = os.environ["SHMOBJ_BUILD"]


def blocks(page="README.md"):
    with open(os.path.join(SOURCE, page), encoding="utf-8") as file:
        return re.findall(r"^```(\w+)\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


def flags():
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(BUILD, "meson-uninstalled"))
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "shmobj-1"], env=env, capture_output=True, text=True, check=True)
    # in a tree built with sanitizers a program links only with them
    sanitize = ["-fsanitize=address,undefined"] if "libasan" in os.environ.get("LD_PRELOAD", "") else []
    return shlex.split(found.stdout) + sanitize


def run(command, where, env=None):
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(command, where):
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    run([*command, "-o", "program"], where, env)


def run_program(language, text, where):
    name = os.path.join(where, "program." + {"python": "py"}.get(language, language))
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    if language == "python":
        return run(["/usr/bin/python3", name], where)
    if language == "js":
        return run(["gjs", "-m", name], where)
    if language == "c":
        build(["gcc", "-Wall", "-Werror", name, *flags()], where)
    if language == "vala":
        build(["valac", "--vapidir", os.path.join(BUILD, "bindings", "vala"), "--pkg", "gio-unix-2.0", "--pkg", "shmobj-1", name,
               *("--Xcc=" + flag for flag in flags())], where)
    return run([os.path.join(where, "program")], where)


class Readme(unittest.TestCase):
    def test_four_languages_append_to_one_list(self):
        programs = [(language, text) for language, text in blocks() if "things to do" in text]
        self.assertEqual([language for language, _text in programs], ["python", "js", "vala", "c"])
        for round_number in range(2):
            for number, (language, text) in enumerate(programs, 1):
                with tempfile.TemporaryDirectory() as where:
                    self.assertEqual(run_program(language, text, where), f"{round_number * 4 + number} things to do\n", language)

    def test_multiprocessing_program(self):
        text, = [text for language, text in blocks() if language == "python" and "multiprocessing" in text]
        with tempfile.TemporaryDirectory() as where:
            self.assertEqual(run_program("python", text, where), "36\n")


class Pages(unittest.TestCase):
    def expect(self, page, *outputs):
        programs = blocks(f"libshmobj/docs/{page}.md")
        self.assertEqual(len(programs), len(outputs))
        for (language, text), output in zip(programs, outputs):
            with tempfile.TemporaryDirectory() as where:
                self.assertEqual(run_program(language, text, where), output)

    def test_javascript(self):
        self.expect("javascript", "2 done: a.png, b.png\n", "nothing to do\nnot yet\n", "1\n2\n3\n")

    def test_manager(self):
        undone = "None None\nnor does its handle lead anywhere\n"
        self.expect("manager", "1 11 ('user', 5)\n", "['sword']\n", "{'ada': 7, 'bob': 3} 1\n", undone, "['cheap']\n")

    def test_vala(self):
        self.expect("vala", "volume is 11\nnothing to do\n")


if __name__ == "__main__":
    unittest.main()
