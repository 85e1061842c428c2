"""Colors of pictures and pages: told apart by people who see colors differently, light and dark."""

__all__ = ["DARK", "LIGHT", "SERIES", "mixed"]

LIGHT = {
    "background": "#ffffff",
    "panel": "#f5f7f9",
    "line": "#d5dbe1",
    "text": "#1a1f25",
    "quiet": "#566069",
    "link": "#0a5ea8",
    "good": "#0b6b3a",
    "warn": "#8a4b00",
    "bad": "#b3201b",
    # the hues of Okabe, M. and Ito, K. (2008), "Color Universal Design", where they reach 3:1
    "series-0": "#0072b2",
    "series-1": "#cc79a7",
    "series-2": "#009e73",
    "series-3": "#d55e00",
    "series-4": "#3b1f6b",
    "series-5": "#5a3d00",
}
DARK = {
    "background": "#14181d",
    "panel": "#1d2229",
    "line": "#39424c",
    "text": "#e7ebef",
    "quiet": "#a7b1bb",
    "link": "#7cbcff",
    "good": "#62d08f",
    "warn": "#f2b34c",
    "bad": "#ff8c82",
    "series-0": "#56a4ff",
    "series-1": "#c2609f",
    "series-2": "#2e9e6b",
    "series-3": "#ff8a3c",
    "series-4": "#d6c8ff",
    "series-5": "#f0e68c",
}
SERIES = tuple(color for name, color in LIGHT.items() if name.startswith("series-"))


def mixed(colors: dict[str, str], share: float) -> str:
    """A shade between a theme's text, share 0, and its background, share 1."""
    text, background = (
        [int(colors[name][at : at + 2], 16) for at in (1, 3, 5)] for name in ("text", "background")
    )
    parts = (round(t + share * (b - t)) for t, b in zip(text, background, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)
