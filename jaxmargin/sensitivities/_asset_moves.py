"""P&L by relative moves of assets, for derivatives by prices."""

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float

from jaxmargin.instruments import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["profit_of_moves"]


def profit_of_moves(
    batch: AbstractInstruments, market: Market
) -> Callable[[Float[Array, " asset"]], Float[Array, " instrument"]]:
    """P&L of one unit of each contract, before its multiplier, by a relative move of each asset.

    An asset's spot, forwards and perpetual move by the same fraction, and what is won or lost in
    the settlement asset is converted at its moved price.
    """
    today = batch.value(market)

    def profit(move: Float[Array, " asset"]) -> Float[Array, " instrument"]:
        grown = 1.0 + move
        moved = eqx.tree_at(
            lambda m: (m.spot, m.perpetual, m.forward),
            market,
            (market.spot * grown, market.perpetual * grown, market.forward * grown[market.asset]),
        )
        return (batch.value(moved) - today) * moved.spot[batch.settlement]

    return profit
