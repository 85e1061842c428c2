"""Reads CRIF files: sensitivities and add-ons for ISDA SIMM."""

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmargin.io._content import check_csv_bytes
from jaxmargin.io._crif_amounts import crif_amounts
from jaxmargin.io._crif_checks import CrifNotes, check_add_ons, check_sensitivities
from jaxmargin.io._crif_parameters import SimmCurrencies
from jaxmargin.io._crif_schema import ADD_ONS, COLUMNS, RISK_TYPES
from jaxmargin.io._formulas import unescape_formulas
from jaxmargin.io._limits import MOST_ROW_BYTES
from jaxmargin.io._problems import Problems, nearest

__all__ = ["CrifTables", "check_crif", "read_crif"]

_TEXT = ("PortfolioId", "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2")
_SEPARATORS = ("\t", ",", ";", "|")


@dataclass(frozen=True)
class CrifTables:
    """CRIF rows, checked, with names as the format writes them.

    Attributes:
        sensitivities: PortfolioId, ProductClass, RiskType, Qualifier, Bucket, Label1, Label2 and
            AmountUSD. Fields that are not read are blank, pairs of currencies in order of letters.
        add_ons: PortfolioId, RiskType, Qualifier and Amount: a multiplier, a factor in percent, or
            USD.
        portfolios: names of portfolios in the order of their first rows; "" where there is no name.
        ignored: what the file says and nothing reads. Whoever prints must name it.
    """

    sensitivities: pd.DataFrame
    add_ons: pd.DataFrame
    portfolios: pd.Index
    ignored: tuple[str, ...]


def read_crif(path: Path, currencies: SimmCurrencies, problems: Problems) -> CrifTables | None:
    """Read and check a CRIF file; None, with problems noted, if it cannot be used.

    Commercial use of ISDA SIMM needs a licence from ISDA.

    Args:
        path: text in columns with a header, separated by tab, comma, semicolon or bar. Headers may
            be in any case, with spaces or underscores. Without PortfolioId all rows are one
            portfolio. AmountUSD may be left out where AmountCurrency is USD; Amount is read alone
            for multipliers and factors.
        currencies: what the rule says of currencies.
        problems: where problems go.
    """
    table, unread = _read(path, problems)
    if table is None:
        return None
    labels = pd.Series([f"row {number}" for number in range(1, len(table) + 1)], dtype=object)
    checked = check_crif(table, path.name, labels, currencies, problems)
    if checked is None:
        return None
    ignored = (*(f"column {name}" for name in unread), *checked.ignored)
    return CrifTables(checked.sensitivities, checked.add_ons, checked.portfolios, ignored)


def check_crif(
    table: pd.DataFrame,
    where: str,
    labels: pd.Series,
    currencies: SimmCurrencies,
    problems: Problems,
) -> CrifTables | None:
    """Check rows that are text, "" where blank, under the columns of `COLUMNS`.

    Args:
        table: the rows; columns that are missing count as blank.
        where: what to call the table in problems.
        labels: what to call each row in problems.
        currencies: what the rule says of currencies.
        problems: where problems go.
    """
    before = len(problems.found)
    table = table.reset_index(drop=True)
    for name in COLUMNS.values():
        table[name] = table[name].str.strip() if name in table.columns else ""
    notes = CrifNotes(where, labels, problems)
    known = {name.lower(): name for name in (*(kind.name for kind in RISK_TYPES), *ADD_ONS)}
    canonical = table["RiskType"].str.lower().map(known)
    notes.unknown("RiskType", canonical.isna(), table["RiskType"], known.values())
    other = ~table["IMModel"].str.upper().isin(("", "SIMM"))
    notes.add("IMModel", other, "not SIMM", "Leave out rows of other models.", table["IMModel"])
    table["RiskType"] = canonical.fillna("")
    table["PortfolioId"] = table["PortfolioId"].astype(object)
    amounts = crif_amounts(table, notes)
    add_on = table["RiskType"].isin(ADD_ONS)
    rows = check_sensitivities(
        table.loc[canonical.notna() & ~add_on, list(_TEXT)], currencies, notes
    )
    rows["AmountUSD"] = amounts[rows.index]
    extra = table.loc[add_on, ["PortfolioId", "RiskType", "Qualifier"]].copy()
    extra["Amount"] = amounts[extra.index]
    extra = check_add_ons(extra, notes)
    if len(problems.found) > before:
        return None
    return CrifTables(
        rows.reset_index(drop=True),
        extra.reset_index(drop=True),
        pd.Index(table["PortfolioId"].unique()),
        tuple(notes.ignored),
    )


def _read_text(path: Path, problems: Problems) -> tuple[pd.DataFrame, list[str]] | None:
    """The file as text, and its header as written."""
    header, separator = [], ","
    try:
        if not path.is_file():
            raise FileNotFoundError
        if not check_csv_bytes(path, problems):
            return None
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline(MOST_ROW_BYTES)
        separator = max(_SEPARATORS, key=first.count)
        header = next(csv.reader([first], delimiter=separator), [])
        with warnings.catch_warnings():  # of what it would cut beyond the header
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, na_filter=False,
                encoding="utf-8-sig", index_col=False,
            )  # fmt: skip
    except FileNotFoundError:
        problems.add(str(path), "no such file", "Check the path of the CRIF file.")
    except pd.errors.ParserWarning:
        problems.add(
            path.name,
            f"more fields than the header's {len(header)} at {_wide_rows(path, separator)}",
            "Put fields that hold the separator in quotes; write 1,000 as 1000.",
        )
    except (OSError, ValueError, csv.Error) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "empty"
        problems.add(path.name, f"cannot be read ({reason})", "Write it as text in columns.")
    else:
        return unescape_formulas(table), header
    return None


def _read(path: Path, problems: Problems) -> tuple[pd.DataFrame | None, list[str]]:
    """The file's columns under the names of `COLUMNS`, and the names of those that are not read."""
    text = _read_text(path, problems)
    if text is None:
        return None, []
    table, header = text
    keys = [name.strip().lower().replace(" ", "").replace("_", "") for name in header]
    twice = sorted({key for key in keys if keys.count(key) > 1 and key in COLUMNS})
    if twice:
        listed = ", ".join(COLUMNS[key] for key in twice)
        problems.add(path.name, f"columns that appear twice: {listed}", "Keep one of each.")
        return None, []
    needed = ["risktype", "productclass", "qualifier", "bucket", "label1", "label2"]
    if "amountusd" not in keys:
        needed += ["amount", "amountcurrency"]
    missing = [COLUMNS[key] for key in needed if key not in keys]
    for name in missing:
        problems.add(
            path.name,
            f"column {name!r} is missing{nearest(name, header)}",
            "Give AmountUSD, or Amount and AmountCurrency."
            if name.startswith("Amount")
            else "Give it; cells may be blank where the risk type does not need them.",
        )
    if missing:
        return None, []
    named = list(zip(keys, header, strict=True))
    table.columns = pd.Index([COLUMNS.get(key, name) for key, name in named])
    if table.empty:
        problems.add(path.name, "no rows", "Give at least one.")
        return None, []
    unread = [name for key, name in named if key not in COLUMNS]
    return table[[name for name in table.columns if name in COLUMNS.values()]], unread


def _wide_rows(path: Path, separator: str) -> str:
    """The rows, counted from 1, with fields that the header has no name for."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    wide = [f"[{number}]" for number, row in enumerate(rows) if any(row[len(rows[0]) :])]
    return f"rows {', '.join(wide[:3])}{f' and {len(wide) - 3:,} more' if len(wide) > 3 else ''}"
