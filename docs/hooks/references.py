"""Links: a public name in code, `Market` or `margin.apply_tools`, leads to its reference."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from api_pages import PACKAGES, public_names

__all__ = ["on_page_content"]

_SOURCE = Path(__file__).resolve().parents[2] / "jaxmargin"
_CODE = re.compile(r"(?<!<pre>)<code>([A-Za-z_][\w.]*)</code>")
_ANCHOR = re.compile(r"(<a\b.*?</a>|<h[1-6]\b.*?</h[1-6]>|<pre\b.*?</pre>)", re.DOTALL)


def _known() -> dict[str, str]:
    """Names that belong to one package alone, with or without it, and where they lead."""
    found = defaultdict(set)
    for package in PACKAGES:
        for name in public_names(_SOURCE, package)[1]:
            full = f"jaxmargin.{package}.{name}"
            found[full] = {full}
            found[f"{package}.{name}"] = {full}
            found[name].add(full)
    return {name: next(iter(full)) for name, full in found.items() if len(full) == 1}


_KNOWN = _known()


def on_page_content(html: str, **_: Any) -> str:
    """Make links of names in running text; headings, links and blocks of code stay."""

    def one(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        full = _KNOWN.get(match[1]) or (name[:1].isupper() and attribute and _KNOWN.get(name))
        if not full or match[1] in {"margin", "coverage", "black", "digital"}:
            return match[0]
        return f'<autoref optional identifier="{full}">{match[0]}</autoref>'

    parts = _ANCHOR.split(html)
    return "".join(part if _ANCHOR.fullmatch(part) else _CODE.sub(one, part) for part in parts)
