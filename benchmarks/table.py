"""Print the table of what was measured, of the rows in `results/`, those of GPUs last.

Run: python benchmarks/table.py [--check README.md]; the check fails where a row of the README's
table is not one of these.
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
    for path in [*sorted(RESULTS.glob("*.json")), *sorted(RESULTS.glob("gpu/*.json"))]:
        name = path.relative_to(RESULTS).with_suffix("").as_posix()
        for row in json.loads(path.read_text()).get("readme") or ():
            lines.append(f"| {row['question']} | {row['figure']} | {name} |")
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
    other = [line for line in table_in(file.read_text()) if line not in measured]
    if not other:
        return 0
    print(f"{file} has rows that benchmarks/results does not:", *other, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
