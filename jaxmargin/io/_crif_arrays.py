"""CRIF rows as the arrays that SIMM reads."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.io._crif import CrifTables
from jaxmargin.io._crif_parameters import SimmCurrencies
from jaxmargin.io._crif_schema import ADD_ONS, RISK_TYPES
from jaxmargin.margin.simm import (
    PRODUCT_CLASSES,
    RISK_CLASS_OF,
    SENSITIVITY_MEASURE,
    TENORS,
    RiskType,
    SimmAddOns,
    SimmSensitivities,
)

__all__ = ["build_simm"]

_BY_TENOR = (
    RiskType.CURVE,
    RiskType.RATES_VEGA,
    RiskType.CREDIT_QUALIFYING,
    RiskType.CREDIT_QUALIFYING_VEGA,
    RiskType.CREDIT_NON_QUALIFYING,
    RiskType.CREDIT_NON_QUALIFYING_VEGA,
)
_BY_GROUP = (RiskType.CREDIT_NON_QUALIFYING, RiskType.CREDIT_NON_QUALIFYING_VEGA)
_FACTOR = ["portfolio", "product", "kind", "name", "code", "factor_tenor", "label"]
_BUCKET = ["portfolio", "product", "risk_class", "measure", "code", "currency"]
_GROUP = ["portfolio", "product", "risk_class", "measure", "single", "name"]
_PERCENT = 0.01


def build_simm(
    tables: CrifTables, currencies: SimmCurrencies, *, calculation_currency: str = "USD"
) -> tuple[SimmSensitivities, SimmAddOns]:
    """Sensitivities and add-ons of every portfolio, padded, with a first axis over portfolios.

    FX sensitivities to the calculation currency itself carry no risk and are left out, as the rule
    says. Amounts stay in USD.

    Args:
        tables: rows as `read_crif` returns them.
        currencies: what the rule says of currencies.
        calculation_currency: three letters.
    """
    rows = _coded(tables, currencies, calculation_currency)
    portfolios = len(tables.portfolios)
    factors = rows.drop_duplicates(_FACTOR).copy()
    factors["place"] = factors.groupby("portfolio").cumcount()
    factors["group"] = _numbered(factors, _GROUP)
    factors["bucket"] = _numbered(factors, _BUCKET)
    rows = rows.merge(factors[[*_FACTOR, "place"]], on=_FACTOR, how="left", validate="many_to_one")
    rows["row"] = rows.groupby("portfolio").cumcount()
    buckets = factors.drop_duplicates(["portfolio", "bucket"])

    def padded(table: pd.DataFrame, place: str, column: str, kind: Any = np.int32) -> Any:
        size = max(1, int(table[place].max()) + 1) if len(table) else 1
        array = np.zeros((portfolios, size), kind)
        array[table["portfolio"], table[place]] = table[column]
        return jnp.asarray(array)

    sensitivities = SimmSensitivities(
        amount=padded(rows, "row", "amount", np.float64),
        row_factor=padded(rows, "row", "place"),
        row_tenor=padded(rows, "row", "tenor"),
        kind=padded(factors, "place", "kind"),
        weight=padded(factors, "place", "weight"),
        threshold=padded(factors, "place", "threshold"),
        tenor=padded(factors, "place", "tenor"),
        curve=padded(factors, "place", "label"),
        issuer=padded(factors, "place", "issuer"),
        group=padded(factors, "place", "group"),
        bucket=padded(factors, "place", "bucket"),
        product=padded(buckets, "bucket", "product"),
        risk_class=padded(buckets, "bucket", "risk_class"),
        measure=padded(buckets, "bucket", "measure"),
        code=padded(buckets, "bucket", "code"),
    )
    return sensitivities, _add_ons(tables)


def _coded(
    tables: CrifTables, currencies: SimmCurrencies, calculation_currency: str
) -> pd.DataFrame:
    """Rows with numbers for names."""
    found = tables.sensitivities
    own = (found["RiskType"] == "Risk_FX") & (found["Qualifier"] == calculation_currency)
    found = found[~own].reset_index(drop=True)
    kinds = {kind.name: kind for kind in RISK_TYPES}
    rows = pd.DataFrame(index=found.index)
    rows["portfolio"] = tables.portfolios.get_indexer(pd.Index(found["PortfolioId"]))
    rows["amount"] = found["AmountUSD"].astype(np.float64)
    rows["product"] = _mapped(found["ProductClass"], {n: i for i, n in enumerate(PRODUCT_CLASSES)})
    rows["kind"] = _mapped(found["RiskType"], {name: int(k.kind) for name, k in kinds.items()})
    rows["risk_class"] = np.asarray(RISK_CLASS_OF)[rows["kind"]]
    rows["measure"] = np.asarray(SENSITIVITY_MEASURE)[rows["kind"]]
    rows["tenor"] = _mapped(found["Label1"], {"": 0, **{n: i for i, n in enumerate(TENORS)}})
    places = {
        (k.name, b): i
        for k in RISK_TYPES
        if k.kind != RiskType.CURVE
        for i, b in enumerate(k.buckets)
    }  # of rates, the currency is the bucket
    pairs = list(zip(found["RiskType"], found["Bucket"], strict=True))
    rows["code"] = np.asarray([places.get(pair, 0) for pair in pairs], np.int64)
    rows["name"] = pd.factorize(found["Qualifier"])[0]
    rows["label"] = pd.factorize(found["Label2"])[0]
    rates, by_group = rows["risk_class"] == 0, rows["kind"].isin(_BY_GROUP)
    rows["currency"] = rows["name"].where(rates, -1)
    rows["issuer"] = rows["label"].where(by_group, rows["name"])
    rows["factor_tenor"] = rows["tenor"].where(rows["kind"].isin(_BY_TENOR), -1)
    # what concentrates one by one: all but a currency's rates and an issuer's credit
    rows["single"] = rows["code"].where(rows["risk_class"] > 2, -1)
    fx, pair = rows["kind"] == RiskType.FX, rows["kind"] == RiskType.FX_VEGA
    rows["weight"], rows["threshold"] = rows["code"], rows["code"]
    at = {"curve": rows["kind"] == RiskType.CURVE, "rates": rates, "fx": fx, "pair": pair}
    name = found["Qualifier"]
    calculation = currencies.fx_volatility(calculation_currency)
    _put(rows, at["curve"], "weight", name, lambda n: 12 * currencies.rates_volatility(n))
    rows.loc[at["curve"], "weight"] += rows.loc[at["curve"], "tenor"]
    _put(rows, rates, "threshold", name, currencies.rates_category)
    _put(rows, fx, "weight", name, lambda n: 2 * calculation + currencies.fx_volatility(n))
    _put(rows, fx, "threshold", name, currencies.fx_category)
    volatility, category = currencies.fx_volatility, currencies.fx_category
    _put(rows, pair, "weight", name, lambda n: 2 * volatility(n[:3]) + volatility(n[3:]))
    _put(rows, pair, "threshold", name, lambda n: 3 * category(n[:3]) + category(n[3:]))
    return rows


def _put(
    rows: pd.DataFrame, which: pd.Series, column: str, name: pd.Series, code: Callable[[str], int]
) -> None:
    rows.loc[which, column] = name[which].map(code).astype(np.int64)


def _mapped(cells: pd.Series, codes: dict[str, int]) -> pd.Series:
    return cells.map(codes).astype(np.int64)


def _numbered(table: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Numbers from zero in each portfolio, equal where the keys are."""
    first = table.drop_duplicates(keys)
    numbers = first.groupby("portfolio").cumcount().to_numpy()
    first = first[keys].assign(number=numbers)
    return pd.Series(
        table[keys].merge(first, on=keys, how="left")["number"].to_numpy(), table.index
    )


