"""A figure as SVG within a page: text as text, colors as variables of the page."""

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from jaxmargin.report._colors import LIGHT, SERIES, mixed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["gray_variables", "inline_svg"]

_NAMES = {color: name for name, color in LIGHT.items() if name.startswith(("series-", "bad"))}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_FAMILY = re.compile(r"font-family:[^;]*;?|(?<=px) '[^;]*")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_KEPT = {"svg", "g", "path", "defs", "use", "text", "tspan", "clipPath", "rect"}
_GRAYS = range(0, 256, 5)
_ROOM = 0.94  # of the room that letters of the layout would fill: the page has other ones


def inline_svg(draw: Callable[[], "Figure"], *, name: str, title: str, description: str) -> str:
    """The SVG of a figure to stand in a page; every text in it is escaped.

    Without metadata, styles and identifiers that could clash with the page or other figures.
    Series' colors become `var(--series-0)` and so on, shades of gray `var(--gray-000)`.

    Args:
        draw: makes the figure.
        name: of the figure, unique in the page: letters and hyphens.
        title: for people who do not see it.
        description: likewise, what it shows.
    """
    with _page_style(name):
        file = io.BytesIO()
        figure = draw()
        _wrap_labels(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    _clean(root, name)
    for tag in ("width", "height", "version"):
        root.attrib.pop(tag, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-description"}
    root.attrib["style"] = "fill: var(--gray-000)"  # what has no color of its own is black
    for place, (tag, kind, text) in enumerate(
        (("title", "title", title), ("desc", "description", description))
    ):
        element = ElementTree.Element(tag, id=f"{name}-{kind}")
        element.text = text
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode")


def gray_variables(colors: dict[str, str]) -> dict[str, str]:
    """Shades between text and background of a theme, by the gray that they stand for."""
    return {f"gray-{gray:03d}": mixed(colors, gray / 255) for gray in _GRAYS}


@contextmanager
def _page_style(name: str) -> Iterator[None]:
    """What figures of a page have in common; glyphs that the layout lacks the reader may have."""
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    style: dict[Any, Any] = {
        "axes.prop_cycle": cycler(color=SERIES),
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 10.5,
        "axes.titlesize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.6,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.facecolor": "none",
        "legend.edgecolor": "none",
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _wrap_labels(figure: "Figure") -> None:
    """Break labels under and above axes that would reach beyond the figure."""
    figure.draw_without_rendering()  # only the layout knows how wide axes are
    whole = figure.bbox.width
    for axes in figure.axes:
        for label in (axes.xaxis.label, axes.title):
            box = label.get_window_extent()
            middle = 0.5 * (box.x0 + box.x1)
            room = _ROOM * 2.0 * min(middle, whole - middle)
            if box.width > room > 0.0:
                letters = max(8, int(len(label.get_text()) * room / box.width))
                label.set_text(textwrap.fill(label.get_text(), letters))


def _clean(root: ElementTree.Element, name: str) -> None:
    """Keep only shapes and text, in place, with colors and identifiers of the page."""
    used = set()
    for parent in list(root.iter()):
        parent.tag = _bare(parent.tag)
        for child in list(parent):
            if _bare(child.tag) not in _KEPT:
                parent.remove(child)
        for key in list(parent.attrib):
            value = parent.attrib.pop(key)
            if _bare(key) == "href":
                value = f"#{name}-{value[1:]}"
                used.add(value[1:])
            used |= {f"{name}-{target}" for target in _REFERENCE.findall(value)}
            value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
            if key == "style":
                value = _font(_COLOR.sub(_variable, value))
            elif key == "id":
                value = f"{name}-{value}"
            elif key in ("fill", "stroke"):
                value = _COLOR.sub(_variable, value)
            elif key in ("d", "x", "y", "transform"):
                value = _LONG.sub(lambda number: f"{float(number[0]):.2f}", value)
            parent.attrib[_bare(key)] = value
    for element in root.iter():
        if element.attrib.get("id") not in used:
            element.attrib.pop("id", None)
        element.tail = None if not (element.tail or "").strip() else element.tail
        if element.tag not in ("text", "tspan", "title", "desc"):
            element.text = None


def _font(style: str) -> str:
    """A style with the font of the page."""
    return _FAMILY.sub(lambda found: " var(--font)" if found[0].startswith(" ") else "", style)


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


def _variable(found: re.Match[str]) -> str:
    """The variable for a color of the light theme; shades of gray to the nearest of `_GRAYS`."""
    color = found[0].lower()
    if color in _NAMES:
        return f"var(--{_NAMES[color]})"
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    if red == green == blue:
        return f"var(--gray-{5 * round(red / 5):03d})"
    return color
