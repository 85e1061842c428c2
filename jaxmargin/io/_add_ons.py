"""Add-ons from tables of a job file: keys are the names of their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from jaxmargin.io._build_rulebook import build_module, is_by_asset
from jaxmargin.io._plain_settings import refuse_unknown
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._rulebook_entries import broken_rule
from jaxmargin.io._toml import is_number
from jaxmargin.margin.add_ons import (
    AbstractAddOn,
    BasisAddOn,
    ConcentrationAddOn,
    DepegAddOn,
    FundingAddOn,
    LiquidityAddOn,
    MinimumPerContractAddOn,
    OracleConfidenceAddOn,
    WrongWayAddOn,
)
from jaxmargin.market import Market

__all__ = ["ADD_ONS", "build_add_on"]


class _OracleConfidence(eqx.Module):
    """`OracleConfidenceAddOn` with one confidence for all expiries of an asset."""

    spot: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    perpetual: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    expiry: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    threshold: Float[Array, ""] = eqx.field(metadata={"entries": "share"})
    factor: Float[Array, ""] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})


ADD_ONS: dict[str, type[eqx.Module]] = {
    "basis": BasisAddOn,
    "concentration": ConcentrationAddOn,
    "depeg": DepegAddOn,
    "funding": FundingAddOn,
    "liquidity": LiquidityAddOn,
    "minimum-per-contract": MinimumPerContractAddOn,
    "oracle-confidence": _OracleConfidence,
    "wrong-way": WrongWayAddOn,
}
"""What an add-on is read as, by its name in a job file."""


def build_add_on(
    table: Mapping[str, Any], where: str, assets: Sequence[str], market: Market, problems: Problems
) -> AbstractAddOn | None:
    """An add-on from a table whose keys are the names of its fields.

    What is by asset may stand beside the other keys, and then holds for every asset; tables in
    `assets` say what differs for one. Every asset of the market needs its settings. The confidence
    `expiry` of the oracle is by asset, for all its expiries.

    Args:
        table: kind, one of `ADD_ONS`, and settings.
        where: place in the job file, to begin messages with.
        assets: names of the assets of `market`, in its order.
        market: today's.
        problems: where problems go.
    """
    before, kind, own = len(problems.found), ADD_ONS[table["kind"]], table.get("assets", {})
    if not isinstance(own, dict):
        problems.add(
            f"{where}, assets", f"got {own!r}", "Write tables such as [add_on.assets.BTC]."
        )
        return None
    for name in own:
        if name not in assets:
            cure = f"The market has {', '.join(assets)}."
            problems.add(f"{where}, assets", f"unknown asset {name!r}{nearest(name, assets)}", cure)
    known = ["kind", *(field.name for field in fields(kind)), "assets"]
    refuse_unknown(where, table, known, problems)
    rows = {name: row for name, row in own.items() if name in assets}
    given = [table, *(row for row in rows.values() if isinstance(row, dict))]
    by_asset = {field.name: field for field in fields(kind) if is_by_asset(field)}
    for key in known[1:-1]:
        if not any(key in each for each in given):
            problems.add(where, f"key {key!r} is missing", "Give it.")
    for_all = {key: value for key, value in table.items() if key in by_asset}
    for key, value in for_all.items():  # told once, not for every asset
        rule = by_asset[key].metadata["entries"]
        cure = broken_rule(rule, value) if is_number(value) else "Give a number."
        if cure is not None:
            problems.add(f"{where}, {key}", f"got {value!r}", cure)
    if len(problems.found) > before:
        return None
    shared = {key: table[key] for key in known[1:-1] if key in table and key not in by_asset}
    rows = {n: for_all | row if isinstance(row, dict) else row for n, row in rows.items()}
    rows = {"default": for_all} | rows
    built = build_module(
        kind, where, f"{where}, ", shared, rows, list(assets), set(assets), problems
    )
    if isinstance(built, _OracleConfidence):
        parts = {name: getattr(built, name) for name in known[1:-1]}
        return OracleConfidenceAddOn(**parts | {"expiry": built.expiry[market.asset]})
    assert built is None or isinstance(built, AbstractAddOn)
    return built
