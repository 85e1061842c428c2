"""Figures, where matplotlib is installed."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmargin.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["NARROW", "amount_scale", "name_rows", "new_figure", "plain_text", "save_picture"]

NARROW = 5.4  # inches: a column of a page, and a phone
_LONGEST = 26
_SCALES = ((1e9, 1e9, "billion "), (1e6, 1e6, "million "), (1e4, 1e3, "thousand "))


def new_figure(width: float, height: float, title: str) -> "Figure":
    """An empty figure of a size in inches; it draws without a display.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidInputError(
            "Pictures need matplotlib. Install it with: pip install 'jaxmargin[report]'."
        ) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title)
    return figure


def save_picture(figure: "Figure", path: Path) -> Path:
    """Write a figure as the suffix of `path` says, `.png` or `.svg`; the path.

    Text of an SVG stays text, which can be searched and copied; no time is written to it.

    Raises:
        InvalidInputError: another suffix.
    """
    if path.suffix not in (".png", ".svg"):
        raise InvalidInputError(f"{path}: a picture is .png or .svg; got {path.suffix!r}.")
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)
    return path


def name_rows(axes: "Axes", place: "np.ndarray", names: Iterable[object], label: str) -> None:
    """Finish a picture of one bar a row: a name at each place, a label and a grid below."""
    axes.set_yticks(place, [plain_text(name) for name in names])
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def plain_text(name: object) -> str:
    """A name as a label: no formula, no control characters, one line, and not too long."""
    from jaxmargin.report._words import short_name

    return short_name(name, _LONGEST).replace("$", r"\$")


def amount_scale(largest: float) -> tuple[float, str]:
    """What to divide amounts by for an axis, and its word with a space behind; 1 and none."""
    for least, scale, word in _SCALES:
        if largest >= least:
            return scale, word
    return 1.0, ""
