"""Checks of CRIF rows, risk type by risk type."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from jaxmargin.io._crif_parameters import SimmCurrencies
from jaxmargin.io._crif_schema import ADD_ONS, CURVES, RISK_TYPES, CrifType
from jaxmargin.io._problems import Problems, list_some, nearest
from jaxmargin.margin.simm import PRODUCT_CLASSES

__all__ = ["CrifNotes", "check_add_ons", "check_sensitivities"]

_CODE = r"[A-Z]{3}"
_DOLLAR_CURVES = ("Prime", "Municipal")


class CrifNotes:
    """Notes problems of rows by their labels, and what is ignored."""

    def __init__(self, where: str, labels: pd.Series, problems: Problems) -> None:
        self.where, self.problems = where, problems
        self.labels = labels.reset_index(drop=True)
        self.ignored: list[str] = []

    def add(
        self,
        column: str,
        bad: pd.Series,
        what: str,
        cure: str,
        values: pd.Series | None = None,
    ) -> None:
        """Note rows that break a rule; `bad` has the index of the whole table's rows."""
        rows = bad.index[bad.to_numpy(bool)]
        if len(rows):
            listed = list_some(self.labels[rows].to_numpy())
            first = "" if values is None else f"; the first is {values[rows[0]]!r}"
            self.problems.add(f"{self.where}, column {column}", f"{what} in {listed}{first}", cure)

    def unknown(self, column: str, bad: pd.Series, values: pd.Series, known: Iterable[str]) -> None:
        """Note names that are not known."""
        known = list(known)
        found = values[bad]
        for name in found.unique():
            listed = list_some(self.labels[found.index[found == name]].to_numpy())
            self.problems.add(
                f"{self.where}, column {column}",
                f"unknown {name!r}{nearest(name, known)} in {listed}",
                f"Use one of {', '.join(known)}.",
            )


def check_sensitivities(
    rows: pd.DataFrame, currencies: SimmCurrencies, notes: CrifNotes
) -> pd.DataFrame:
    """Rows with names as the format writes them, fields that are not read blank."""
    rows = rows.copy()
    rows["ProductClass"] = _named(rows["ProductClass"], "ProductClass", PRODUCT_CLASSES, notes)
    for kind in RISK_TYPES:
        own = rows.loc[rows["RiskType"] == kind.name]
        if len(own):
            rows.loc[own.index] = _check(own.copy(), kind, currencies, notes)
    return rows


def _check(
    rows: pd.DataFrame, kind: CrifType, currencies: SimmCurrencies, notes: CrifNotes
) -> pd.DataFrame:
    name = rows["Qualifier"]
    notes.add("Qualifier", name == "", "no value", f"Give one for {kind.name}.")
    if kind.qualifier != "name":
        name = name.str.upper()
        pattern, words = (
            (_CODE, "a currency of three letters")
            if kind.qualifier == "currency"
            else (_CODE * 2, "a pair of currencies, six letters")
        )
        bad = (name != "") & ~name.str.fullmatch(pattern)
        notes.add("Qualifier", bad, f"not {words},", "Write USD, or EURUSD.", name)
        if kind.qualifier == "pair":
            same = name.str.slice(0, 3) == name.str.slice(3)
            notes.add("Qualifier", same & (name != ""), "one currency twice", "Give two.", name)
            name = name.map(_sorted_pair)
        rows["Qualifier"] = name
    for column, known, read in (
        ("Bucket", kind.buckets, bool(kind.buckets)),
        ("Label1", kind.tenors, bool(kind.tenors)),
        ("Label2", CURVES if kind.label2 == "curve" else (), bool(kind.label2)),
    ):
        if not read:
            said = int((rows[column] != "").sum())
            if said:
                noun = "row" if said == 1 else "rows"
                notes.ignored.append(f"{column} of {kind.name} ({said:,} {noun})")
            rows[column] = ""
        elif known and not (column == "Bucket" and kind.qualifier == "currency"):
            rows[column] = _named(rows[column], column, known, notes)
    if kind.label2 in ("any", "group"):
        rows["Label2"] = rows["Label2"].str.upper()  # currencies and groups in any case
    if kind.label2 == "curve":
        _check_curves(rows, currencies, notes)
    if kind.label2 == "group":
        lacking = (rows["Label2"] == "") & (rows["Bucket"] != "Residual")
        notes.add(
            "Label2",
            lacking,
            "no group of underlying names",
            "Give one, such as CMBX; correlation depends on it.",
        )
    return rows


