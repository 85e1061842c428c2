"""What each command writes to its folder, as a report needs it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jaxmargin.io import Problems
from jaxmargin.jobs._result_keys import COMMON, COUNTS, NUMBER, POSITIVE, TEXT, TEXTS

__all__ = ["KINDS", "ResultKind", "column_problems"]

_TEXT, _NUMBER, _FINITE, _ANY = "text", "number", "finite", "any"


@dataclass(frozen=True)
class ResultKind:
    """Results of one command.

    Attributes:
        facts: name of its JSON file.
        keys: that the file must have, with a dot below another, and their types.
        tables: needed columns of needed tables, and whether they are text or numbers.
        optional: of tables that some jobs have.
    """

    facts: str
    keys: dict[str, str]
    tables: dict[str, dict[str, str]]
    optional: dict[str, dict[str, str]]


def _columns(text: str = "", number: str = "", finite: str = "", other: str = "") -> dict[str, str]:
    kinds = ((text, _TEXT), (number, _NUMBER), (finite, _FINITE), (other, _ANY))
    return {name: kind for names, kind in kinds for name in names.split()}


_MONEY = COMMON | {"currency": TEXT}
_STATES = _columns("account status", finite="initial maintenance equity balance haircut")
_STRESS = (
    "largest_member second_member third_member stress",
    "",
    "pnl accounts_short shortfall largest second third cover_two",
)
_FUND_KEYS = {
    f"fund.{rule}.{key}": kind
    for rule in ("cover_one", "cover_two", "largest_or_next_two")
    for key, kind in (("amount", NUMBER), ("stress", TEXT))
}
_CALLS = _columns("account status", "requirement collateral ratio", "call since")
KINDS = {
    "margin": ResultKind(
        "manifest.json",
        COMMON,
        {
            "requirements": _columns(
                "account worst_scenario", "standard_error", "initial maintenance"
            ),
            "components": _columns("account component", "", "amount"),
        },
        {"states": _STATES, "calls": _CALLS},
    ),
    "sensitivities": ResultKind(
        "sensitivities.json",
        _MONEY | {"of": TEXT, "largest": TEXT, "initial": NUMBER},
        {
            "positions": _columns("instrument", "", "contribution standalone"),
            "accounts": _columns("account", "gap"),
            "buckets": _columns("risk asset bucket unit", "", "amount", "expiry"),
            "ladder": _columns("asset", "", "price volatility initial"),
        },
        {},
    ),
    "allocate": ResultKind(
        "allocation.json",
        _MONEY | dict.fromkeys(
            (
                "certificate.gap", "cost.savings", "cost.lower_bound",
                *(f"cost.{plan}" for plan in ("posted_before", "greedy", "posted")),
                *(f"shortfall.{plan}" for plan in ("before", "greedy", "after")),
            ),
            NUMBER,
        ),
        {
            "allocation": _columns("account asset", "", "counted"),
            "coverage": _columns("account venue", "", "requirement shortfall", "reasons"),
            "assets": _columns(
                "asset", "value_of_one_more", "available posted market_value"
            ),
        },
        {},
    ),
    "backtest": ResultKind(
        "backtest.json",
        _MONEY | dict.fromkeys(("horizon_days", "window", "days"), POSITIVE)
        | {"measure": TEXT, "last_day": TEXT},
        {
            "tests": _columns("account test zone", "statistic p_value", "", "rejected"),
            "kpis": _columns("account", "", "breaches coverage greatest_shortfall mean_margin"),
        },
        {},
    ),
    "checks": ResultKind(
        "checks.json",
        {"inputs": COMMON["inputs"], "counts": COUNTS}
        | dict.fromkeys(("framework", "framework_title", "day"), TEXT),
        {
            "checks": _columns(
                "id title status reason give citation basis", "value limit"
            ),
        },
        {},
    ),
    "stress": ResultKind(
        "stress.json",
        _MONEY | {"resources": TEXT, "approximations": TEXTS} | _FUND_KEYS,
        {"fund": _columns(*_STRESS)},
        {
            "liquidation": _columns(
                "stress breaker", "", "step fund shortfall liquidated"
            )
        },
    ),
    "compare": ResultKind(
        "compare.json",
        _MONEY,
        {
            "summary": _columns(
                "rulebook", "of_first", "initial maintenance asks_most asks_least"
            ),
            "margins": _columns("account rulebook", "", "initial maintenance"),
            "components": _columns("rulebook component", "", "amount"),
        },
        {},
    ),
}  # fmt: skip


def column_problems(
    table: pd.DataFrame, columns: dict[str, str], where: str, cure: str, problems: Problems
) -> None:
    """Note columns that are of another type than they should be."""
    for name, kind in columns.items():
        values = table[name]
        numbers = pd.api.types.is_numeric_dtype(values)
        if kind in (_NUMBER, _FINITE) and not numbers and len(table):
            problems.add(where, f"column {name!r} holds no numbers", cure)
        elif kind == _FINITE and len(table) and not np.isfinite(values.to_numpy(np.float64)).all():
            problems.add(where, f"column {name!r} holds values that are not finite", cure)
        elif kind == _TEXT and (values.isna().any() or (numbers and len(table))):
            problems.add(where, f"column {name!r} holds values that are not text", cure)
