"""Profit and loss of every contract in every scenario."""

import jax
import jax.numpy as jnp
from jax.errors import JaxRuntimeError
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.instruments import AbstractInstruments, InverseOptions, LinearOptions
from jaxmargin.market import Market, StickyStrike
from jaxmargin.scenarios import Shocks, scenario_axes, shock_market
from jaxmargin.valuation._execution import CURE, is_out_of_memory
from jaxmargin.valuation._options import option_pnl

__all__ = ["contract_pnl", "pnl_by_value"]

_MOST_HALVINGS = 5


def contract_pnl(book: Book, market: Market, shocks: Shocks) -> Float[Array, "instrument scenario"]:
    r"""Profit and loss of one contract of each row of the book, gain positive, in the numeraire.

    $$ \text{P\&L} = \text{multiplier} \times (V' - V) \times U', $$

    with the values $V$ today and $V'$ in the scenario in the settlement asset, and $U'$ that
    asset's price in the scenario: what is won in a coin is worth what the coin is worth then.

    Where scenarios are dampened, `Shocks.damping` multiplies the result.

    European options whose strikes keep their volatilities go through a kernel of their own;
    everything else through its `value`.

    Raises:
        MemoryError: memory ran out, and did so with ever fewer contracts at once too.
    """
    parts = []
    for batch in book.instruments:
        parts.append(_in_memory(batch, market, shocks, halvings=_MOST_HALVINGS))
    if not parts:
        return jnp.zeros((1, shocks.weight.shape[0]), market.spot.dtype)
    pnl = parts[0] if len(parts) == 1 else jnp.concatenate(parts)
    return pnl if shocks.damping is None else pnl * shocks.damping[None, :]


def _in_memory(
    batch: AbstractInstruments, market: Market, shocks: Shocks, *, halvings: int
) -> Float[Array, "instrument scenario"]:
    """P&L of a batch, half of it at a time where memory runs out."""
    european = isinstance(batch, LinearOptions | InverseOptions)
    try:
        if european and isinstance(market.dynamics, StickyStrike):
            return jax.block_until_ready(option_pnl(batch, market, shocks))
        return jax.block_until_ready(pnl_by_value(batch, market, shocks))
    except JaxRuntimeError as error:
        rows = batch.multiplier.shape[0]
        if not is_out_of_memory(error):
            raise
        if halvings == 0 or rows == 1:
            raise MemoryError(
                f"Memory ran out with {rows} contracts x {shocks.weight.shape[0]:,} scenarios at "
                f"once. {CURE}"
            ) from error
    parts = []
    for half in (slice(None, rows // 2), slice(rows // 2, None)):
        some = jax.tree.map(lambda leaf, half=half: leaf[half], batch)
        parts.append(_in_memory(some, market, shocks, halvings=halvings - 1))
    return jnp.concatenate(parts)


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
