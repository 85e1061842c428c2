"""One page of reference for each public package: every name that its `__init__` offers."""

import ast
from pathlib import Path

__all__ = ["PACKAGES", "api_pages", "check_rows", "public_names"]

_SOURCE = Path(__file__).resolve().parents[2] / "jaxmargin"
_ORDER = [
    "market",
    "instruments",
    "scenarios",
    "book",
    "valuation",
    "risk",
    "margin",
    "collateral",
    "sensitivities",
    "optimize",
    "backtest",
    "checks",
    "systemic",
    "report",
    "io",
    "jobs",
    "numerics",
    "errors",
]
_NOT_HERE = {"cli"}  # its commands have a page of their own


def _packages() -> tuple[str, ...]:
    """All public packages, each behind the one that it lies in, and the module of errors."""
    found = {"errors"}
    for path in _SOURCE.rglob("__init__.py"):
        parts = path.parent.relative_to(_SOURCE).parts
        if parts and parts[0] not in _NOT_HERE and not any(p.startswith("_") for p in parts):
            found.add(".".join(parts))
    known = {name: number for number, name in enumerate(_ORDER)}
    return tuple(sorted(found, key=lambda p: (known.get(p.split(".")[0], len(known)), p)))


PACKAGES = _packages()


def api_pages(source: Path) -> dict[str, str]:
    """The pages by their place in the site, and an index of them."""
    pages, rows = {}, []
    for package in PACKAGES:
        summary, names = public_names(source, package)
        uri = f"api/{package}.md"
        lines = [f"# `jaxmargin.{package}`", "", summary, ""]
        if package == "instruments":
            lines += ["Closed forms lie in `jaxmargin.instruments.formulas`.", ""]
        lines += [f"::: jaxmargin.{package}.{name}\n" for name in names]
        pages[uri] = "\n".join(lines)
        rows.append(f"| [`{package}`]({package}.md) | {summary.split(chr(10))[0]} | {len(names)} |")
    table = ["| package | what | names |", "|---|---|---|", *rows]
    pages["api/index.md"] = "\n".join([_INDEX, *table, ""])
    return pages


def public_names(source: Path, package: str) -> tuple[str, list[str]]:
    """The first docstring of a package and the names that it re-exports, as written there."""
    base = source.joinpath(*package.split("."))
    module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    tree = ast.parse(module.read_text())
    names = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]
    if not names:  # a module of its own: what is not private
        kinds = (ast.ClassDef, ast.FunctionDef)
        names = [n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    return ast.get_docstring(tree) or "", names


def check_rows(folder: Path) -> list[str]:
    """A row of a table for each framework check, from the first line of its function."""
    rows = []
    for path in sorted(folder.glob("_*.py")):
        for node in ast.parse(path.read_text()).body:
            text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            if text and text.startswith("R") and text[1:3].isdigit():
                number, _, what = text.splitlines()[0].partition(": ")
                rows.append(f"| {number} | {what} | `{node.name}` |")
    return sorted(rows)


_INDEX = """# Python reference

Made from the docstrings of the code. Data are frozen `equinox.Module`s of arrays, verbs are
functions; shapes stand in the annotations, with the axes `account`, `position`, `instrument`,
`underlying` and `scenario`. The everyday names can be taken from `jaxmargin` itself
(`import jaxmargin as jm`). Packages stand in the order in which they build on each other;
`numerics` and `errors` lie below all of them.
"""
