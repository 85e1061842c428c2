"""Pictures of a command's results."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmargin.errors import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_pictures"]


def save_pictures(draw: Callable[[], Mapping[str, "Figure"]], out: Path) -> list[str]:
    """Write each picture to the folder `out`, as PNG and SVG; a warning where none can be drawn.

    Args:
        draw: makes the figures, by name.
        out: the folder.

    Returns:
        Names of the files written.
    """
    from jaxmargin.report import print_plain

    written = []
    try:
        for name, figure in draw().items():
            for suffix in ("png", "svg"):
                figure.savefig(out / f"{name}.{suffix}", dpi=150)
                written.append(f"{name}.{suffix}")
    except InvalidInputError as error:
        print_plain([f"warning: {problem}" for problem in error.problems])
    return written
