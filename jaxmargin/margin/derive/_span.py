"""Worst loss over scenarios and moves of the basis, from values by expiry."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin.derive._charged import ExpiryValues, MarketQuotes
from jaxmargin.margin.derive._inputs import DeriveScenarios, ScenarioMode
from jaxmargin.margin.derive._parameters import BasisMove

__all__ = ["basis_pnl", "options_pnl", "worst_pnl"]


def options_pnl(
    values: ExpiryValues,
    quotes: MarketQuotes,
    scenarios: DeriveScenarios,
    static_discount: Float[Array, "expiry scenario"],
) -> Float[Array, "market scenario"]:
    """P&L of the options in every scenario, gain positive, not yet damped.

    In the modes linear and absolute each expiry counts as a loss, whichever way its value moved.

    Args:
        values: of the options.
        quotes: of the markets.
        scenarios: of each market.
        static_discount: factor of each expiry's value in each scenario.
    """
    change = values.scenario * static_discount - values.mark[:, None]
    skewed = (scenarios.mode >= ScenarioMode.LINEAR)[quotes.market]
    return quotes.of_expiries(jnp.where(skewed, -jnp.abs(change), change))


def basis_pnl(
    values: ExpiryValues, quotes: MarketQuotes, move: BasisMove
) -> Float[Array, " market"]:
    """P&L of forwards that move against spot, not positive: each expiry's worse direction."""
    lower = jnp.minimum(values.up - values.mark, values.down - values.mark)
    own = move.add[quotes.market] + move.multiple[quotes.market] * quotes.years
    return quotes.of_expiries(jnp.minimum(lower, 0.0) * own)


def worst_pnl(
    pnl: Float[Array, "market scenario"], basis: Float[Array, " market"]
) -> tuple[Float[Array, " market"], Int[Array, " market"]]:
    """Lowest P&L and its scenario, the number of scenarios where it is the basis."""
    every = jnp.concatenate([pnl, basis[:, None]], axis=1)
    return jnp.min(every, axis=1), jnp.argmin(every, axis=1)
