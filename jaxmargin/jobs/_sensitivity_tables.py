"""Tables of sensitivities: arrays with their names beside them."""

from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.io import contract_names
from jaxmargin.jobs._load import Inputs

__all__ = [
    "account_table",
    "bucket_table",
    "kink_table",
    "market_table",
    "parameter_table",
    "position_table",
]


def position_table(inputs: Inputs, slopes: Any, margins: Any) -> pd.DataFrame:
    """One row per position; `slopes` and `margins` have all of them, each in its own order."""
    names, accounts = contract_names(inputs.book), inputs.book.accounts
    table = pd.DataFrame(
        {
            "account": accounts[slopes.account],
            "instrument": names[slopes.instrument],
            "quantity": np.asarray(slopes.quantity, np.float64),
            "marginal": np.asarray(slopes.marginal, np.float64),
            "contribution": np.asarray(slopes.contribution, np.float64),
        }
    )
    others = pd.DataFrame(
        {
            "account": accounts[margins.account],
            "instrument": names[margins.instrument],
            "standalone": np.asarray(margins.standalone, np.float64),
            "incremental": np.asarray(margins.incremental, np.float64),
        }
    )
    return table.merge(others, on=["account", "instrument"], validate="one_to_one")


def account_table(
    inputs: Inputs, labels: list[str], slopes: Any, margins: Any, edges: Any, smoothed: Any | None
) -> pd.DataFrame:
    """One row per account: what splits its margin, and how near its kink is."""
    nan = np.full(len(inputs.book.accounts), np.nan)
    return pd.DataFrame(
        {
            "account": inputs.book.accounts,
            "initial": np.asarray(slopes.margin, np.float64),
            "residual": np.asarray(slopes.residual, np.float64),
            "diversification_benefit": np.asarray(margins.diversification_benefit, np.float64),
            "edge": _labeled(edges.scenario, labels),
            "ties": np.asarray(edges.ties, np.int64),
            "runner_up": _labeled(edges.runner_up, labels),
            "gap": np.asarray(edges.gap, np.float64),
            "smooth": nan if smoothed is None else np.asarray(smoothed.smooth, np.float64),
            "smooth_gap": nan if smoothed is None else np.asarray(smoothed.gap, np.float64),
        }
    )


def kink_table(inputs: Inputs, account: str, labels: list[str], kinks: Any) -> pd.DataFrame:
    """One row per position and asset of one account: distance to the next scenario, both sides."""
    parts = []
    for kind, names, found in (
        ("position", contract_names(inputs.book)[kinks.instrument], kinks.by_position),
        ("asset", inputs.market.assets["asset"].to_numpy(), kinks.by_asset),
    ):
        columns: dict[str, Any] = {"account": account, "kind": kind, "name": names}
        for side in ("up", "down"):
            columns[side] = np.asarray(getattr(found, side), np.float64)
            columns[f"{side}_scenario"] = _labeled(getattr(found, f"{side}_scenario"), labels)
        columns["left"] = np.asarray(found.left, np.float64)
        columns["right"] = np.asarray(found.right, np.float64)
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def bucket_table(inputs: Inputs, buckets: Any, deltas: tuple[str, ...]) -> pd.DataFrame:
    """One row per move as it is quoted: risk, asset, expiry, bucket, unit, amount."""
    assets, pillars = inputs.market.assets["asset"], inputs.market.forwards
    parts = [
        _bucket("price", "1 %", buckets.price, assets),
        _bucket("forward", "1 %", buckets.forward, pillars["asset"], pillars["expiry"]),
        *(
            _bucket(
                "volatility",
                "1 point",
                buckets.volatility[:, number],
                pillars["asset"],
                pillars["expiry"],
                name,
            )
            for number, name in enumerate(deltas)
        ),
        _bucket("rate", "1 basis point", buckets.rate, pillars["asset"], pillars["expiry"]),
        _bucket("funding", "1 point a year", buckets.funding, assets),
        _bucket("time", "1 day", np.asarray(buckets.day)[None], pd.Series([""])),
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[table["amount"] != 0.0].reset_index(drop=True)


def _bucket(
    risk: str,
    unit: str,
    amount: Any,
    asset: pd.Series,
    expiry: pd.Series | None = None,
    bucket: str = "",
) -> pd.DataFrame:
    none = pd.Series(pd.NaT, index=range(len(asset)), dtype="datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "risk": risk,
            "asset": asset.to_numpy(),
            "expiry": none if expiry is None else expiry.dt.as_unit("us"),
            "bucket": bucket,
            "unit": unit,
            "amount": np.asarray(amount, np.float64),
        }
    )


def market_table(inputs: Inputs, slopes: Any, market: Any) -> pd.DataFrame:
    """One row per number of the market: field, asset, expiry, strike, value, slope.

    Numbers of a surface that is not quoted strike by strike have their name as `field`, and rows
    that repeat a quote as padding are added up.
    """
    assets, pillars = inputs.market.assets["asset"], inputs.market.forwards
    parts = [
        _numbers(name, getattr(market, name), getattr(slopes, name), assets)
        for name in ("spot", "perpetual", "funding")
    ]
    parts += [
        _numbers(name, getattr(market, name), getattr(slopes, name), pillars["asset"], pillars)
        for name in ("forward", "rate", "time", "fixed")
    ]
    by = slopes.surface
    for name, leaf in vars(market.surface).items():
        if np.shape(leaf)[:1] != (len(pillars),) or name == "strike":
            continue
        value = np.asarray(leaf)
        slope = np.asarray(getattr(by, name))
        for column in np.ndindex(value.shape[1:]):
            at = (slice(None), *column)
            label = f"surface.{name}" + (str(list(column)) if column and name != "quote" else "")
            part = _numbers(label, value[at], slope[at], pillars["asset"], pillars)
            if name == "quote":
                part["strike"] = np.asarray(market.surface.strike)[at]
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    keys = ["field", "asset", "expiry", "strike", "value"]
    table = table.groupby(keys, sort=False, dropna=False, as_index=False)["slope"].sum()
    return table[np.isfinite(table["value"])].reset_index(drop=True)


def _numbers(
    field: str, value: Any, slope: Any, asset: pd.Series, pillars: pd.DataFrame | None = None
) -> pd.DataFrame:
    table = _bucket(field, "", slope, asset, None if pillars is None else pillars["expiry"])
    return pd.DataFrame(
        {
            "field": field,
            "asset": table["asset"],
            "expiry": table["expiry"],
            "strike": np.nan,
            "value": np.asarray(value, np.float64),
            "slope": table["amount"],
        }
    )


def parameter_table(values: dict[str, Any], slopes: dict[str, Any]) -> pd.DataFrame:
    """One row per number of a setting: parameter, index within it, value, slope."""
    parts = []
    for name, slope in slopes.items():
        value = np.asarray(values[name], np.float64)
        index = [str(list(place)) if place else "" for place in np.ndindex(value.shape)]
        parts.append(
            pd.DataFrame(
                {
                    "parameter": name,
                    "index": index,
                    "value": value.reshape(-1),
                    "slope": np.asarray(slope, np.float64).reshape(-1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _labeled(scenario: Any, labels: list[str]) -> np.ndarray:
    """Labels of scenarios by number; None for -1."""
    return np.array([*labels, None], object)[np.asarray(scenario)]
