"""Moves of expiries and perpetuals against the coin."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn, by_coin, delta_notional
from jaxmargin.market import Market

__all__ = ["BasisAddOn"]


class BasisAddOn(AbstractAddOn):
    r"""What spreads lose when the carry of all expiries, or the perpetual, moves against spot.

    With net deltas $N_{ae}$ by expiry at $t_e$ years, $P_a$ of perpetuals, in the numeraire,

    $$ \sum_a \Big( \text{carry}_a \Big| \sum_e t_e N_{ae} \Big|
       + \text{smallest}_a \sum_e |N_{ae}| + \text{perpetual}_a |P_a| \Big). $$

    The first term nets a calendar spread to its distance in time; the second keeps expiries apart.
    Spot has no basis. Convex and linear in size; kinks where a net amount is zero.

    Attributes:
        carry: change of the annual carry, by asset; 0.05 is five percentage points.
        smallest: relative move of each expiry against spot on top of that, by asset.
        perpetual: relative move of the perpetual against spot, by asset.
        maintenance_share: see `AbstractAddOn`.

    References:
        Deribit's roll shock has the larger of the first two for each contract and nets nothing.
    """

    carry: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    smallest: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    perpetual: Float[Array, " asset"] = eqx.field(metadata={"entries": "not negative"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        notional, assets = delta_notional(holdings, market), market.spot.shape[0]
        expiry = holdings.by_group(notional, holdings.terms.pillar, market.time.shape[0])
        coin = jnp.broadcast_to(market.base[market.asset][None, :], expiry.shape)
        tilt = holdings.by_group(expiry * market.time[None, :], coin, assets)
        apart = holdings.by_group(jnp.abs(expiry), coin, assets)
        swap = holdings.of_kind(ContractKind.PERPETUAL)
        perpetual = by_coin(holdings, jnp.where(swap, notional, 0.0), market)
        return jnp.sum(
            self.carry[None, :] * jnp.abs(tilt)
            + self.smallest[None, :] * apart
            + self.perpetual[None, :] * jnp.abs(perpetual),
            axis=-1,
        )
