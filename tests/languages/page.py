# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of the page Values, for tests that walk their rows; as a program, what prints its Vala column.

    page.py VALA-FILE      writes a Vala program that prints each cell of the column as a GVariant, a line each
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME, PYTHON, JAVASCRIPT, VALA, STORED, BUS = range(6)


def rows(heading):
    """The cells of the table below a heading of the page."""
    with open(os.path.join(ROOT, "libshmobj", "docs", "values.md"), encoding="utf-8") as file:
        section = file.read().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code(cell):
    assert cell[0] == cell[-1] == "`" and len(cell) > 2, cell
    return cell[1:-1]


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("void show (Variant value) {\n  stdout.printf (\"%s\\n\", value.print (true));\n}\n\nvoid main () {\n")
        for row in rows("What becomes what"):
            file.write(f"  show ({code(row[VALA])});\n")
        file.write("}\n")


if __name__ == "__main__":
    main()
