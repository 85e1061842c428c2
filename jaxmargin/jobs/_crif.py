"""Sensitivities of accounts as CRIF rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.jobs._load import load_inputs, market_of

if TYPE_CHECKING:
    from jaxmargin.io import CrifTarget
    from jaxmargin.market import Market
    from jaxmargin.sensitivities import AccountGreeks

__all__ = ["CrifRates", "allocate_tenors", "crif_rows", "export_crif"]

_PERCENT, _BASIS_POINTS = 0.01, 100.0  # rho is per percentage point
_KEY = ["PortfolioId", "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2"]


@dataclass(frozen=True)
class CrifRates:
    """What discount rates count as in CRIF.

    Attributes:
        product_class: ProductClass of the rows.
        currency: Qualifier of the rows.
        bucket: Bucket: 1 regular, 2 low, 3 high volatility of the currency.
        curve: Label2, such as OIS.
    """

    product_class: str
    currency: str
    bucket: str
    curve: str


def crif_rows(
    greeks: "AccountGreeks",
    market: "Market",
    assets: Sequence[str],
    accounts: Sequence[str],
    targets: Mapping[str, "CrifTarget"],
    *,
    numeraire: str,
    rates: CrifRates | None = None,
) -> pd.DataFrame:
    r"""CRIF rows of what each account holds, one for each risk factor that is not zero.

    ISDA SIMM has no risk class for crypto assets: `targets` says what each counts as, and nothing
    is assumed for those that it does not name. Commercial use of ISDA SIMM needs a licence from
    ISDA.

    Delta rows are the value change for 1 % more on the asset's spot, forwards and perpetual,
    $0.01\, \Delta S$. Volatility rows are the value change for one volatility point, at the
    expiry's tenor; SIMM itself multiplies those of equity, commodity and FX by a volatility that
    it takes from its weights, so that they are not multiplied here. Rate rows are the value change
    for one basis point. What lies between two tenors is split between them, linearly in days; what
    lies outside goes to the nearest. Gamma has no rows: SIMM takes curvature from vega.

    Args:
        greeks: of each account; see `account_greeks`.
        market: the market that they are of.
        assets: name of each asset in the market's order.
        accounts: name of each account; they become portfolios.
        targets: what each asset counts as.
        numeraire: currency of every amount, and the other side of FX pairs; no rows are made for
            the asset of this name.
        rates: what discount rates count as, all expiries alike; None leaves rho out.

    Returns:
        Columns of CRIF. AmountUSD is blank unless the numeraire is USD.

    Raises:
        InvalidInputError: if an asset with a sensitivity is not named in `targets`, or counts as FX
            and the numeraire is not of three letters.
    """
    spot, owner = np.asarray(market.spot, np.float64), np.asarray(market.asset)
    delta = _PERCENT * np.asarray(greeks.delta, np.float64) * spot
    share = allocate_tenors(365.0 * np.asarray(market.time, np.float64))
    vega, rho = (np.asarray(part, np.float64) for part in (greeks.options.vega, greeks.options.rho))
    used = (delta != 0.0).any(axis=0)
    used[owner[(vega != 0.0).any(axis=0)]] = True
    names = [str(name) for name in assets]
    unnamed = [n for n, u in zip(names, used, strict=True) if u and n not in (*targets, numeraire)]
    require(
        not unnamed,
        f"CRIF targets: nothing says what {', '.join(unnamed)} count as. Name each; ISDA SIMM has "
        "no risk class for crypto assets.",
    )
    pairs = [n for n, u in zip(names, used, strict=True) if u and n != numeraire]
    pairs = [name for name in pairs if targets[name].risk_type == "Risk_FX"]
    require(
        not pairs
        or (
            len(numeraire) == 3
            and numeraire.isascii()
            and numeraire.isalpha()
            and numeraire.isupper()
        ),
        f"CRIF targets: {', '.join(pairs)} count as Risk_FX, whose pairs are of two currencies of "
        f"three letters; the numeraire is {numeraire!r}. Let them count as something else, or give "
        "a numeraire of three capital letters.",
    )
    parts = []
    for asset, name in enumerate(names):
        if used[asset] and name != numeraire:
            of = owner == asset
            by_tenor = vega[:, of] @ share[of]
            parts += _asset_rows(targets[name], accounts, delta[:, asset], by_tenor, numeraire)
    if rates is not None:
        fields = (rates.product_class, "Risk_IRCurve", rates.currency, rates.bucket)
        parts += _tenor_rows(accounts, (rho / _BASIS_POINTS) @ share, fields, rates.curve)
    if not parts:
        parts = [pd.DataFrame(columns=[*_KEY, "Amount"])]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["Amount"] != 0.0]
    rows = rows.groupby(_KEY, sort=False)["Amount"].sum().reset_index()
    rows["AmountCurrency"] = numeraire
    rows["AmountUSD"] = rows["Amount"] if numeraire == "USD" else np.nan
    return rows


def export_crif(
    path: Path, targets: Path, out: Path, *, rates: CrifRates | None = None
) -> pd.DataFrame:
    """CRIF rows of every account of a job, written to a file; see `crif_rows`.

    Args:
        path: job file.
        targets: table that says what each asset counts as; see `read_crif_targets`.
        out: file to write: commas if it ends in .csv, else tabs.
        rates: what discount rates count as; None leaves rho out.

    Raises:
        InvalidInputError: with every problem of the inputs, or an asset that nothing is said of.
    """
    from jaxmargin.io import Problems, build_book, read_crif_targets, write_crif
    from jaxmargin.sensitivities import account_greeks

    require(not out.is_dir(), f"--out {out} is a folder. Give a file, such as crif.csv.")
    inputs, problems = load_inputs(path, safeguards=True), Problems()
    read = read_crif_targets(targets, problems)
    problems.raise_if_any()
    assert read is not None  # a table that cannot be used has problems
    market = market_of(inputs)
    rows = crif_rows(
        account_greeks(build_book(inputs.book, inputs.market), market),
        market,
        list(inputs.market.assets["asset"]),
        list(inputs.book.accounts),
        read,
        numeraire=inputs.job.settings["numeraire"],
        rates=rates,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_crif(rows, out)
    return rows


def allocate_tenors(days: np.ndarray) -> np.ndarray:
    """Share of each term, in days, in each of SIMM's tenors: linear between two neighbors."""
    from jaxmargin.margin.simm import TENOR_DAYS

    tenors = np.asarray(TENOR_DAYS)
    return np.stack([np.interp(days, tenors, row) for row in np.eye(tenors.size)], axis=-1)


