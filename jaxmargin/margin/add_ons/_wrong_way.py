"""Collateral that falls with the positions it secures."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin.add_ons._add_on import AbstractAddOn, by_coin, delta_notional
from jaxmargin.market import Market

__all__ = ["WrongWayAddOn"]


class WrongWayAddOn(AbstractAddOn):
    r"""A share of the coins held that secure a long position in the same coin.

    With spot holdings $C_a$ and the delta $D_a$ of all other contracts, in the numeraire,

    $$ \sum_a \text{share}_a \min\big( \max(D_a, 0),\, \max(C_a, 0) \big). $$

    Collateral counts as spot holdings of the account: enter it as positions in `Spot`. A short
    position against coins held is a hedge and is not charged. Linear in size; kinks at zero and
    where both are equal.

    Attributes:
        share: by asset; add what the coin may fall further than margin covers.
        maintenance_share: see `AbstractAddOn`.
    """

    share: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    maintenance_share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})

    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """See `AbstractAddOn.charge`."""
        notional = delta_notional(holdings, market)
        spot = holdings.of_kind(ContractKind.SPOT)
        coins = by_coin(holdings, jnp.where(spot, notional, 0.0), market)
        other = by_coin(holdings, jnp.where(spot, 0.0, notional), market)
        both = jnp.minimum(jnp.maximum(other, 0.0), jnp.maximum(coins, 0.0))
        return jnp.sum(self.share[None, :] * both, axis=-1)
