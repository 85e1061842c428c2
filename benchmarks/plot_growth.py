"""Draw how seconds grow with accounts, positions, scenarios and contracts: `results/growth.json`.

Run: python benchmarks/plot_growth.py [FOLDER]; reads and writes there, `results` by default.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

PANELS = {
    "accounts": "accounts",
    "positions": "positions per account",
    "scenarios": "scenarios",
    "contracts": "contracts",
}
INK, PALE = "#1f4e79", "#b0b0b0"


def short(size):
    """A count as on an axis: 500, 20k, 1M."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size / unit:g}{letter}"
    return f"{size:g}"


def draw(axes, label, points, base):
    """Measured seconds by size; the pale line has slope one through the base, or the largest."""
    size = [point["size"] for point in points]
    seconds = [point["seconds"] for point in points]
    at = size.index(base) if base in size else len(size) - 1
    axes.loglog(size, [seconds[at] * n / size[at] for n in size], color=PALE, linewidth=1)
    axes.loglog(size, seconds, "o-", color=INK, markersize=4, linewidth=1.5)
    axes.set_xticks(size, [short(n) for n in size])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(labelsize=9)
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)


def held(base, left_out):
    """The sizes of the base that a panel keeps, in words; the last on a line of its own."""
    *first, last = (f"{short(base[name])} {name}" for name in PANELS if name != left_out)
    return f"{', '.join(first)},\n{last}"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results"
    content = json.loads((folder / "growth.json").read_text())
    base = content["base"]
    figure, panels = plt.subplots(1, 4, figsize=(11, 3), sharey=True, layout="constrained")
    for axes, (name, label) in zip(panels, PANELS.items(), strict=True):
        draw(axes, label, content[name], base[name])
        axes.set_title(held(base, name), fontsize=8, color="#555555")
    panels[0].set_ylabel("seconds")
    panels[-1].annotate(
        "pale: slope one", (0.97, 0.04), xycoords="axes fraction", ha="right", color="#808080",
        fontsize=8,
    )  # fmt: skip
    for kind in ("png", "svg"):
        figure.savefig(folder / f"growth.{kind}", dpi=150)


if __name__ == "__main__":
    main()