def _check_curves(rows: pd.DataFrame, currencies: SimmCurrencies, notes: CrifNotes) -> None:
    """The bucket is that of the currency, if it is given; some curves are of USD alone."""
    volatility = {code: currencies.rates_volatility(code) for code in rows["Qualifier"].unique()}
    right = rows["Qualifier"].map({code: str(place + 1) for code, place in volatility.items()})
    notes.add(
        "Bucket",
        (rows["Bucket"] != "") & (rows["Bucket"] != right),
        "not the bucket of the currency's volatility",
        "Give 1 (regular), 2 (low) or 3 (high), as the rule has the currency, or leave it blank.",
        rows["Bucket"],
    )
    notes.add(
        "Label2",
        rows["Label2"].isin(_DOLLAR_CURVES) & (rows["Qualifier"] != "USD"),
        "a curve of USD alone",
        f"{' and '.join(_DOLLAR_CURVES)} are curves of USD.",
        rows["Label2"],
    )
    rows["Bucket"] = right


def check_add_ons(rows: pd.DataFrame, notes: CrifNotes) -> pd.DataFrame:
    """Add-ons with product classes as the format writes them."""
    multiplier, factor, notional, fixed = (rows["RiskType"] == name for name in ADD_ONS)
    classes = rows.loc[multiplier, "Qualifier"]
    rows.loc[multiplier, "Qualifier"] = _named(classes, "Qualifier", PRODUCT_CLASSES, notes)
    notes.add(
        "Amount",
        multiplier & (rows["Amount"] < 1.0),
        "a multiplier below 1",
        "Give 1 or more.",
        rows["Amount"],
    )
    notes.add(
        "Amount", factor & (rows["Amount"] < 0.0), "a factor below 0", "Give 0 or more.",
        rows["Amount"],
    )  # fmt: skip
    unnamed = (factor | notional) & (rows["Qualifier"] == "")
    notes.add("Qualifier", unnamed, "no product", "Name the product.")
    single = rows[multiplier | factor]
    twice = single.duplicated(["PortfolioId", "RiskType", "Qualifier"], keep=False)
    notes.add(
        "Qualifier", twice, "more than one multiplier or factor", "Keep one of each.",
        single["Qualifier"],
    )  # fmt: skip
    rows.loc[fixed, "Qualifier"] = ""
    keys = rows.loc[factor, ["PortfolioId", "Qualifier"]].apply(tuple, axis=1)
    owner = rows[["PortfolioId", "Qualifier"]].apply(tuple, axis=1)
    alone = notional & ~owner.isin(set(keys))
    for product in rows.loc[alone, "Qualifier"].unique():
        notes.ignored.append(f"Notional of {product!r}, which has no factor")
    return rows


def _sorted_pair(pair: Any) -> str:
    return "".join(sorted((pair[:3], pair[3:])))


def _named(cells: pd.Series, column: str, known: Sequence[str], notes: CrifNotes) -> pd.Series:
    """Names as `known` writes them; unknown ones are noted."""
    names = {name.lower(): name for name in known}
    found = cells.str.lower().map(names)
    blank = cells == ""
    notes.add(column, blank, "no value", f"Use one of {', '.join(known)}.")
    notes.unknown(column, found.isna() & ~blank, cells, known)
    return found.astype(object).where(found.notna(), cells)
