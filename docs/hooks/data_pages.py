"""Pages of the data that is shipped: rulebooks, stresses, frameworks, safeguards, their format."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["data_pages"]


def data_pages(folder: Path) -> dict[str, str]:
    """The pages by their place in the site; `folder` is that of the TOML files."""
    readme = (folder / "README.md").read_text()
    return {
        "scenarios.md": readme.replace("# Scenario data", "# Files of settings", 1),
        "rulebooks.md": _rulebooks(folder / "rulebooks"),
        "stresses.md": _stresses(folder / "stress"),
        "frameworks.md": _frameworks(folder / "frameworks"),
        "safeguards.md": _safeguards(folder / "safeguards"),
    }


def _read(folder: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.toml")):
        yield path.stem, tomllib.loads(path.read_text())


def _rulebooks(folder: Path) -> str:
    lines = [_RULEBOOKS]
    for name, content in _read(folder):
        lines += [f"## {content['rulebook']} {{ #{name} }}", ""]
        lines += [content["notice"], ""] if "notice" in content else []
        lines += ["| part | status |", "|---|---|"]
        lines += [f"| `{part}` | {_cell(text)} |" for part, text in content["parts"].items()]
        for key, settings in content.items():
            if isinstance(settings, dict) and key != "parts":
                lines += ["", *_set(key, settings)]
        lines.append("")
    return "\n".join(lines)


def _set(name: str, settings: dict[str, Any]) -> list[str]:
    lines = [f"**Set `{name}`** of {settings['date']}. Source: {_cell(settings['source'])}."]
    if settings.get("assumed"):
        lines.append(f"Not stated by the source, assumed: {', '.join(settings['assumed'])}.")
    shown = {k: v for k, v in settings.items() if k not in ("source", "date", "assumed")}
    flat = list(_flat("", shown))
    lines += ["", f'??? note "{len(flat)} settings of `{name}`"', ""]
    lines += ["    | setting | value |", "    |---|---|"]
    lines += [f"    | `{key.removeprefix('parameters.')}` | {value} |" for key, value in flat]
    return lines


def _flat(prefix: str, content: Any) -> Iterable[tuple[str, str]]:
    """Settings with dots in their names, tables of numbers as how many rows they have."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, value)
    elif isinstance(content, list) and content and isinstance(content[0], list):
        yield prefix, f"{len(content)} rows of {len(content[0])}"
    elif isinstance(content, list) and len(content) > 12:
        yield prefix, f"{len(content)} values"
    else:
        yield prefix, f"`{content}`"


def _stresses(folder: Path) -> str:
    lines = [_STRESSES]
    for name, content in _read(folder):
        when = f", {content['date']}" if "date" in content else ""
        lines += [f"## {content['title']} {{ #{name} }}", ""]
        lines += [f"`{name}`: {content['kind']}{when}.", "", content["description"].strip(), ""]
        steps = content.get("step", [content])
        for step in steps:
            if "name" in step and step is not content:
                lines += [f"Step `{step['name']}`:", ""]
            lines += _moves(step, step.get("days", content.get("days")))
        assumed = ", ".join(f"`{entry}`" for entry in content.get("assumed", ())) or "nothing"
        lines += [
            f"Assumed, without a source: {assumed}. Coins that are not listed move with BTC, "
        ]
        lines += [f"with a beta of {content['default_beta']} where none is known.", ""]
        lines += ["Sources:", ""]
        for source in content["source"]:
            origin = f"[{_cell(source['origin'])}]({source['url']})" if "url" in source else ""
            lines.append(f"- {_cell(source['figure'])}: {origin or _cell(source['origin'])}")
        lines.append("")
    return "\n".join(lines)


_TABLES = ("spot", "depeg", "volatility", "basis", "perpetual", "funding", "liquidity")


def _moves(step: dict[str, Any], days: float | None) -> list[str]:
    lines = ["| what | moves |", "|---|---|", f"| days that pass | {days:g} |"]
    for table in _TABLES:
        if table in step:
            lines.append(f"| {table} | {', '.join(_move(*each) for each in step[table].items())} |")
    return [*lines, ""]


def _move(name: str, value: float) -> str:
    return f"{name}\N{NO-BREAK SPACE}{value:+.4g}".replace("-", "\N{MINUS SIGN}")


def _frameworks(folder: Path) -> str:
    lines = [_FRAMEWORKS]
    for name, content in _read(folder):
        lines += [f"## {content['title']} {{ #{name} }}", ""]
        lines += [f"`--framework {name}`: {content['framework']}.", ""]
        lines += ["| check | products | limits | article | source, date |", "|---|---|---|---|---|"]
        for check in content["check"]:
            limits = ", ".join(f"`{k}` = {_cell(v)}" for k, v in check["limits"].items())
            known = " (recalled)" if check.get("recalled") else ""
            known += " (assumed)" if check.get("assumed") else ""
            lines.append(
                f"| {check['id']} | {check.get('products', 'all')} | {limits} "
                f"| {_cell(check['article'])} "
                f"| {_cell(check['source'])}, {check['date']}{known} |"
            )
        lines.append("")
    return "\n".join(lines)


def _safeguards(folder: Path) -> str:
    lines = [_SAFEGUARDS]
    for name, content in _read(folder):
        lines += [f"## {content['title']} {{ #{name} }}", "", f"`{name}`, {content['date']}.", ""]
        shown = {
            k: v for k, v in content.items() if k not in ("title", "date", "assumed", "source")
        }
        lines += ["| setting | value |", "|---|---|"]
        lines += [f"| `{key}` | {value} |" for key, value in _flat("", shown)]
        assumed = ", ".join(f"`{entry}`" for entry in content["assumed"]) or "nothing"
        lines += ["", f"Assumed: {assumed}. Sources:", ""]
        lines += [f"- {_cell(s['figure'])}: {_cell(s['origin'])}" for s in content["source"]]
        lines.append("")
    return "\n".join(lines)


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


_RULEBOOKS = """# Rulebooks

Rules of venues and generic ones, each with its sets of settings; made from `scenarios/rulebooks`.
What is known of each part is said in one word and what it rests on: *verified* (agrees with numbers
that the source publishes, see [Conformance](conformance.md)), *sourced* (follows a document, no
numbers at hand), *assumed*, *chosen*, *left out*, *not established*. Formulas stand in the
[reference of `margin`](api/margin.md). `jaxmargin rulebooks NAME` prints the same.

Beside these, `expected-shortfall`, `value-at-risk` and `worst-case` margin by the scenarios of the
job: see [Margin](concepts/margin.md).
"""
_STRESSES = """# Stress library

Crises of crypto markets since 2019 and some that never happened; made from `scenarios/stress`.
Prices, volatilities and perpetuals move by the stated fraction, the annual basis and funding rates
by the stated number. What stands under *assumed* has no source. How moves that are not stated are
filled in is [described](scenarios.md#what-is-not-stated).
"""
_FRAMEWORKS = """# Framework limits

Limits of regulations that `jaxmargin checks` puts a job's model beside; made from
`scenarios/frameworks`. A check evaluates and cites, it never finds compliance. *Recalled* is not
read but remembered; *assumed* is chosen where the text gives no figure. What each check compares is
explained in [Framework checks](concepts/checks.md).
"""
_SAFEGUARDS = """# Safeguard settings

Limits of leverage, caps on offsets, tools against procyclicality and circuit breakers; made from
`scenarios/safeguards`. What each setting does is explained in
[Safeguards](concepts/safeguards.md).
"""
