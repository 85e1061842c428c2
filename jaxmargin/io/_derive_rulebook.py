"""Derive's rulebooks for the assets of a market, from a set of settings."""

from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxmargin.io._derive_parameters import build_derive_parameters, build_derive_scenarios
from jaxmargin.io._problems import Problems
from jaxmargin.io._rulebook_parameters import RulebookSettings
from jaxmargin.io._toml import is_number
from jaxmargin.margin.derive import (
    CoinHaircuts,
    DerivePmrm1,
    DerivePmrm2,
    DerivePmrm2Coins,
    DeriveScenarios,
    DeriveStandard,
    Pmrm1Parameters,
    Pmrm2Parameters,
    StandardParameters,
)

__all__ = ["build_derive_rulebook"]

_PARAMETERS = {
    "derive-pmrm1": Pmrm1Parameters,
    "derive-pmrm2": Pmrm2Parameters,
    "derive-standard": StandardParameters,
}
_NO_BASE = {"factor": 0.0, "initial_scale": 1.0}  # a coin that the set does not name


def build_derive_rulebook(
    rulebook: str,
    settings: RulebookSettings,
    assets: list[str],
    traded: set[str],
    problems: Problems,
) -> DerivePmrm1 | DerivePmrm2 | DeriveStandard | None:
    """A rule of Derive; None, with every problem noted, if it cannot be built.

    Settings are nested tables in [parameters], named as the fields of the rule's parameters, and
    rows of `scenarios`. A table [assets.COIN] says `market = true` where the settings are those of
    the coin's market, `stable = true` of the stablecoin in which accounts are kept, and may have
    tables of settings that differ for the coin. In PMRM_2 it says `cancelling = true` of a coin
    that follows its base, as a market's own coin does, and holds the haircuts `own` and `other`,
    see `DerivePmrm2Coins`; a coin without one counts for nothing there.

    Args:
        rulebook: derive-pmrm1, derive-pmrm2 or derive-standard.
        settings: the set.
        assets: assets of the market, in its order.
        traded: those that options and perpetuals of the book are written on.
        problems: where problems go.
    """
    before, where = len(problems.found), f"{settings.file}, [{settings.name}]"
    shared = settings.content.get("parameters", {})
    if not isinstance(shared, dict):
        problems.add(f"{where}, parameters", "not a table", f"Write [{settings.name}.parameters].")
        shared = {}
    coins = _coins(rulebook, settings.content.get("assets", {}), where, problems)
    markets = [name for name, table in coins.items() if table.get("market")]
    for name in sorted(traded - set(markets)):
        problems.add(
            f"{where}, assets",
            f"{name} is no market of the set, and the book has options or perpetuals on it",
            f"Its markets are {', '.join(markets) or 'none'}; add [{settings.name}.assets.{name}] "
            "with market = true, or take the contracts out of the book.",
        )
    found = Problems()  # of every coin; what is shared is told once
    each = [
        build_derive_parameters(
            rulebook, _own_parameters(rulebook, shared, coins.get(name, {})), where, found
        )
        for name in dict.fromkeys([*assets, *coins])
    ]
    for problem in dict.fromkeys(found.found):
        problems.found.append(problem)
    scenarios = _scenarios(rulebook, settings, assets, markets, problems)
    if len(problems.found) > before:
        return None
    parameters: Any = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each[: len(assets)])
    covered = jnp.asarray([name in markets for name in assets])
    stable = [row for row, name in enumerate(assets) if coins.get(name, {}).get("stable")]
    row = jnp.asarray(stable[0] if stable else -1)
    if rulebook == "derive-standard":
        return DeriveStandard(parameters, covered, row)
    assert scenarios is not None  # or there are problems
    if rulebook == "derive-pmrm1":
        return DerivePmrm1(parameters, scenarios, covered, row)
    return DerivePmrm2(parameters, scenarios, covered, _haircuts(coins, assets), row)


