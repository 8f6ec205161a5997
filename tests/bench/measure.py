# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what rows.py names: ours and the peers of a row in turn, round after round.

These machines go through fast and slow phases, so what is compared is measured side by side: a ratio is the
median of the ratios of single rounds, and every other round goes the other way about. A program prints one
number, or an object of numbers in JSON; a peer whose program is not there or fails is named and left out."""

import json
import os
import signal
import statistics
import subprocess
import tempfile
import time

import rows

TIME_LIMIT = 60
ROW_SECONDS = 5  # after which no further round begins, when two are done
NOT_INSTALLED = "not installed"


class Missing(Exception):
    """A program that is not there, or that cannot do what we asked."""


class Tree:
    """The source and a build of it."""

    def __init__(self, source, build):
        self.source, self.build = source, build
        self.programs = os.path.join(build, "tests", "bench")

    def command(self, program, quick=False):
        name, *arguments = program
        if quick and isinstance(arguments[-1], int) and arguments[-1] >= 1000:
            arguments[-1] //= 5
        start = [os.path.join(self.programs, name)]
        if name.endswith((".py", ".js")):
            interpreter = ["python3"] if name.endswith(".py") else ["gjs", "-m"]
            start = [os.path.join(self.source, "tools", "run"), *interpreter, os.path.join(self.source, "tests", "bench", name)]
        elif not os.path.exists(start[0]):
            raise Missing(NOT_INSTALLED)
        elif name == "bench-bus":
            start = [os.path.join(self.source, "tests", "with-bus"), *start]
        return start + [str(argument) for argument in arguments]

    def run(self, command):
        """What the program printed, as text. It and all its children are gone afterwards, and so are managers with a
        name, which are its own."""
        with tempfile.TemporaryDirectory(prefix="shmobj-bench-", dir="/dev/shm") as folder:
            return self.run_in(folder, command)

    def run_in(self, folder, command):
        libraries = ":".join([f"{self.build}/libshmobj", *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
                                   env={**os.environ, "SHMOBJ_BUILD": self.build, "LD_LIBRARY_PATH": libraries,
                                        "XDG_RUNTIME_DIR": folder})
        try:
            out, err = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            out, err = "", f"took more than {TIME_LIMIT} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        if process.returncode != 0 or not out.strip():
            raise Missing((err.strip().splitlines() or ["it failed"])[-1])
        return out, err


class Side:
    """Ours, or one peer: what each round gave."""

    def __init__(self, name, program):
        self.name, self.program, self.rounds, self.trouble = name, program, [], None

    def measure(self, tree, quick):
        if self.trouble is None:
            try:
                printed = json.loads(tree.run(tree.command(self.program, quick))[0])
                self.rounds.append(printed if isinstance(printed, dict) else {"ns": printed})
            except (Missing, ValueError) as trouble:
                self.trouble = str(trouble)

    def values(self, what):
        return [one[what] for one in self.rounds if what in one]

    def median(self, what):
        """None, if that was not measured."""
        values = self.values(what)
        return statistics.median(values) if values and self.trouble is None else None

    def spread(self, what):
        """Half of the distance between the quartiles, in parts of the median."""
        values = self.values(what)
        if len(values) < 3 or not statistics.median(values):
            return 0
        low, _middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / 2 / statistics.median(values)


def in_unit(value, unit):
    """Nanoseconds, or what else a program counts, as the table shows it."""
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "%": 0.01}
    return 1e3 / max(value, 1e-6) if unit == "M/s" else value / scale.get(unit, 1)


def ratio_of(ours, peer, row, beside):
    """The median over the rounds that both have."""
    pairs = [(mine, other) for mine, other in zip(ours.values(row.takes), peer.values(row.takes)) if mine and other]
    if not pairs or ours.trouble or peer.trouble:
        return None
    return statistics.median(other / mine if beside.ratio == rows.FASTER else mine / other for mine, other in pairs)


def verdict(value, at_least, aim, floor=None):
    """met, not met, or enough: not what we aim at, but what must hold."""
    if aim is None or value is None:
        return None
    holds = (lambda limit: value >= limit) if at_least else (lambda limit: value <= limit)
    return "met" if holds(aim) else "enough" if floor is not None and holds(floor) else "not met"


def side_result(side, row):
    """What is written down of either side, in the units of the table."""
    result = {"name": side.name}
    if side.trouble:
        return {**result, "missing": side.trouble}
    result.update(value=in_unit(side.median(row.takes), row.unit), spread=side.spread(row.takes),
                  rounds=[in_unit(value, row.unit) for value in side.values(row.takes)])
    for key, of, scale in (("p99_us", "p99_ns", 1e-3), ("cpu_s_per_million", "cpu_ns", 1e-3),
                           ("sleeps_per_million", "sleeps", 1e6)):
        if side.median(of) is not None:
            result[key] = side.median(of) * scale
    return result


def measure_row(tree, row, rounds, quick, known):
    """@known: what earlier rows of the section measured, for those that look at another number of it."""
    ours = known.get(row.ours) if row.limit is not None else None
    sides = [ours or Side("ours", row.ours), *(Side(beside.name, beside.program) for beside in row.besides)]
    started = time.monotonic()
    for i in range(rounds):
        if i >= 2 and time.monotonic() - started > ROW_SECONDS:
            break
        for side in sides if i % 2 == 0 else reversed(sides):
            if side is not ours:
                side.measure(tree, quick)
    known[row.ours] = sides[0]
    result = {"name": row.what, "unit": row.unit, "ours": side_result(sides[0], row), "peers": []}
    for side, beside in zip(sides[1:], row.besides):
        ratio = ratio_of(sides[0], side, row, beside)
        result["peers"].append({**side_result(side, row), "ratio": ratio, "ratio_means": beside.ratio, "aim": beside.aim,
                                "must": beside.floor if beside.floor is not None else beside.aim,
                                "met": verdict(ratio, beside.ratio == rows.FASTER, beside.aim, beside.floor)})
    if row.limit is not None:
        at_least, limit = row.limit
        result.update(aim=limit, aim_means="at least" if at_least else "at most",
                      met=verdict(result["ours"].get("value"), at_least, limit))
    return result


def counted(tree, command):
    _out, err = tree.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command])
    return next(int(line.split(":")[1]) for line in err.splitlines() if "Collected" in line)


def instructions(tree, program):
    """What a round more costs: the difference of two runs, so that starting is not counted."""
    *start, n = tree.command(program)
    n = int(n)
    once, thrice = counted(tree, [*start, str(n)]), counted(tree, [*start, str(3 * n)])
    return round((thrice - once) / (2 * n + 2 * n // 8))  # 1/8 goes before, uncounted by the clock
