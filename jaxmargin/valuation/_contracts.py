"""Profit and loss of every contract in every scenario."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.instruments import AbstractInstruments, InverseOptions, LinearOptions
from jaxmargin.market import Market, StickyStrike
from jaxmargin.scenarios import Shocks, scenario_axes, shock_market
from jaxmargin.valuation._options import option_pnl

__all__ = ["contract_pnl", "pnl_by_value"]


def contract_pnl(book: Book, market: Market, shocks: Shocks) -> Float[Array, "instrument scenario"]:
    r"""Profit and loss of one contract of each row of the book, gain positive, in the numeraire.

    $$ \text{P\&L} = \text{multiplier} \times (V' - V) \times U', $$

    with the values $V$ today and $V'$ in the scenario in the settlement asset, and $U'$ that
    asset's price in the scenario: what is won in a coin is worth what the coin is worth then.

    Where scenarios are dampened, `Shocks.damping` multiplies the result.

    European options whose strikes keep their volatilities go through a kernel of their own;
    everything else through its `value`.
    """
    parts = []
    for batch in book.instruments:
        european = isinstance(batch, LinearOptions | InverseOptions)
        if european and isinstance(market.dynamics, StickyStrike):
            parts.append(option_pnl(batch, market, shocks))
        else:
            parts.append(pnl_by_value(batch, market, shocks))
    if not parts:
        return jnp.zeros((1, shocks.weight.shape[0]), market.spot.dtype)
    pnl = parts[0] if len(parts) == 1 else jnp.concatenate(parts)
    return pnl if shocks.damping is None else pnl * shocks.damping[None, :]


@jax.jit
def pnl_by_value(
    batch: AbstractInstruments, market: Market, shocks: Shocks
) -> Float[Array, "instrument scenario"]:
    """The same by calling `value` in every scenario: any kind, no kernel."""
    today = batch.value(market)

    def one(shock: Shocks) -> Float[Array, " instrument"]:
        shocked = shock_market(market, shock)
        change = batch.value(shocked) - today
        return batch.multiplier * change * shocked.spot[batch.settlement]

    return jax.vmap(one, in_axes=(scenario_axes(shocks),), out_axes=-1)(shocks)
