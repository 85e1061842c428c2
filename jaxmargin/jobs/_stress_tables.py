"""Tables of a stress test of a whole book: accounts, funds, waterfall."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.book import build_positions, list_positions
from jaxmargin.jobs._calculation import Calculation
from jaxmargin.jobs._stress_inputs import StressInputs
from jaxmargin.scenarios import Shocks, scenario_axes, shock_market
from jaxmargin.systemic import (
    FundSizing,
    WaterfallResources,
    member_exposures,
    run_waterfall,
    size_fund,
)
from jaxmargin.valuation import contract_pnl, stream_pnl

__all__ = ["fund_table", "stress_table", "waterfall_table"]

_DEFAULTERS = 2  # members in default in the waterfall: cover two
_PLACES = ("largest", "second", "third")


def stress_table(
    stress: StressInputs,
    calculation: Calculation,
    held: Float[np.ndarray, "account asset"],
    initial: Float[np.ndarray, " account"],
    resources: Float[np.ndarray, " account"],
) -> tuple[pd.DataFrame, FundSizing, Float[np.ndarray, "asset stress"]]:
    """One row per account and stress, the sizes of a fund, and prices of assets in each stress.

    Args:
        stress: the checked inputs.
        calculation: market and book.
        held: units of assets that move beside the contracts.
        initial: margin of each account, as published.
        resources: of each account, in the numeraire.
    """
    market, book = calculation.market, calculation.book
    moves = {name: jnp.asarray(value) for name, value in stress.arrays.items()}
    shocks = Shocks(**moves, overlap=jnp.ones(()), tilt=None)
    pnl = contract_pnl(book, market, shocks)
    shocked = jax.vmap(
        lambda shock: shock_market(market, shock).spot,
        in_axes=(scenario_axes(shocks),),
        out_axes=-1,
    )(shocks)
    positions = book.positions
    if held.any():  # as positions in further contracts, one for each asset
        quantities = tuple(block.quantity for block in positions.blocks)
        account, contract, quantity, _ = list_positions(positions, quantities)
        owner, asset = np.nonzero(held)
        positions = build_positions(
            np.concatenate([account, owner]),
            np.concatenate([contract, pnl.shape[0] + asset]),
            np.concatenate([quantity, held[owner, asset]]),
            accounts=positions.accounts,
        )
        pnl = jnp.concatenate([pnl, shocked - market.spot[:, None]])
    exposures = member_exposures(
        pnl,
        positions,
        jnp.asarray(resources, pnl.dtype),
        stress.member,
        members=len(stress.members),
    )
    sizes = size_fund(exposures, jnp.ones(pnl.shape[1], pnl.dtype), level=stress.settings["level"])
    profit = np.zeros((positions.accounts, len(stress.labels)))
    for own, values in stream_pnl(pnl, positions):
        profit[own] = values
    accounts, count = stress.inputs.book.accounts, len(stress.labels)
    beyond = np.maximum(-profit - resources[:, None], 0.0)
    table = pd.DataFrame(
        {
            "account": np.repeat(np.asarray(accounts, object), count),
            "member": np.repeat(np.asarray(stress.members, object)[stress.member], count),
            "stress": np.tile(np.asarray(stress.labels, object), len(accounts)),
            "pnl": profit.reshape(-1),
            "initial": np.repeat(initial, count),
            "resources": np.repeat(resources, count),
            "shortfall": beyond.reshape(-1),
        }
    )
    spot = stress.inputs.market.assets["spot"].to_numpy(np.float64)
    relative = np.asarray(shocked, np.float64) / np.asarray(market.spot, np.float64)[:, None]
    return table, jax.device_get(sizes), spot[:, None] * relative


def fund_table(
    stress: StressInputs, table: pd.DataFrame, sizes: FundSizing, liquidation: pd.DataFrame | None
) -> pd.DataFrame:
    """One row per stress; see `StressResult.fund`."""
    short = table.assign(accounts_short=table["shortfall"] > 0.0)
    by_stress = short.groupby("stress", sort=False)[["pnl", "accounts_short", "shortfall"]].sum()
    by_stress = by_stress.loc[stress.labels].reset_index()
    names = np.asarray([*stress.members, ""], object)  # the last, -1, is nobody
    largest = np.asarray(sizes.largest, np.float64)
    for place, row in zip(_PLACES, range(3), strict=True):
        by_stress[f"{place}_member"] = names[np.asarray(sizes.member[row])]
        by_stress[place] = largest[row]
    by_stress["cover_two"] = largest[0] + largest[1]
    by_stress["largest_or_next_two"] = np.maximum(largest[0], largest[1] + largest[2])
    if liquidation is not None:
        for breaker, part in liquidation.groupby("breaker", sort=False):
            steps = part.groupby("stress", sort=False)
            last = steps[["fund", "shortfall"]].last().loc[stress.labels]
            passed_on = steps[["taken", "socialized"]].sum().loc[stress.labels].sum(axis=1)
            cost = stress.settings["insurance_fund"] - last["fund"] + last["shortfall"] + passed_on
            by_stress[f"cost_{breaker}"] = cost.to_numpy()
    return by_stress


def waterfall_table(stress: StressInputs, table: pd.DataFrame) -> pd.DataFrame:
    """One row per stress and layer: stress, layer, amount; the layers add up to the loss.

    The two members with the largest losses beyond resources default in each stress, as far as
    there are two. A defaulter's loss is that of its losing accounts, and what they owed before: a
    deficit, where resources are negative. Its margin is what of their resources the losses take.
    """
    assert stress.contributions is not None
    shape = (len(stress.member), len(stress.labels))
    profit, held, beyond = (
        table[name].to_numpy().reshape(shape) for name in ("pnl", "resources", "shortfall")
    )
    margin, exposure = (np.zeros((shape[1], len(stress.members))) for _ in range(2))
    taken = np.minimum(np.maximum(-profit, 0.0), np.maximum(held, 0.0))
    np.add.at(margin.T, stress.member, taken)
    np.add.at(exposure.T, stress.member, beyond)
    place = np.argsort(np.argsort(-exposure, axis=1, kind="stable"), axis=1)
    settings = stress.settings
    with jax.enable_x64(True):
        amounts = {
            name: jnp.asarray(np.float64(settings[name]))
            for name in ("own_capital", "second_capital", "assessment")
        }
        resources = WaterfallResources(
            margin=jnp.asarray(margin), contribution=jnp.asarray(stress.contributions), **amounts
        )
        defaulted = jnp.asarray((place < _DEFAULTERS) & (exposure > 0.0))
        paid = jax.device_get(run_waterfall(jnp.asarray(margin + exposure), defaulted, resources))
    layers = {
        name: np.asarray(amount).reshape(shape[1], -1).sum(axis=1)
        for name, amount in vars(paid).items()
        if name != "gains"  # gains of survivors are not cut
    }
    return pd.DataFrame(
        {
            "stress": np.repeat(np.asarray(stress.labels, object), len(layers)),
            "layer": np.tile(list(layers), shape[1]),
            "amount": np.stack(list(layers.values()), axis=1).reshape(-1),
        }
    )
