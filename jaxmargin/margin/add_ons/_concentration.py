"""Positions that are large against what a market trades and holds."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn, by_coin, delta_notional
from jaxmargin.market import Market

__all__ = ["ConcentrationAddOn"]


class ConcentrationAddOn(AbstractAddOn):
    r"""A longer margin period for what takes longer to liquidate, and a charge on open interest.

    With the net delta $q_a$ in coins, its notional $N_a = |q_a| S_a$, daily volume $V_a$ and open
    interest $O_a$ in coins, liquidation takes $\tau_a = |q_a| / (\rho V_a)$ days and

    $$ \sum_a N_a\, m_a \Big( \sqrt{\max(1, \tau_a / T)} - 1 \Big)
       + r_a \max(N_a - \theta\, O_a S_a,\, 0). $$

    Convex. Kinks where liquidation takes the margin period, and at the threshold.

    Attributes:
        daily_volume: $V$, coins traded a day, by asset; positive where a coin can be held, and
            infinite for no limit.
        open_interest: $O$, in coins, by asset; infinite for no limit.
        margin: $m$, the margin for the period as a share of notional, which is scaled up.
        excess_rate: $r$, share of the notional above the threshold, by asset.
        participation: $\rho$, share of the daily volume that one can trade, in (0, 1].
        margin_period_days: $T$, the period that margin covers already, positive.
        interest_threshold: $\theta$, share of open interest up to which nothing is charged,
            positive.
        maintenance_share: see `AbstractAddOn`.
    """

    daily_volume: Float[Array, " asset"] = eqx.field(metadata={"entries": "positive"})
    open_interest: Float[Array, " asset"] = eqx.field(metadata={"entries": "positive"})
    margin: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    excess_rate: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    participation: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    margin_period_days: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    interest_threshold: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        size = jnp.abs(by_coin(holdings, delta_notional(holdings, market), market))
        coins = size / market.spot[None, :]
        days = coins / (self.participation * self.daily_volume)[None, :]
        periods = jnp.maximum(days / self.margin_period_days, 1.0)
        longer = size * self.margin[None, :] * (jnp.sqrt(periods) - 1.0)
        above = jnp.maximum(coins - (self.interest_threshold * self.open_interest)[None, :], 0.0)
        excess = (self.excess_rate * market.spot)[None, :] * above
        return jnp.sum(longer + excess, axis=-1)
