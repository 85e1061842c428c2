"""Print the README's table of what was measured, of the rows in `results/*.json`.

Run: python benchmarks/table.py [--check README.md]; the check fails where the README's table is
another.
"""

import argparse
import json
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
HEADER = ["| question | figure | file |", "|---|---|---|"]


def table():
    """The lines of the table, by file name."""
    lines = list(HEADER)
    for path in sorted(RESULTS.glob("*.json")):
        for row in json.loads(path.read_text()).get("readme", ()):
            lines.append(f"| {row['question']} | {row['figure']} | {path.stem} |")
    return lines


def table_in(text):
    """The lines of the table in `text`, from its header to the next blank line; none without."""
    lines = text.splitlines()
    if HEADER[0] not in lines:
        return []
    lines = lines[lines.index(HEADER[0]) :]
    return lines[: lines.index("")] if "" in lines else lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare with the table in FILE")
    file = parser.parse_args().check
    measured = table()
    if file is None:
        print("\n".join(measured))
        return 0
    written = table_in(file.read_text())
    if written == measured:
        return 0
    print(f"{file} has another table than benchmarks/results (- {file}, + results):")
    print("\n".join(f"- {line}" for line in written if line not in measured))
    print("\n".join(f"+ {line}" for line in measured if line not in written))
    if sorted(written) == sorted(measured):
        print("the same rows in another order")
    return 1


if __name__ == "__main__":
    sys.exit(main())