def _asset_rows(
    target: "CrifTarget",
    accounts: Sequence[str],
    delta: np.ndarray,
    vega: np.ndarray,
    numeraire: str,
) -> list[pd.DataFrame]:
    fields = (target.product_class, target.risk_type, target.qualifier, target.bucket)
    rows = [_rows(accounts, delta, fields, "", "")]
    if vega.any():
        pair = target.qualifier
        if target.risk_type == "Risk_FX":
            if pair == numeraire:
                raise InvalidInputError(
                    f"CRIF targets: options on what counts as {pair}, the numeraire, have no pair "
                    "of currencies. Let it count as something else."
                )
            pair += numeraire
        fields = (target.product_class, f"{target.risk_type}Vol", pair, target.bucket)
        rows += _tenor_rows(accounts, vega, fields, "")
    return rows


def _tenor_rows(
    accounts: Sequence[str], amounts: np.ndarray, fields: tuple[str, str, str, str], label2: str
) -> list[pd.DataFrame]:
    from jaxmargin.margin.simm import TENORS

    columns = zip(TENORS, amounts.T, strict=True)
    return [_rows(accounts, column, fields, tenor, label2) for tenor, column in columns]


def _rows(
    accounts: Sequence[str],
    amounts: np.ndarray,
    fields: tuple[str, str, str, str],
    label1: str,
    label2: str,
) -> pd.DataFrame:
    values: dict[str, Any] = dict(zip(_KEY[1:], (*fields, label1, label2), strict=True))
    return pd.DataFrame({"PortfolioId": list(accounts), **values, "Amount": amounts})
