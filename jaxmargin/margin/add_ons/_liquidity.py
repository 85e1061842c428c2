"""Cost of trading out of positions."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn, by_coin, delta_notional
from jaxmargin.market import Market

__all__ = ["LiquidityAddOn"]


class LiquidityAddOn(AbstractAddOn):
    r"""Half the spread, and the square root law of market impact, on each coin's net delta.

    With the net delta $q_a$ in coins, spot $S_a$ and daily volume $V_a$,

    $$ \sum_a |q_a| S_a \Big( \tfrac12 \text{spread}_a + Y_a \sigma_a \sqrt{|q_a| / V_a} \Big). $$

    Convex; without spread homogeneous of degree 1.5. Differentiable; at zero too, without spread.

    Attributes:
        impact: $Y$, about 0.5 to 1, by asset.
        daily_volatility: $\sigma$, of one day, by asset.
        daily_volume: $V$, coins traded a day, by asset; positive where a coin can be held, and
            infinite for what moves no market.
        half_spread: half of the spread as a share of the price, by asset.
        maintenance_share: see `AbstractAddOn`.

    References:
        Toth, B. et al. (2011), "Anomalous price impact and the critical nature of liquidity in
        financial markets", Physical Review X 1, 021006; Bangia, A. et al. (1999), "Modeling
        liquidity risk, with implications for traditional market risk measurement and management".
    """

    impact: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    daily_volatility: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    daily_volume: Float[Array, " asset"] = eqx.field(metadata={"entries": "positive"})
    half_spread: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        size = jnp.abs(by_coin(holdings, delta_notional(holdings, market), market))
        held = size > 0.0  # the root has no slope at zero
        coins = jnp.where(held, size, 1.0) / market.spot[None, :]
        scale = self.impact * self.daily_volatility / jnp.sqrt(self.daily_volume)
        price = self.half_spread[None, :] + scale[None, :] * jnp.sqrt(coins)
        return jnp.sum(jnp.where(held, size * price, 0.0), axis=-1)
