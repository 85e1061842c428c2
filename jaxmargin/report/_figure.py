"""Figures, where matplotlib is installed."""

from typing import TYPE_CHECKING

from jaxmargin.errors import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_figure"]


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
    figure.suptitle(title)
    return figure
