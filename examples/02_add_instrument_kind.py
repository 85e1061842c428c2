"""Add a kind of instrument of your own: a power perpetual, in one class.

A power perpetual pays the square of the price; its funding is ignored here. All that a kind needs
is arrays, the settlement asset, a multiplier, and the value of one unit in any market state.
Revaluation, margin and derivatives then work as for the built-in kinds.
"""

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import jaxmargin as jm
from jaxmargin.instruments import AbstractInstruments

jax.config.update("jax_enable_x64", True)


class PowerPerpetuals(AbstractInstruments):
    """A perpetual on the square of a price, in units of 10,000 quote currency squared."""

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: jm.Market) -> Float[Array, " instrument"]:
        """Square of the perpetual's price, in the settlement asset."""
        price = market.perpetual[self.asset] / market.spot[self.settlement]
        return price**2 / 10_000.0


# %% A market of ETH and USD, without expiries.
nothing = jnp.zeros(0)
market = jm.Market(
    spot=jnp.array([2_500.0, 1.0]),
    perpetual=jnp.array([2_501.0, 1.0]),
    asset=jnp.zeros(0, jnp.int32),
    time=nothing,
    forward=nothing,
    rate=nothing,
    surface=jm.QuotedVolatilities(jnp.zeros((0, 1)), jnp.zeros((0, 1)), nothing),
)

# %% Account 0 is short ten contracts, account 1 hedges them with perpetuals.
power = PowerPerpetuals(jnp.array([0]), jnp.array([1]), jnp.array([1.0]))
perpetual = jm.LinearPerpetuals(
    asset=jnp.array([0]), settlement=jnp.array([1]), multiplier=jnp.array([1.0])
)
slope = eqx.filter_grad(lambda m: power.value(m)[0])(market).perpetual[0]
account, instrument = np.array([0, 1, 1]), np.array([0, 0, 1])
quantity = np.array([-10.0, -10.0, 10.0 * float(slope)])
book = jm.Book((power, perpetual), jm.build_positions(account, instrument, quantity, accounts=2))

# %% Margin by a grid of price moves: the hedge leaves the curvature.
grid = jm.SpotVolatilityGrid(
    spot_move=jnp.linspace(-0.2, 0.2, 9),
    volatility_move=jnp.zeros(1),
    sensitivity=jnp.array([1.0, 0.0]),
)
pnl = jm.revalue(book, market, grid.shocks(market, jax.random.key(0)))
worst = jm.WorstCase()(pnl, jnp.ones(9))
print(f"worst loss: {worst[0]:,.2f} unhedged, {worst[1]:,.2f} hedged")