def _add_ons(tables: CrifTables) -> SimmAddOns:
    """Add-ons of every portfolio; notionals of products without a factor count for nothing."""
    rows, portfolios = tables.add_ons, len(tables.portfolios)
    place = tables.portfolios.get_indexer(pd.Index(rows["PortfolioId"]))
    rows = rows.assign(portfolio=place)
    multipliers, factors, notionals, fixed = (rows[rows["RiskType"] == name] for name in ADD_ONS)
    multiplier = np.ones((portfolios, len(PRODUCT_CLASSES)))
    column = [PRODUCT_CLASSES.index(name) for name in multipliers["Qualifier"]]
    multiplier[multipliers["portfolio"], column] = multipliers["Amount"]
    fixed_sum = np.zeros(portfolios)
    np.add.at(fixed_sum, fixed["portfolio"].to_numpy(), fixed["Amount"].to_numpy(np.float64))
    amounts = notionals.assign(Amount=notionals["Amount"].abs())
    summed = amounts.groupby(["portfolio", "Qualifier"], as_index=False)["Amount"].sum()
    joined = factors.merge(
        summed, on=["portfolio", "Qualifier"], how="inner", suffixes=("", "_notional")
    )
    joined["place"] = joined.groupby("portfolio").cumcount()
    size = int(joined["place"].max()) + 1 if len(joined) else 1
    notional, factor = np.zeros((portfolios, size)), np.zeros((portfolios, size))
    notional[joined["portfolio"], joined["place"]] = joined["Amount_notional"]
    factor[joined["portfolio"], joined["place"]] = _PERCENT * joined["Amount"]
    return SimmAddOns(*map(jnp.asarray, (multiplier, notional, factor, fixed_sum)))