def _coins(rulebook: str, tables: Any, where: str, problems: Problems) -> dict[str, dict[str, Any]]:
    """The tables of coins, checked."""
    if not isinstance(tables, dict):
        problems.add(f"{where}, assets", "not a table", "Write tables such as [SET.assets.BTC].")
        return {}
    flags, haircuts = ("market", "stable"), ()
    if rulebook == "derive-pmrm2":
        flags, haircuts = ("market", "stable", "cancelling"), ("own", "other")
    known = (*flags, *haircuts, *(field.name for field in fields(_PARAMETERS[rulebook])))
    for coin, table in tables.items():
        place = f"{where}, assets.{coin}"
        if not isinstance(table, dict):
            problems.add(place, "not a table", "Write a table of settings.")
            continue
        problems.add_unknown_keys(place, table, known)
        for key in flags:
            if not isinstance(table.get(key, False), bool):
                problems.add(f"{place}.{key}", f"got {table[key]!r}", "Give true or false.")
        for key in haircuts:
            shares = table.get(key, {"maintenance": 1.0, "initial": 0.0})
            if not _are_haircuts(shares):
                problems.add(
                    f"{place}.{key}",
                    f"got {shares!r}",
                    "Write { maintenance = 0.02, initial = 0.01 }, which add up to 1 at most.",
                )
    return {coin: table for coin, table in tables.items() if isinstance(table, dict)}


def _are_haircuts(shares: Any) -> bool:
    return (
        isinstance(shares, dict)
        and shares.keys() == {"maintenance", "initial"}
        and all(is_number(share) and share >= 0.0 for share in shares.values())
        and sum(shares.values()) <= 1.0
    )


def _own_parameters(rulebook: str, shared: dict[str, Any], coin: dict[str, Any]) -> dict[str, Any]:
    """Settings of one coin: its own tables before the shared ones."""
    names = {field.name for field in fields(_PARAMETERS[rulebook])}
    own = {name: value for name, value in coin.items() if name in names}
    if rulebook == "derive-standard" and not coin.get("market"):
        own = {"base": _NO_BASE, **own}
    return {**shared, **own}


def _scenarios(
    rulebook: str,
    settings: RulebookSettings,
    assets: list[str],
    markets: list[str],
    problems: Problems,
) -> DeriveScenarios | None:
    """The scenarios for each market; in those of other assets nothing moves or counts."""
    rows, place = settings.content.get("scenarios"), f"{settings.file}, [{settings.name}].scenarios"
    if rulebook == "derive-standard":
        if rows is not None:
            problems.add(place, "the Standard manager has no scenarios", "Remove the key.")
        return None
    read = build_derive_scenarios(rows, place, problems, skewed=rulebook == "derive-pmrm2")
    if read is None:
        return None
    if not bool(np.all(np.asarray(read.spot_multiplier) > 0.0)):
        problems.add(place, "a spot multiplier of 0", "Prices stay above 0 here; write 0.001.")
    moves = jnp.asarray([[name in markets] for name in assets])

    def of_assets(leaf: Array, still: float) -> Array:
        return jnp.where(moves, leaf[None, :], jnp.asarray(still, leaf.dtype))

    return DeriveScenarios(
        of_assets(read.spot_multiplier, 1.0),
        of_assets(read.mode, 0.0),
        of_assets(read.damping, 0.0),
    )


def _haircuts(coins: dict[str, dict[str, Any]], assets: list[str]) -> DerivePmrm2Coins:
    tables = [coins.get(name, {}) for name in assets]

    def shares(which: str) -> CoinHaircuts:
        nothing = {"maintenance": 1.0, "initial": 0.0}
        each = [table.get(which, nothing) for table in tables]
        return CoinHaircuts(
            jnp.asarray([float(share["maintenance"]) for share in each]),
            jnp.asarray([float(share["initial"]) for share in each]),
        )

    cancelling = [bool(table.get("market") or table.get("cancelling")) for table in tables]
    return DerivePmrm2Coins(jnp.asarray(cancelling), shares("own"), shares("other"))
