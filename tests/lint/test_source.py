# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the source must look like. Each case names every offender with its line."""

import os
import re
import shutil
import subprocess
import unittest

ROOT = os.environ.get("SHMOBJ_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOORS = ["base", "objects", "manager", "bus"]
CODE = (".c", ".h", ".cpp", ".py", ".js", ".vala")
LINES = 800
TEST_LINES = 600
FUNCTION_LINES = 60


def all_files():
    """Every file of the project, by its path from the top; without git (a tarball), all but what is built."""
    try:
        names = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True,
                               text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _below, files in os.walk(ROOT) for name in files]
    return sorted(name for name in names if name and not re.match(r"(build[^/]*|\.git)/|.*__pycache__/", name)
                  and os.path.isfile(os.path.join(ROOT, name)))


def text_of(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def lines_of(name):
    return enumerate(text_of(name).splitlines(), 1)


def is_script(name):
    with open(os.path.join(ROOT, name), "rb") as file:
        return file.read(2) == b"#!"


class Source(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.files = all_files()
        cls.code = [name for name in cls.files if name.endswith(CODE) and os.path.getsize(os.path.join(ROOT, name)) > 0]
        cls.library = [name for name in cls.code if name.startswith("libshmobj/")]
        cls.scripts = [name for name in cls.files if is_script(name)]
        assert len(cls.library) > 5, "no sources found: is this the project?"

    def expect_none(self, offenders, rule):
        if offenders:
            self.fail(rule + ":\n  " + "\n  ".join(offenders))

    def find(self, names, pattern, flags=0):
        found = re.compile(pattern, flags)
        return [f"{name}:{number}: {line.strip()}" for name in names for number, line in lines_of(name) if found.search(line)]

    def test_includes_point_to_own_floor_or_below(self):
        offenders = []
        for name in self.library:
            floor = name.split("/")[1]
            for number, line in lines_of(name):
                match = re.match(r'#\s*include\s+"([^"/]+)/', line)
                if match and floor in FLOORS and match[1] in FLOORS and FLOORS.index(match[1]) > FLOORS.index(floor):
                    offenders.append(f"{name}:{number}: {line}")
        self.expect_none(offenders, "a floor includes only itself and what is below (base < objects < manager < bus)")

    def test_includes_are_written_with_their_floor(self):
        plain = {"shmobj.h", "shmobj-version-macros.h"}
        offenders = []
        for name in self.library:
            for number, line in lines_of(name):
                match = re.match(r'#\s*include\s+"([^"]+)"', line)
                if not match or match[1] in plain:
                    continue
                if match[1].split("/")[0] not in FLOORS or "/" not in match[1]:
                    offenders.append(f"{name}:{number}: {line}")
        self.expect_none(offenders, 'write #include "floor/file.h"')

    def test_base_knows_no_objects_and_no_main_loop(self):
        base = [name for name in self.library if name.startswith("libshmobj/base/")]
        words = r"\b(G_DEFINE_\w*TYPE|G_DECLARE_\w+|g_object_\w+|g_main_context_\w+|g_main_loop_\w+|g_dbus_\w+|g_signal_\w+|g_task_\w+)\b"
        self.expect_none(self.find(base, words), "base is plain C over the kernel")

    def test_no_marker_of_unfinished_work(self):
        self.expect_none(self.find(self.code + self.scripts, r"(//|/\*|\*|#|;)\s*(TODO|FIXME|XXX|HACK)\b"), "finish it")

    def test_no_goto(self):
        self.expect_none(self.find([name for name in self.code if name.endswith((".c", ".h"))], r"^\s*goto\s+\w+;"), "no goto")

    def test_licence_is_named(self):
        offenders = [name for name in set(self.code + self.scripts)
                     if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for _n, line in list(lines_of(name))[:4])]
        self.expect_none(sorted(offenders), "say SPDX-License-Identifier: LGPL-2.1-or-later in the first lines")

    def test_no_file_is_too_long(self):
        offenders = []
        for name in set(self.code + self.scripts):
            length = text_of(name).count("\n")
            limit = TEST_LINES if os.path.basename(name).startswith(("test-", "test_")) else LINES
            if length > limit:
                offenders.append(f"{name}: {length} lines, {limit} are allowed")
        self.expect_none(sorted(offenders), "which concept inside wants a file of its own?")

    def test_no_function_is_too_long(self):
        offenders = []
        for name in self.code:
            if not name.endswith(".c") or not name.startswith(("libshmobj/", "tools/", "bindings/")):
                continue
            start = None
            for number, line in lines_of(name):
                if line.startswith("{"):
                    start = number
                elif line.startswith("}") and start is not None:
                    if number - start > FUNCTION_LINES:
                        offenders.append(f"{name}:{start}: {number - start} lines")
                    start = None
        self.expect_none(offenders, f"functions end within {FUNCTION_LINES} lines")

    def test_white_space(self):
        text = [name for name in self.files if name.endswith(CODE + (".build", ".md", ".xml")) or name in self.scripts]
        offenders = self.find(text, r"[ \t]+$|\t")
        offenders += [f"{name}: no newline at the end" for name in text if text_of(name)[-1:] not in ("", "\n")]
        self.expect_none(offenders, "no tabs, no blanks at the end of a line, a newline at the end of a file")

    def test_no_path_of_one_machine(self):
        ours = [name for name in self.code + self.scripts + [name for name in self.files if name.endswith((".build", ".md"))]
                if name != "tests/lint/test_source.py"]
        self.expect_none(self.find(ours, r"(?<![\w.])/(work|root|home)/\w"), "this path is on one machine only")

    def test_public_headers_keep_their_form(self):
        offenders = []
        for name in self.library:
            if not re.match(r"libshmobj/\w+/shmobj-[^/]*\.h$", name):
                continue
            text = text_of(name)
            if "Only <shmobj.h> can be included directly." not in text:
                offenders.append(f"{name}: no guard against being included directly")
            if "#pragma once" not in text:
                offenders.append(f"{name}: no #pragma once")
        self.expect_none(offenders, "as in libshmobj/base/shmobj-error.h")

    def test_scripts_parse(self):
        offenders = []
        for name in self.scripts:
            if "bash" in text_of(name).splitlines()[0]:
                parsed = subprocess.run(["bash", "-n", os.path.join(ROOT, name)], capture_output=True, text=True, check=False)
                if parsed.returncode:
                    offenders.append(parsed.stderr.strip())
            elif "python" in text_of(name).splitlines()[0]:
                compile(text_of(name), name, "exec")
        self.expect_none(offenders, "bash -n")

    def test_scripts_can_be_run(self):
        self.expect_none([name for name in self.scripts if not os.access(os.path.join(ROOT, name), os.X_OK)], "chmod +x")

    def test_readme_draws_every_folder_of_the_library(self):
        readme = text_of("README.md")
        folders = {name.split("/")[1] for name in self.files if name.startswith("libshmobj/") and name.count("/") > 1}
        self.expect_none([f"libshmobj/{folder}" for folder in sorted(folders) if not re.search(rf"\b{folder}/", readme)],
                         "the map in README.md names each folder")


def clang_format():
    """The version that .clang-format is written for, if it is here; others lay the same code out otherwise."""
    for program in filter(None, map(shutil.which, ("clang-format-14", "clang-format"))):
        if " 14." in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout:
            return program
    return None


if clang_format():

    class Format(unittest.TestCase):
        def test_c_is_formatted(self):
            names = [name for name in all_files() if name.endswith((".c", ".h"))]
            checked = subprocess.run([clang_format(), "--dry-run", "-Werror", *names], cwd=ROOT, capture_output=True, text=True, check=False)
            offenders = sorted({line.split(":")[0] for line in checked.stderr.splitlines() if "clang-format-violations" in line})
            self.assertEqual(offenders, [], "clang-format -i")


if __name__ == "__main__":
    unittest.main()
