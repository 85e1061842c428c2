"""Cases of ISDA SIMM 2.5. Commercial use of ISDA SIMM needs a licence from ISDA."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import is_number, nearest
from jaxmargin.jobs._comparison import Comparison, numbers

if TYPE_CHECKING:
    from jaxmargin.io import CrifTables

__all__ = ["conform_simm"]

_SMALL = 16  # cases of up to so many rows are padded to themselves; the others to their largest
_DECIMALS = 3  # a half dollar must not be missed by the last digits of a sum
_FIELDS = {
    "ProductClass": "product_class",
    "RiskType": "risk_type",
    "Qualifier": "qualifier",
    "Bucket": "bucket",
    "Label1": "label1",
    "Label2": "label2",
    "Amount": "amount",
    "AmountCurrency": "amount_currency",
    "AmountUSD": "amount_usd",
}
_ADD_ONS = {
    "product_multiplier": ("Param_ProductClassMultiplier", "Amount"),
    "notional_factor_percent": ("Param_AddOnNotionalFactor", "Amount"),
    "notional": ("Notional", "AmountUSD"),
    "fixed_amount": ("Param_AddOnFixedAmount", "AmountUSD"),
}
_LISTS = ("multipliers", "factors", "notional", "fixed")
_KEYS = {
    "id", "valid", "note", "holding_period_days", "group", "measure", "element", "sensitivities",
    "expected", "breakdown", *_LISTS,
}  # fmt: skip


def conform_simm(document: dict[str, Any]) -> list[Comparison]:
    """Total margin of every case in USD; the file has it rounded to whole USD.

    Raises:
        InvalidInputError: if a case has a holding period, an id or a key that is not known, or rows
            that the rule does not allow; every problem of the rows at once, by case and id.
    """
    import jax

    from jaxmargin.io import HOLDING_PERIODS, Problems, build_simm, read_simm_settings, simm_library
    from jaxmargin.margin.simm import margin_simm

    problems = Problems()
    settings = {
        days: read_simm_settings(simm_library(), name, problems)
        for days, name in HOLDING_PERIODS.items()
    }
    problems.raise_if_any()
    cases = document["cases"]
    days = [_holding_days(case, HOLDING_PERIODS) for case in cases]
    tables = _tables(document, settings[10].currencies)  # pyright: ignore[reportOptionalMemberAccess]
    counts = tables.sensitivities["PortfolioId"].value_counts().reindex(tables.portfolios)
    small = (counts.fillna(0) <= _SMALL).to_numpy()
    order, totals = list(HOLDING_PERIODS), np.zeros(len(cases))
    sets = jax.tree.map(
        lambda *leaves: np.stack(leaves),
        *(settings[one].parameters for one in order),  # pyright: ignore[reportOptionalMemberAccess]
    )
    rule = jax.jit(jax.vmap(margin_simm))
    for which in (np.flatnonzero(small), np.flatnonzero(~small)):
        if which.size:
            sensitivities, add_ons = build_simm(
                _of_portfolios(tables, which),
                settings[10].currencies,  # pyright: ignore[reportOptionalMemberAccess]
            )
            period = np.asarray([order.index(days[case]) for case in which])
            parameters = jax.tree.map(lambda leaf, period=period: leaf[period], sets)
            totals[which] = np.asarray(rule(sensitivities, add_ons, parameters).total)
    return [_compare(case, total) for case, total in zip(cases, totals, strict=True)]


def _compare(case: dict[str, Any], total: float) -> Comparison:
    (expected,) = numbers(case, None, "expected")
    return Comparison(case["id"], "total", expected, float(np.round(total, _DECIMALS)))


def _holding_days(case: dict[str, Any], known: dict[int, str]) -> int:
    days = case["holding_period_days"]
    if days not in known:
        raise InvalidInputError(
            f"{case['id']}, holding_period_days: got {days!r}. Give one of "
            f"{', '.join(map(str, known))}."
        )
    _refuse_others(case, _KEYS, case["id"])
    return days


def _refuse_others(content: dict[str, Any], known: Collection[str], where: str) -> None:
    for key in content:
        if key not in known:
            raise InvalidInputError(
                f"{where}: unknown key {key!r}{nearest(key, known)}. Nothing reads it; remove it."
            )


def _tables(document: dict[str, Any], currencies: Any) -> "CrifTables":
    """Rows of all cases, each case a portfolio of its own, in their order."""
    from jaxmargin.io import CrifTables, Problems, check_crif

    rows, labels = [], []
    for case in document["cases"]:
        for name in case.get("sensitivities", ()):
            found = _named(document, "sensitivities", name, case)
            _refuse_others(found, _FIELDS.values(), f"{case['id']}, {name}")
            values = {ours: _text(found.get(theirs)) for ours, theirs in _FIELDS.items()}
            rows.append({"PortfolioId": case["id"], **values})
            labels.append(f"{case['id']} {name}")
        for key in _LISTS:
            for name in case.get(key, ()):
                row = _add_on(_named(document, "add_ons", name, case), f"{case['id']}, {name}")
                rows.append({"PortfolioId": case["id"], **row})
                labels.append(f"{case['id']} {name}")
    problems = Problems()
    table = pd.DataFrame(rows, columns=["PortfolioId", *_FIELDS]).fillna("").astype(object)
    named = pd.Series(labels, dtype=object)
    checked = check_crif(table, "cases", named, currencies, problems)
    problems.raise_if_any()
    assert checked is not None
    every = pd.Index([case["id"] for case in document["cases"]])  # some may have no rows
    return CrifTables(checked.sensitivities, checked.add_ons, every, checked.ignored)


def _of_portfolios(tables: "CrifTables", which: np.ndarray) -> "CrifTables":
    from jaxmargin.io import CrifTables

    chosen = tables.portfolios[which]
    rows, extra = (
        table[table["PortfolioId"].isin(chosen)].reset_index(drop=True)
        for table in (tables.sensitivities, tables.add_ons)
    )
    return CrifTables(rows, extra, chosen, tables.ignored)


def _named(document: dict[str, Any], table: str, name: Any, case: dict[str, Any]) -> dict[str, Any]:
    if name not in document[table]:
        raise InvalidInputError(
            f"{case['id']}, {table}: unknown {name!r}{nearest(str(name), document[table])}. "
            "Name one that the file has."
        )
    return document[table][name]


def _add_on(found: dict[str, Any], where: str) -> dict[str, str]:
    kind, values = found["type"], found["args"]
    if kind not in _ADD_ONS:
        raise InvalidInputError(
            f"{where}, type: {kind!r} is not known{nearest(str(kind), _ADD_ONS)}. Give one of "
            f"{', '.join(_ADD_ONS)}."
        )
    risk_type, column = _ADD_ONS[kind]
    if kind == "fixed_amount":
        values = ["", *values]
    count = 2 if column == "Amount" else 4
    if len(values) != count:
        raise InvalidInputError(f"{where}, args: got {values!r}. Give {count} values.")
    return {"RiskType": risk_type, "Qualifier": str(values[0]), column: str(values[-1])}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if is_number(value) else str(value)
