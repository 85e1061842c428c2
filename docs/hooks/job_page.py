"""What a job file and its tables may hold, from the checks that read them."""

from collections.abc import Mapping
from typing import Any

from jaxmargin.io import _collateral_schema, _schema
from jaxmargin.io._schema import Table
from jaxmargin.jobs import _keys
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.jobs._types import REQUIRED, Key

__all__ = ["NOTHING", "job_pages"]

NOTHING = "\N{EN DASH}"  # in a cell of a table


def job_pages() -> dict[str, str]:
    """The page of the job file, and that of the tables."""
    return {"job.md": _job(), "tables.md": _tables()}


def _job() -> str:
    lines = [_JOB, "## Outside sections", "", *_keys_table(_keys.TOP)]
    for name, keys in (("market", _keys.MARKET), ("book", _keys.BOOK)):
        lines += [f"## [{name}] {{ #{name} }}", "", *_keys_table(keys)]
    measures = {**_keys.RULEBOOKS["expected-shortfall"]}
    venue = ", ".join(f"`{kind}`" for kind in _keys.VENUE_KINDS)
    lines += ["## [rulebook] { #rulebook }", ""]
    lines += ["`kind` is `expected-shortfall`, `value-at-risk` or `worst-case` (without `level`):"]
    lines += ["", *_keys_table(measures)]
    lines += [f"or a rule with scenarios of its own: {venue}. The section `[scenarios]` is then"]
    lines += ["left out, and these keys are all there are:", ""]
    lines += _keys_table(_keys.RULEBOOKS[_keys.VENUE_KINDS[0]])
    lines += ["## [scenarios] { #scenarios }", "", _SCENARIOS]
    for kind, keys in SCENARIOS.items():
        lines += [f"### {kind}", "", *_keys_table({k: v for k, v in keys.items() if k != "kind"})]
    for name in ("allocation", "safeguards", "systemic"):
        lines += [f"## [{name}] {{ #{name} }}", "", *_keys_table(getattr(_keys, name.upper()))]
    lines += [_REST]
    return "\n".join(lines)


def _keys_table(keys: Mapping[str, Key]) -> list[str]:
    lines = ["| key | holds | unless given |", "|---|---|---|"]
    for name, key in keys.items():
        holds = key.cure or key.type
        lines.append(f"| `{name}` | {holds} | {_default(key.default)} |")
    return [*lines, ""]


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "required"
    if value is None or value in ((), ""):
        return NOTHING
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _tables() -> str:
    lines = [_TABLES]
    for module in (_schema, _collateral_schema):
        for name in module.__all__:
            table = getattr(module, name)
            if isinstance(table, Table):
                key = ", ".join(f"`{column}`" for column in table.key)
                lines += [f"## {table.name}", "", f"A row is identified by {key}.", ""]
                lines += ["| column | holds |", "|---|---|"]
                lines += [f"| `{c.name}` | {_column(c)} |" for c in table.columns] + [""]
    return "\n".join(lines)


def _column(column: Any) -> str:
    kind = {"number": "a finite number", "time": "a time with a zone"}.get(column.type, "text")
    parts = [kind + (", above zero" if column.positive else "")]
    if column.choices:
        parts = ["one of " + ", ".join(f"`{choice}`" for choice in column.choices)]
    return "; ".join(parts + ["may be blank"] * column.blank)


_JOB = """# The job file

A job is one TOML file; paths in it count from its folder. Unknown keys are errors, with a
suggestion. `jaxmargin demo` writes a complete one, `jaxmargin validate JOB.toml` checks one with
all its tables and lists every problem. This page is made from the checks themselves.
"""
_SCENARIOS = """By `kind`; what each does is [explained](concepts/scenarios.md). Keys of depegs
(`depegs` and those that begin with `depeg_`) turn any source into one with rare depegs.
"""
_REST = """## [[add_on]], [governance]

Charges on top of the margin, and what framework checks ask of the model's governance, are
[described](scenarios.md#add-ons) with the files of settings.
"""
_TABLES = """# Tables

Parquet or CSV, one row per thing, times in UTC, a year of 365 days. A column that may be blank may
be missing. Messages count rows from 1, the header not included. This page is made from the schema
that readers check.
"""
